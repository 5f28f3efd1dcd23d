"""Parser of one voxel's LCModel result, a `.table` or a `.coord` file.

| 0-based columns | field |
|---|---|
| 1-8 | concentration, F8.3 or like `4.66E+05` |
| 9-12, 13 | %SD (the Cramer-Rao lower bound in percent), `%`; 999: no estimate |
| 14-21 | ratio to the reference, not read |
| 22 | blank, `+` or `-`, touching ratio and name |
| 23-49 | metabolite |

Layout of LCModel 6.3-1N. The declared numbers of lines are not used: they can be wrong (ONLYCO=T) or touch the
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
_DOWS = re.compile(rb"\bDOWS *= *\.?([TF])", re.IGNORECASE)
_HZPPPM = re.compile(rb"\bHZPPPM *= *([0-9.E+]+)", re.IGNORECASE)
_MISC_BYTES = 1000  # the line with FWHM is the first of $$MISC


@dataclass(frozen=True)
class Fit:
    """LCModel's fit of one voxel; missing numbers are NaN.

    concentrations: metabolite as spelled in the file -> (concentration in LCModel's unit, %SD); empty unless OK.
    fwhm in ppm; snr is LCModel's integer S/N.
    """

    status: Status
    concentrations: dict[str, tuple[float, float]]
    fwhm: float
    snr: float


def parse(data: bytes) -> Fit:
    """The fit in the bytes of a `.table` or `.coord` file, complete or not."""
    status, rows, fwhm, snr = extract(data)
    concentrations = {}
    for row in rows:
        concentrations.setdefault(name_of(row).decode("ascii", "replace"), (concentration_of(row), sd_of(row)))
    return Fit(status, concentrations, fwhm, snr)


def extract(data: bytes) -> tuple[Status, list[bytes], float, float]:
    """Status, unparsed concentration rows, FWHM (ppm) and S/N of a file.

    The status is OK only with concentrations, FWHM and S/N, and without FATAL or ILLOGICAL among the diagnostics.
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
    return Status.OK, rows, _number(found[1]), math.nan if snr < 0 else snr  # -1: undefined


def input_changes(data: bytes) -> tuple[bool | None, float]:
    """What LCModel's list of changed input says: whether it scaled by the water signal, and the frequency in MHz.

    Without DOWS in the list there is no scaling: F is its default. None, and NaN, where the file has no such list.
    """
    start = _section(data, b"$$INPU", b"lines in following table of input changes")
    if start < 0:
        return None, math.nan
    scaled, frequency = _DOWS.findall(data, start), _HZPPPM.findall(data, start)  # of a namelist the last one counts
    return bool(scaled) and scaled[-1] in b"Tt", _number(frequency[-1]) if frequency else math.nan


def name_of(row: bytes) -> bytes:
    """Metabolite of a concentration row, as spelled in the file."""
    return row[NAME].strip()


def concentration_of(row: bytes) -> float:
    """Concentration of a row; NaN where it is not a number (`********`)."""
    return _number(row[CONCENTRATION])


def sd_of(row: bytes) -> float:
    """%SD of a row; NaN where it is not a number, or 999 (no estimate)."""
    sd = _number(row[SD])
    return math.nan if sd == NO_SD_PERCENT else sd


def _number(field: bytes) -> float:
    try:
        value = float(field)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _section(data: bytes, mark: bytes, phrase: bytes) -> int:
    """Position of a section's heading (a table's mark at the start of a line, a .coord file's phrase); -1: absent."""
    if data.startswith(mark):
        return 0
    start = data.find(b"\n" + mark)
    return start + 1 if start >= 0 else data.find(phrase)


def _rows(data: bytes) -> list[bytes]:
    """Concentration rows, up to a blank line or the next section."""
    start = _section(data, b"$$CONC", b"lines in following concentration table")
    start = data.find(b"\n", start) if start >= 0 else -1  # the heading ends
    start = data.find(b"\n", start + 1) if start >= 0 else -1  # the line of column names ends
    if start < 0:
        return []
    rows = []
    while (end := data.find(b"\n", start + 1)) >= 0:  # a last line without newline is incomplete: not read
        row = data[start + 1 : end]
        if row.startswith(b"$$") or not row.strip() or b"lines in following" in row:
            break
        if name_of(row):
            rows.append(row)
        start = end
    return rows


def _failed(data: bytes) -> bool:
    """Whether the diagnostics (not the title or the input) contain FATAL or ILLOGICAL."""
    start = _section(data, b"$$DIAG", b"lines in following diagnostic table")
    start = data.find(b"\n", start) + 1 if start >= 0 else 0
    if not start:
        return False
    ends = [data.find(end, start) for end in (b"\n$$", b"\n\n", b"lines in following table of input")]
    return bool(_FAILURE.search(data, start, min((end for end in ends if end >= 0), default=len(data))))
