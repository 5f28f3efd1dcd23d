"""Writer of per-voxel .table files in the exact layout of LCModel 6.3-1N, in a folder or an archive."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mrsi_sr.cli import progress
from mrsi_sr.phantom.acquisition import MEDIAN_SD_PERCENT, SimulatedFits

REFERENCE = "Cr+PCr"
VERSION = " LCModel (Version 6.3-1N)"
TITLE = "synthetic 7T FID-MRSI phantom"
CONC_WIDTH, DIAG_WIDTH = 75, 74  # characters: LCModel pads lines of $$CONC and $$MISC, of $$DIAG and $$INPU
INPUT_CHANGES = ("LTABLE=7", "DOWS=T, ATTH2O=0.7, WCONC=35880", "NUNFIL=960, DELTAT=3.6e-04, HZPPPM=297.223")
# Lines of $$MISC, with numbers of the widest form for each.
MISC_LINES = (
    ("  FWHM = %s ppm    S/N =%4d", ("0.000", 0)),
    ("  Data shift =%s ppm", (" 0.000",)),
    ("  Ph:%4d deg%s deg/ppm", (0, "       0.0")),
    ("  alphaB,S = 1.4E-01,   4.0E-01", ()),
    ("   18 spline knots.   Ns = %d(1)", (5,)),
    ("   2 inflections.     1 extrema", ()),
)
WARNING = "1 warning   MYBASI 41"
FATAL_DIAGNOSTICS = (("1 FATAL     FTDATA  1",), (WARNING, "2 ERRORS    SOLVE   8", "1 FATAL     SOLVE   6"))
MORE_DIAGNOSTICS = ((), (), ("1 info      STARTV 13",), ("2 info's    RFALSI 11", "1 info      STARTV 24"))


def table_name(voxel, naming: str, participant: str) -> str:
    """File name of voxel (i, j, k); in LCModel's own multi-voxel naming the row is j + 1, the column i + 1."""
    x, y, z = (int(index) + 1 for index in voxel)
    if naming == "multivoxel":
        return f"sl{z}_{y}-{x}.table"
    return f"{participant}_x{x:02d}_y{y:02d}_z{z:02d}.table"


def tables(rng: np.random.Generator, fits: SimulatedFits, naming: str) -> Iterator[tuple[np.ndarray, bytes]]:
    """Voxel index [3] and bytes of every file that LCModel would leave, in the order of the voxels."""
    without_fit = _tables_without_fit(fits)
    rows = _concentration_rows(fits)
    layout = _layout()
    fwhm = np.char.mod("%.3f", fits.fwhm)
    shift = np.char.mod("%6.3f", 0.005 * np.rint(rng.normal(0.0, 3.0, len(fits.snr))) + 0.0)
    phase = np.rint(rng.normal(0.0, 20.0, len(fits.snr))).astype(int)
    slope = np.char.mod("%10.1f", np.round(rng.normal(0.0, 0.8, len(fits.snr)), 1) + 0.0)
    knots = rng.integers(5, 8, len(fits.snr))
    more = rng.integers(len(MORE_DIAGNOSTICS), size=len(fits.snr))
    endings = [_diagnostics((WARNING, *lines)) for lines in MORE_DIAGNOSTICS]
    missing = set(fits.failures["no_file"].tolist()) | set(fits.failures["never_written"].tolist())
    for position, voxel in enumerate(progress(fits.voxels, "tables")):
        if position in missing:
            continue
        if position in without_fit:
            yield voxel, without_fit[position]
            continue
        x, y, z = voxel + 1
        title = f" Slice#{z} Row#{y} Col#{x}  {TITLE}" if naming == "multivoxel" else f" {TITLE}"
        numbers = (fwhm[position], fits.snr[position], shift[position], phase[position], slope[position])
        body = layout % (*rows[position], *numbers, knots[position])
        yield voxel, f"{VERSION}\n{title}\n\n{body}{endings[more[position]]}".encode("ascii")


def write_folder(folder: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Write tables (name, bytes) into an existing folder."""
    for name, data in files:
        (folder / name).write_bytes(data)


def write_archive(path: Path, folder: str, files: Iterator[tuple[str, bytes]]) -> None:
    """Write tables (name, bytes) as folder/NAME into a .tar.gz; its bytes depend on nothing else, such as the time."""
    with (
        path.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, data in files:
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o644, 0
            archive.addfile(member, io.BytesIO(data))


def lcmodel_number(values: np.ndarray, digits: int) -> np.ndarray:
    """Numbers as LCModel prints them in 8 columns, str [...]: 0.000, 12.345, or (below 0.0995, from 1000) 3.26E-02.

    digits: significant digits of the form with exponent, 3 for concentrations and 2 for ratios.
    """
    text = np.char.mod("%8.3f", values)
    small_or_large = (values != 0) & ((values < 0.0995) | (values > 999.999))
    scientific = np.char.mod(f"%8.{digits - 1}E", values[small_or_large])
    text[small_or_large] = scientific
    return text


def _concentration_rows(fits: SimulatedFits) -> list[list[str]]:
    """Concentration, %SD and ratio of every row as printed: N lists of 3 x rows."""
    names = list(MEDIAN_SD_PERCENT)
    values = np.round(np.stack([fits.concentration[name] for name in names], axis=1), 6)
    reference = values[:, [names.index(REFERENCE)]]
    ratios = np.divide(values, reference, out=np.zeros_like(values), where=reference > 0)
    sd = np.char.mod("%4d", np.stack([fits.sd[name] for name in names], axis=1))
    columns = np.stack([lcmodel_number(values, 3), sd, lcmodel_number(ratios, 2)], axis=2)
    return columns.reshape(len(values), -1).tolist()


def _layout() -> str:
    """Format string of a table's part from $$CONC to $$MISC."""
    names = list(MEDIAN_SD_PERCENT)
    header = f"    Conc.  %SD /{REFERENCE}  Metabolite".ljust(CONC_WIDTH).replace("%", "%%")
    rows = [f" %s%s%%%s {name.ljust(CONC_WIDTH - 23)}" for name in names]
    misc = [line + " " * (CONC_WIDTH - len(line % numbers)) for line, numbers in MISC_LINES]
    lines = [f"$$CONC{len(names) + 1:3d} lines in following concentration table = NCONC+1", header, *rows, ""]
    lines += [f"$$MISC{len(misc):3d} lines in following misc. output table", *misc, ""]
    return "\n".join(lines) + "\n"


def _diagnostics(messages) -> str:
    """Last part of a table: $$DIAG with the messages, then $$INPU."""
    lines = [f"$$DIAG{len(messages):3d} lines in following diagnostic table:"]
    lines += [f"   {message}".ljust(DIAG_WIDTH) for message in messages]
    lines += ["", f"$$INPU{len(INPUT_CHANGES):3d} lines in following table of input changes:"]
    lines += [f" {change}".ljust(DIAG_WIDTH) for change in INPUT_CHANGES]
    return "\n".join(lines) + "\n"


def _tables_without_fit(fits: SimulatedFits) -> dict[int, bytes]:
    """Files of voxels without a fit, by position; each voxel was a separate run, so the title names no voxel."""
    header = f"{VERSION}\n {TITLE}\n"
    result = dict.fromkeys(fits.failures["empty"].tolist(), b"")
    result |= dict.fromkeys(fits.failures["header_only"].tolist(), header.encode())
    for number, position in enumerate(fits.failures["fatal"].tolist()):
        messages = FATAL_DIAGNOSTICS[number % len(FATAL_DIAGNOSTICS)]
        result[position] = f"{header}\n{_diagnostics(messages)}".encode()
    return result
