"""Reads one voxel's LCModel result, a `.table` or a `.coord`, from its bytes.

| 0-based columns | field |
|---|---|
| 1-8 | concentration, F8.3 or like `4.66E+05` |
| 9-12, 13 | %SD (the Cramer-Rao bound in percent), `%`; 999 means that there is no estimate |
| 14-21 | ratio to the reference, not read |
| 22 | blank, `+` or `-`, touching ratio and name |
| 23-49 | metabolite |

Read off LCModel 6.3-1N. The declared counts of lines are never used: they can be wrong (ONLYCO=T) or touch the
section's name. A `.coord` has the same lines as a `.table` without `$$`, then spectra, then the diagnostics.
"""

import math
import re
from dataclasses import dataclass

from mrsi_sr.scan.volumes import Status

CONCENTRATION = slice(1, 9)
SD = slice(9, 13)
NAME = slice(23, 50)
NO_SD_PERCENT = 999

_FWHM_AND_SNR = re.compile(rb"FWHM *= *(\S*?) *ppm *S/N *= *(\S+)[^\S\n]*\n")
_FAILURE = re.compile(rb"^ *\d+ *(?:FATAL|ILLOGICAL)", re.MULTILINE)
_MISC_BYTES = 1000  # the line with FWHM is the first of $$MISC


@dataclass(frozen=True)
class Fit:
    """One voxel's fit. A missing number is NaN.

    concentrations: metabolite as written -> (concentration in LCModel's unit, %SD); empty unless status is OK.
    fwhm in ppm; snr is LCModel's integer S/N.
    """

    status: Status
    concentrations: dict[str, tuple[float, float]]
    fwhm: float
    snr: float


def parse(data: bytes) -> Fit:
    """Read a `.table` or `.coord` file's bytes, whatever state it is in."""
    status, rows, fwhm, snr = scan(data)
    concentrations = {}
    for row in rows:
        concentrations.setdefault(name_of(row).decode("ascii", "replace"), (concentration_of(row), sd_of(row)))
    return Fit(status, concentrations, fwhm, snr)


def scan(data: bytes) -> tuple[Status, list[bytes], float, float]:
    """Find what is needed of a file without reading its numbers: status, concentration rows, FWHM (ppm), S/N.

    A voxel is OK only if it has concentrations and FWHM with S/N, and no FATAL or ILLOGICAL among its diagnostics.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if (b"FATAL" in data or b"ILLOGICAL" in data) and _failed(data):
        return Status.FATAL, [], math.nan, math.nan
    rows = _rows(data)
    misc = _section(data, b"$$MISC", b"lines in following misc. output table")
    found = _FWHM_AND_SNR.search(data, misc, misc + _MISC_BYTES) if misc >= 0 else None
    if not rows or not found:
        return Status.TRUNCATED if data.strip() else Status.EMPTY, [], math.nan, math.nan
    snr = _number(found[2])
    return Status.OK, rows, _number(found[1]), math.nan if snr < 0 else snr  # -1 stands for undefined


def name_of(row: bytes) -> bytes:
    """The metabolite of a concentration row, as written."""
    return row[NAME].strip()


def concentration_of(row: bytes) -> float:
    """The concentration of a row; NaN where it is not a number (`********`)."""
    return _number(row[CONCENTRATION])


def sd_of(row: bytes) -> float:
    """The %SD of a row; NaN where it is not a number or 999, LCModel's word for no estimate."""
    sd = _number(row[SD])
    return math.nan if sd == NO_SD_PERCENT else sd


def _number(field: bytes) -> float:
    try:
        value = float(field)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _section(data: bytes, mark: bytes, phrase: bytes) -> int:
    """Where a section's heading is (a table's mark at the start of a line, or a .coord file's phrase), -1 if absent."""
    if data.startswith(mark):
        return 0
    start = data.find(b"\n" + mark)
    return start + 1 if start >= 0 else data.find(phrase)


def _rows(data: bytes) -> list[bytes]:
    """The concentration rows, up to a blank line or the next section."""
    start = _section(data, b"$$CONC", b"lines in following concentration table")
    start = data.find(b"\n", start) if start >= 0 else -1  # the heading ends
    start = data.find(b"\n", start + 1) if start >= 0 else -1  # the line of column names ends
    if start < 0:
        return []
    rows = []
    while (end := data.find(b"\n", start + 1)) >= 0:  # a last line without its end was cut: it is not read
        row = data[start + 1 : end]
        if row.startswith(b"$$") or not row.strip() or b"lines in following" in row:
            break
        if name_of(row):
            rows.append(row)
        start = end
    return rows


def _failed(data: bytes) -> bool:
    """Whether the diagnostics (not the title, nor the input) say FATAL or ILLOGICAL."""
    start = _section(data, b"$$DIAG", b"lines in following diagnostic table")
    start = data.find(b"\n", start) + 1 if start >= 0 else 0
    if not start:
        return False
    ends = [data.find(end, start) for end in (b"\n$$", b"\n\n", b"lines in following table of input")]
    return bool(_FAILURE.search(data, start, min((end for end in ends if end >= 0), default=len(data))))
