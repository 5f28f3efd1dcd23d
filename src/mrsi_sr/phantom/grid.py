"""The MRSI grid and the MRI grid of a phantom, which is three times as fine over the same field of view."""

from collections.abc import Sequence

import numpy as np

from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.cohort import Phantom

SLAB = (0.31, 0.8)  # part of the matrix, from its lowest slice, that the scan excites


def mrsi_affine(phantom: Phantom) -> np.ndarray:
    """Affine of the MRSI grid: voxel (i, j, k) to mm (RAS), [4, 4]; the origin is the centre of the matrix."""
    return _centred(phantom.matrix, phantom.voxel_mm)


def acquired_affine(phantom: Phantom) -> np.ndarray:
    """Affine of the grid on which the scan is acquired, [4, 4]: the MRSI grid's, or of larger voxels in its place."""
    return _centred([*(phantom.acquired or phantom.matrix[:2]), phantom.matrix[2]], acquired_voxel_mm(phantom))


def acquired_voxel_mm(phantom: Phantom) -> list[float]:
    """Edges of an acquired voxel in mm: those of the settings, larger in plane for a low-resolution matrix."""
    if phantom.acquired is None:
        return phantom.voxel_mm
    field_mm = [edge * size for edge, size in zip(phantom.voxel_mm, phantom.matrix, strict=True)]
    return [*(length / n for length, n in zip(field_mm, phantom.acquired, strict=False)), phantom.voxel_mm[2]]


def mri_affine(phantom: Phantom) -> np.ndarray:
    """Affine of the MRI grid: voxel to mm (RAS), [4, 4]."""
    return _centred([MRI_FACTOR * size for size in phantom.matrix], [edge / MRI_FACTOR for edge in phantom.voxel_mm])


def fitted_slices(phantom: Phantom) -> list[int]:
    """First and last fitted slice, counted from 0, both included: those of the settings, or the excited slab."""
    if phantom.slices is not None:
        return phantom.slices
    return [round(SLAB[0] * phantom.matrix[2]), round(SLAB[1] * phantom.matrix[2]) - 1]


def _centred(shape: Sequence[int], edges_mm: Sequence[float]) -> np.ndarray:
    affine = np.diag([*edges_mm, 1.0])
    affine[:3, 3] = [-edge * (size - 1) / 2 for edge, size in zip(edges_mm, shape, strict=True)]
    return affine


def positions_mm(shape, affine: np.ndarray) -> np.ndarray:
    """Position of each voxel's centre in mm, float32 [3, X, Y, Z]."""
    voxels = np.indices(shape, dtype=np.float32)
    return np.einsum("ab,bxyz->axyz", affine[:3, :3], voxels).astype(np.float32) + affine[:3, 3].reshape(3, 1, 1, 1)


def to_mri_grid(field: np.ndarray) -> np.ndarray:
    """A field on the MRI grid, float32 [..., 3X, 3Y, 3Z], from the MRSI grid [..., X, Y, Z].

    Linear interpolation, and linear extrapolation at the edges.
    """
    field = np.asarray(field, np.float32)
    for axis in (-3, -2, -1):
        size = field.shape[axis]
        at = (np.arange(MRI_FACTOR * size) - (MRI_FACTOR - 1) / 2) / MRI_FACTOR
        low = np.clip(np.floor(at).astype(int), 0, size - 2)
        weight = (at - low).astype(np.float32).reshape([-1] + [1] * (-axis - 1))
        below = np.take(field, low, axis)
        field = below + weight * (np.take(field, low + 1, axis) - below)
    return field


def to_mrsi_grid(field: np.ndarray) -> np.ndarray:
    """A field on the MRSI grid, float32 [X, Y, Z]: the mean over each voxel's 27 MRI voxels of [3X, 3Y, 3Z]."""
    x, y, z = (size // MRI_FACTOR for size in field.shape)
    blocks = field.reshape(x, MRI_FACTOR, y, MRI_FACTOR, z, MRI_FACTOR)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)
