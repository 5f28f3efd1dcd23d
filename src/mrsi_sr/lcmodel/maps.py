"""Reader of ready-made NIfTI maps, the alternative to LCModel tables, for any file naming and metabolite spelling."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.lcmodel.metabolites import spellings
from mrsi_sr.lcmodel.tables import NO_SD_PERCENT
from mrsi_sr.scan.volumes import Status, Volumes, read_nifti

PER_METABOLITE = ("value", "sd")
PER_SCAN = ("snr", "fwhm", "brain_mask")
AFFINE_TOLERANCE_MM = 1e-2
NAMES_SHOWN = 12


def read_maps(folder: str | Path, patterns: dict[str, str], metabolites: Sequence[str]) -> Volumes:
    """Volumes [X, Y, Z] of a scan, read from NIfTI maps on one grid.

    patterns: path below the folder for `value` and, optionally, `sd`, `snr`, `fwhm` and `brain_mask`, with `*` and `?`
    as wildcards and `{metabolite}` for any spelling of the metabolite. A quantity without a pattern is NaN. A voxel
    that is zero or not finite in every value map counts as not fitted: NaN, status MISSING.
    Raises UserError for unknown keys, a pattern with no or several matching files, and files on different grids.
    """
    folder = Path(folder)
    _check(folder, patterns)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.nii*") if path.is_file())
    grid = CommonGrid()
    per_metabolite = {
        kind: {name: grid.read(folder / _file(kind, patterns[kind], files, folder, name)) for name in metabolites}
        for kind in PER_METABOLITE
        if kind in patterns
    }
    per_scan = {
        kind: grid.read(folder / _file(kind, patterns[kind], files, folder)) for kind in PER_SCAN if kind in patterns
    }
    return _volumes(per_metabolite, per_scan, grid)


class CommonGrid:
    """The grid of a scan's maps: matrix and affine of the first file read, required of every further one."""

    def __init__(self):
        self.path = self.shape = self.affine = None

    def read(self, path: Path) -> np.ndarray:
        """A file's values, float32 [X, Y, Z]. Raises UserError where its grid differs from the first file's."""
        values, affine = read_nifti(path)
        if self.path is None:
            self.path, self.shape, self.affine = path, values.shape, affine
        if values.shape != self.shape or not np.allclose(affine, self.affine, atol=AFFINE_TOLERANCE_MM):
            raise UserError(
                f"{path} is on another grid than {self.path}\n"
                f"  matrix {values.shape}, expected {self.shape}; affine\n{affine}\n  expected\n{self.affine}\n"
                "  resample it to the grid of the maps first"
            )
        return values.astype(np.float32)


def _volumes(
    per_metabolite: dict[str, dict[str, np.ndarray]], per_scan: dict[str, np.ndarray], grid: CommonGrid
) -> Volumes:
    concentration, unknown = per_metabolite["value"], np.full(grid.shape, np.nan, np.float32)
    fitted = np.zeros(grid.shape, bool)
    for values in concentration.values():
        values[~np.isfinite(values)] = np.nan
        fitted |= np.nan_to_num(values) != 0
    if not fitted.any():
        raise UserError(f"the value maps, such as {grid.path}, are zero or not finite everywhere")
    sd = per_metabolite.get("sd", {name: unknown.copy() for name in concentration})
    for volume in sd.values():
        volume[(volume >= NO_SD_PERCENT) | ~np.isfinite(volume)] = np.nan
    snr, fwhm = (per_scan.get(kind, unknown.copy()) for kind in ("snr", "fwhm"))
    for volume in (*concentration.values(), *sd.values(), snr, fwhm):
        volume[~fitted] = np.nan
    status = np.where(fitted, Status.OK, Status.MISSING).astype(np.int16)
    log.info("%s of %s voxels have a value", f"{np.count_nonzero(fitted):,}", f"{fitted.size:,}")
    brain_mask = per_scan["brain_mask"] > 0 if "brain_mask" in per_scan else None
    return Volumes(concentration, sd, snr, fwhm, status, grid.affine, brain_mask)


def _check(folder: Path, patterns: dict[str, str]) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder\n  --maps expects the folder of a scan's NIfTI maps")
    keys = (*PER_METABOLITE, *PER_SCAN)
    wrong = [key for key, pattern in patterns.items() if key not in keys or not isinstance(pattern, str)]
    if wrong or "value" not in patterns:
        raise UserError(
            f"--files must be JSON with a pattern (text) for value and, optionally, {', '.join(keys[1:])}\n"
            f"  {f'wrong here: {wrong[0]}' if wrong else 'value is not there'}"
        )
    for key in patterns:
        if ("{metabolite}" in patterns[key]) != (key in PER_METABOLITE):
            must = "must" if key in PER_METABOLITE else "must not"
            raise UserError(f"the pattern for {key} {must} have {{metabolite}} in it: {patterns[key]}")


def _file(kind: str, pattern: str, files: list[str], folder: Path, metabolite: str | None = None) -> str:
    expression = re.compile(_expression(pattern, metabolite))
    matching = [file for file in files if expression.fullmatch(file)]
    if len(matching) == 1:
        return matching[0]
    whose = f" of {metabolite}" if metabolite else ""
    if matching:
        raise UserError(
            f"{len(matching)} files are the {kind} map{whose} by the pattern {pattern!r}: {', '.join(matching)}\n"
            f"  in {folder}: make the pattern match one of them only"
        )
    available = ", ".join(files[:NAMES_SHOWN]) + (" ..." if len(files) > NAMES_SHOWN else "")
    accepted = f"\n  spellings of {{metabolite}}: {', '.join(sorted(spellings(metabolite)))}" if metabolite else ""
    raise UserError(
        f"no {kind} map{whose} in {folder} matches the pattern {pattern!r}\n"
        f"  the NIfTI files of the folder: {available or 'none'}{accepted}"
    )


def _expression(pattern: str, metabolite: str | None) -> str:
    """Regular expression of a pattern; next to a wildcard, `Glu` does not match a part of a longer name (`GluGln`)."""
    before, name, after = pattern.partition("{metabolite}")
    text = _glob(before)
    if name:
        text += r"(?<![A-Za-z0-9+])" if not before or before[-1] in "*?" else ""
        text += f"(?i:{'|'.join(re.escape(spelling) for spelling in sorted(spellings(metabolite), reverse=True))})"
        text += r"(?![A-Za-z0-9+])" if after[:1] in ("*", "?") else ""
    return text + _glob(after)


def _glob(text: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in text)
