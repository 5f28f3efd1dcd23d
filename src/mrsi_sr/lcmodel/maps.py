"""Reads ready-made NIfTI maps, the second way in, whatever their names and however they spell a metabolite."""

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
    """Read a scan's maps [X, Y, Z] of one grid.

    patterns: for `value` and, where there are such files, `sd`, `snr`, `fwhm` and `brain_mask`: the path below the
    folder, with `*` and `?` for what varies and `{metabolite}` for any spelling of the metabolite. What has no pattern
    is NaN. A voxel that is zero or not finite in every value map has no fit: NaN, status missing.
    Raises UserError for unknown keys, no file or several for a pattern, and files on different grids.
    """
    folder = Path(folder)
    _check(folder, patterns)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.nii*") if path.is_file())
    grid = Grid()
    found = {
        kind: {name: grid.read(folder / _file(kind, patterns[kind], files, folder, name)) for name in metabolites}
        for kind in PER_METABOLITE
        if kind in patterns
    }
    scan = {
        kind: grid.read(folder / _file(kind, patterns[kind], files, folder)) for kind in PER_SCAN if kind in patterns
    }
    return _volumes(found, scan, grid)


class Grid:
    """Reads volumes and holds them to the matrix and affine of the first."""

    def __init__(self):
        self.path = self.shape = self.affine = None

    def read(self, path: Path) -> np.ndarray:
        """The file's values as float32 [X, Y, Z]."""
        values, affine = read_nifti(path)
        if self.path is None:
            self.path, self.shape, self.affine = path, values.shape, affine
        if values.shape != self.shape or not np.allclose(affine, self.affine, atol=AFFINE_TOLERANCE_MM):
            raise UserError(
                f"{path} is on another grid than {self.path}\n"
                f"  {values.shape} against {self.shape}, affines\n{affine}\n{self.affine}\n"
                "  resample it to the maps' grid first"
            )
        return values.astype(np.float32)


def _volumes(found: dict[str, dict[str, np.ndarray]], scan: dict[str, np.ndarray], grid: Grid) -> Volumes:
    nothing = np.full(grid.shape, np.nan, np.float32)
    fitted = np.zeros(grid.shape, bool)
    for values in found["value"].values():
        values[~np.isfinite(values)] = np.nan
        fitted |= np.nan_to_num(values) != 0
    if not fitted.any():
        raise UserError(f"the value maps beside {grid.path} are zero or not finite everywhere")
    sd = found.get("sd", {name: nothing.copy() for name in found["value"]})
    for volume in sd.values():
        volume[(volume >= NO_SD_PERCENT) | ~np.isfinite(volume)] = np.nan
    snr, fwhm = (scan.get(kind, nothing.copy()) for kind in ("snr", "fwhm"))
    for volume in (*found["value"].values(), *sd.values(), snr, fwhm):
        volume[~fitted] = np.nan
    status = np.where(fitted, Status.OK, Status.MISSING).astype(np.int16)
    log.info("%s of %s voxels have a value", f"{np.count_nonzero(fitted):,}", f"{fitted.size:,}")
    brain_mask = scan["brain_mask"] > 0 if "brain_mask" in scan else None
    return Volumes(found["value"], sd, snr, fwhm, status, grid.affine, brain_mask)


def _check(folder: Path, patterns: dict[str, str]) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder\n  --maps names the folder of a scan's NIfTI maps")
    keys = (*PER_METABOLITE, *PER_SCAN)
    wrong = [key for key, pattern in patterns.items() if key not in keys or not isinstance(pattern, str)]
    if wrong or "value" not in patterns:
        raise UserError(
            f"--files must be JSON with a pattern (text) for value and, if there are such maps, {', '.join(keys[1:])}\n"
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
            f"  in {folder}: make the pattern tell them apart"
        )
    seen = ", ".join(files[:NAMES_SHOWN]) + (" ..." if len(files) > NAMES_SHOWN else "")
    tried = f"\n  {{metabolite}} may be any of {', '.join(sorted(spellings(metabolite)))}" if metabolite else ""
    raise UserError(
        f"no {kind} map{whose} in {folder} by the pattern {pattern!r}\n  the NIfTI files there: {seen or 'none'}{tried}"
    )


def _expression(pattern: str, metabolite: str | None) -> str:
    """The regular expression of a pattern; beside a wildcard, a metabolite's name is not cut out of a longer one."""
    before, name, after = pattern.partition("{metabolite}")
    text = _glob(before)
    if name:
        text += r"(?<![A-Za-z0-9+])" if not before or before[-1] in "*?" else ""
        text += f"(?i:{'|'.join(re.escape(spelling) for spelling in sorted(spellings(metabolite), reverse=True))})"
        text += r"(?![A-Za-z0-9+])" if after[:1] in ("*", "?") else ""
    return text + _glob(after)


def _glob(text: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in text)
