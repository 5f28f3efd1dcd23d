"""A structural image seen on a scan's grid: its mean in each voxel, and the voxels that its tissue fills."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.scan import grid, thresholds
from mrsi_sr.scan.nifti import read_nifti
from mrsi_sr.scan.volumes import Volumes

FINE_MM = 1.7  # samples of the image within a voxel of the scan are at most so far apart, where FACTORS allow it
FACTORS = (3, 6)  # samples along an edge of a voxel


@dataclass(frozen=True)
class MriView:
    """A structural image on its own grid, and on the scan's.

    values: float32, own grid; affine [4, 4] of that. inside: voxels of the scan of which tissue fills at least half,
    bool [X, Y, Z]. mean: mean of the tissue there, float32 [X, Y, Z], zero elsewhere.
    """

    values: np.ndarray
    affine: np.ndarray
    inside: np.ndarray
    mean: np.ndarray


def mri_view(path: str | Path, volumes: Volumes) -> MriView:
    """A T1 or FLAIR, with skull or without, on the grid of a scan. Raises UserError as grid.resample_mri."""
    factor = int(np.clip(np.ceil(grid.voxel_mm(volumes.affine).max() / FINE_MM), *FACTORS))
    shape = [factor * size for size in volumes.shape]
    fine = grid.resample_mri(path, grid.finer(volumes.affine, factor), shape)
    tissue = fine > thresholds.of_brain(fine)[0]
    part, total = _in_voxels(tissue, factor), _in_voxels(np.where(tissue, fine, 0), factor)
    inside = part >= 0.5
    values, affine = read_nifti(path)
    values = thresholds.above_air(np.nan_to_num(values.astype(np.float32, copy=False), posinf=0, neginf=0), path)
    return MriView(values, affine, inside, np.where(inside, total / np.maximum(part, 0.5), 0))


def _in_voxels(fine: np.ndarray, factor: int) -> np.ndarray:
    """Mean of factor^3 samples in each voxel, float32 [X, Y, Z]."""
    shape = [part for size in fine.shape for part in (size // factor, factor)]
    return fine.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float32)
