"""Grids in space: a scan's matrix, the three times finer grid of its MRI, and images resampled to either."""

from functools import partial
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.scan import thresholds
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.nifti import read_nifti
from mrsi_sr.scan.slices import MRI_FACTOR


def translated(affine: np.ndarray, voxels) -> np.ndarray:
    """Affine [4, 4] of the grid whose first voxel is voxel `voxels` (i, j, k) of a grid with this affine."""
    result = affine.copy()
    result[:3, 3] = affine[:3, :3] @ np.asarray(voxels, float) + affine[:3, 3]
    return result


def finer(affine: np.ndarray, factor: int = MRI_FACTOR) -> np.ndarray:
    """Affine [4, 4] of a finer grid with `factor` voxels along each edge of a voxel and the same field of view."""
    result = translated(affine, [(1 - factor) / (2 * factor)] * 3)
    result[:3, :3] /= factor
    return result


def voxel_mm(affine: np.ndarray) -> np.ndarray:
    """Edge lengths of a voxel in mm, [3]."""
    return np.linalg.norm(affine[:3, :3], axis=0)


def means(coarse: int, fine: int) -> np.ndarray:
    """Matrix [coarse, fine] of the means over voxels of one grid of those of another, along one field of view."""
    edges, finer_edges = np.arange(coarse + 1) / coarse, np.arange(fine + 1) / fine
    lowest = np.maximum(edges[:-1, None], finer_edges[None, :-1])
    highest = np.minimum(edges[1:, None], finer_edges[None, 1:])
    return coarse * np.clip(highest - lowest, 0.0, None)


def resample(path: str | Path, affine: np.ndarray, shape, interpolation: str) -> np.ndarray:
    """Values of a NIfTI image on a grid (affine, shape), float32; zero outside the image and where it is not finite.

    interpolation: 'linear' or 'nearest'. An image on this grid is returned unchanged.
    Raises UserError where the file cannot be read or does not overlap the grid.
    """
    return _resampled(path, *_finite(path), affine, shape, interpolation)


def resample_mri(path: str | Path, affine: np.ndarray, shape) -> np.ndarray:
    """Values of a skull-stripped image on a grid (affine, shape), float32, with brain above zero and zero in air.

    Raises UserError as `resample`, and where the values lie around zero and air cannot be told.
    """
    values, own_affine = _finite(path)
    return _resampled(path, thresholds.above_air(values, path), own_affine, affine, shape, "linear")


def resample_mask(path: str | Path, affine: np.ndarray, shape, threshold=thresholds.of_mask) -> np.ndarray:
    """A mask file on a grid, bool: where at least half of the voxel lies inside.

    threshold: a function of the file's values, above whose result a voxel is inside. Half of the 27 voxels of the three
    times finer grid count; a mask on the grid itself is therefore unchanged.
    Raises UserError as `resample`, and where the threshold cannot be told.
    """
    values, own_affine = _finite(path)
    return _mask(path, values, own_affine, affine, shape, threshold)


def _mask(path, values: np.ndarray, own_affine: np.ndarray, affine, shape, threshold) -> np.ndarray:
    above, reason = threshold(values)
    log.info("%s: inside is above %.4g (%s)", path, above, reason)
    inside = (values > above).astype(np.float32)
    fine = _resampled(path, inside, own_affine, finer(affine), [MRI_FACTOR * size for size in shape], "nearest") > 0
    blocks = fine.reshape([part for size in shape for part in (size, MRI_FACTOR)])
    return blocks.mean(axis=(1, 3, 5)) >= 0.5


