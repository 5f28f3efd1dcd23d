"""Reader of ready-made NIfTI maps, the alternative to LCModel tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.lcmodel.map_names import choose
from mrsi_sr.lcmodel.tables import NO_SD_PERCENT
from mrsi_sr.scan import thresholds
from mrsi_sr.scan.nifti import read_nifti
from mrsi_sr.scan.plausibility import estimates
from mrsi_sr.scan.volumes import Status, Volumes, check_matrix

AFFINE_TOLERANCE_MM = 1e-2


def read_maps(folder: str | Path, patterns: dict[str, str], metabolites: Sequence[str]) -> Volumes:
    """Volumes [X, Y, Z] of a scan, read from NIfTI maps on one grid; their slices are axial.

    folder, patterns, metabolites: as for `map_names.choose`. A quantity without a pattern is NaN. A voxel that is zero,
    negative or not finite in every value map counts as not fitted: NaN, status MISSING.
    Raises UserError as `choose`, for files on different grids, and for maps that cannot be what they are taken for.
    """
    grid, chosen = CommonGrid(), choose(folder, patterns, metabolites)
    values_of = chosen.pop("value")
    concentration = {name: _read("value", name, path, grid) for name, path in values_of.items()}
    for name, values in concentration.items():
        _check_fitted(name, values, values_of[name])
    fitted = np.any([values > 0 for values in concentration.values()], axis=0)
    others = {
        kind: {name: _read(kind, name, path, grid, concentration.get(name, fitted) > 0) for name, path in files.items()}
        for kind, files in chosen.items()
    }
    return _volumes(concentration, fitted, others, grid).in_axial_order()


def _check_fitted(metabolite: str, values: np.ndarray, path: Path) -> None:
    """Raise UserError for a metabolite that was fitted nowhere: its zeros would count as concentrations."""
    if not (values > 0).any():
        raise UserError(
            f"no voxel has a value of {metabolite}: {path} is zero, negative or not finite everywhere\n"
            f"  give the map of a scan that was fitted with it, or leave {metabolite} out of --metabolites"
        )


def _read(kind: str, metabolite: str, path: Path, grid: "CommonGrid", fitted: np.ndarray | None = None) -> np.ndarray:
    """A map, float32 with NaN where there is no estimate, or the brain mask, bool. fitted: as of `estimates`."""
    log.info("%s%s: %s", kind, f" of {metabolite}" if metabolite else "", path)
    values = grid.read(path)
    if kind == "brain_mask":
        above, reason = thresholds.of_brain_mask(values, path)
        log.info("%s: inside is above %.4g (%s)", path, above, reason)
        return values > above
    if kind == "sd":
        values[values >= NO_SD_PERCENT] = np.nan
    return estimates(kind, values, path, fitted)


class CommonGrid:
    """The grid of a scan's maps: matrix and affine of the first file read, required of every further one."""

    def __init__(self):
        self.path = self.shape = self.affine = None

    def read(self, path: Path) -> np.ndarray:
        """A file's values, float32 [X, Y, Z]. Raises UserError where its grid differs from the first file's."""
        values, affine = read_nifti(path)
        if self.path is None:
            check_matrix(values.shape, path)
            self.path, self.shape, self.affine = path, values.shape, affine
        if values.shape != self.shape or not np.allclose(affine, self.affine, atol=AFFINE_TOLERANCE_MM):
            raise UserError(
                f"{path} is on another grid than {self.path}\n"
                f"  matrix {values.shape}, expected {self.shape}; affine\n{affine}\n  expected\n{self.affine}\n"
                "  resample it to the grid of the maps first"
            )
        return values.astype(np.float32)


def _volumes(
    concentration: dict[str, np.ndarray], fitted: np.ndarray, others: dict[str, dict[str, np.ndarray]], grid: CommonGrid
) -> Volumes:
    unknown = np.full(grid.shape, np.nan, np.float32)
    sd = others.get("sd", {name: unknown.copy() for name in concentration})
    snr, fwhm = (others.get(kind, {}).get("", unknown.copy()) for kind in ("snr", "fwhm"))
    for volume in (*concentration.values(), *sd.values(), snr, fwhm):
        volume[~fitted] = np.nan
    status = np.where(fitted, Status.OK, Status.MISSING).astype(np.int16)
    log.info("%s of %s voxels have a value", f"{np.count_nonzero(fitted):,}", f"{fitted.size:,}")
    return Volumes(concentration, sd, snr, fwhm, status, grid.affine, others.get("brain_mask", {}).get(""))