def brain_mask(given: np.ndarray | None, path: str | Path | None, t1: str | Path | None, affine, shape) -> np.ndarray:
    """Brain mask on the scan's grid, bool [X, Y, Z]: from a mask file, else the volumes' own mask, else the T1's brain.

    given: the volumes' own brain mask, or None. t1: a skull-stripped image; holes in it are filled slice by slice.
    Raises UserError where none of the three is given, or no voxel of the scan is inside, and as
    thresholds.of_brain_mask and thresholds.above_air.
    """
    if path is not None:
        threshold = partial(thresholds.of_brain_mask, what=path)
        source, brain = f"the brain mask {path}", resample_mask(path, affine, shape, threshold)
    elif given is not None:
        source, brain = "the brain mask in the folder of volumes", given
    elif t1 is not None:
        source, brain = f"the T1 {t1}", _brain_of(t1, affine, shape)
    else:
        raise UserError(
            "no brain mask: the volumes have none, and neither --brain-mask nor --t1 is given\n"
            "  give --brain-mask NIFTI, or --t1 with a skull-stripped image"
        )
    if not brain.any():
        raise UserError(f"{source} has no voxel inside on the scan's grid\n  check that it belongs to this scan")
    if brain.all():
        log.warning("%s covers every voxel of the scan: check that the skull is stripped and that air is zero", source)
    return brain


def _brain_of(t1: str | Path, affine, shape) -> np.ndarray:
    """Brain that a skull-stripped image shows, bool [X, Y, Z], holes filled slice by slice."""
    from scipy.ndimage import binary_fill_holes

    values, own_affine = _finite(t1)
    values = thresholds.above_air(values, t1)
    brain = _mask(t1, values, own_affine, affine, shape, thresholds.of_brain)
    return np.stack([binary_fill_holes(brain[:, :, k]) for k in range(shape[2])], axis=2)


def _finite(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Values of an image, float32, zero where they are not finite, and its affine."""
    values, affine = read_nifti(path)
    if no_number := np.count_nonzero(~np.isfinite(values)):
        log.info("%s: %s values are infinite or not a number and count as zero", path, f"{no_number:,}")
    return np.nan_to_num(values.astype(np.float32, copy=False), posinf=0, neginf=0), affine


def _resampled(path, values: np.ndarray, own_affine: np.ndarray, affine, shape, interpolation: str) -> np.ndarray:
    """Values of an image (own_affine) on a grid (affine, shape). path: its file, for the message."""
    if values.shape == tuple(shape) and np.allclose(own_affine, affine, atol=1e-4):
        return values
    _check_overlap(path, values.shape, own_affine, affine, shape)
    # The outer half of the image's outermost voxels is image too: it is read from a rim of equal values around them.
    rim = Image(np.pad(values, 1, mode="edge"), translated(own_affine, [-1, -1, -1]))
    sampled = rim.sampled(affine, shape, interpolation)
    return np.where(_within(values.shape, own_affine, affine, shape), sampled, 0)


def _within(own_shape, own_affine: np.ndarray, affine, shape) -> np.ndarray:
    """Voxels of a grid (affine, shape) whose centre lies in an image (own_affine, own_shape), bool."""
    to_image = np.linalg.inv(own_affine) @ affine
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    within = np.ones(tuple(shape), bool)
    for row, size in zip(to_image[:3], own_shape, strict=True):
        place = sum(step * axis for step, axis in zip(row, axes, strict=False)) + row[3]
        within &= (place > -0.5 - 1e-4) & (place < size - 0.5 + 1e-4)
    return within


def _check_overlap(path, own_shape, own_affine, affine, shape) -> None:
    corners = np.array(np.meshgrid(*[[-0.5, size - 0.5] for size in shape])).reshape(3, -1)
    to_image = np.linalg.inv(own_affine) @ affine
    inside = to_image[:3, :3] @ corners + to_image[:3, 3:]
    if (inside.max(axis=1) < 0).any() or (inside.min(axis=1) > np.array(own_shape) - 1).any():
        raise UserError(
            f"{path} does not overlap the scan in space\n"
            f"  its first voxel is at {_mm(own_affine)} mm, that of the scan's grid at {_mm(affine)} mm\n"
            "  register it to the scan, or correct the scan's geometry (the reference image)"
        )


def _mm(affine: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.1f}" for value in affine[:3, 3]) + ")"
