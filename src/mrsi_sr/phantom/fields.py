"""Random fields, and the MRSI and MRI grids: seeded streams, smooth noise, local spots, resampling by three."""

import hashlib

import numpy as np
from scipy import ndimage

from mrsi_sr.scan.slices import MRI_FACTOR


def stream(seed: int, participant: str, purpose: str) -> np.random.Generator:
    """Random number generator of one purpose: a change to one part of the phantom leaves the others unchanged."""
    digest = hashlib.sha256(f"{participant}/{purpose}".encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def smooth_field(rng: np.random.Generator, shape, voxel_mm, sigma_mm: float) -> np.ndarray:
    """Gaussian noise, smoothed by sigma_mm, with mean 0 and standard deviation 1: float32 of the given shape."""
    sigma = [sigma_mm / edge for edge in voxel_mm]
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return (field - field.mean()) / field.std()


def spots(rng: np.random.Generator, mask: np.ndarray, position_mm: np.ndarray, number: int) -> np.ndarray:
    """Local hot and cold spots: `number` Gaussians of sigma 3.5 to 8 mm and height +-1 to 2, centred inside the mask.

    mask: bool [X, Y, Z]; position_mm: [3, X, Y, Z]. Returns float32 [X, Y, Z].
    """
    field = np.zeros(mask.shape, np.float32)
    inside = np.flatnonzero(mask)
    positions = position_mm.reshape(3, -1)
    for centre in rng.choice(inside, size=min(number, inside.size), replace=False):
        sigma_mm = rng.uniform(3.5, 8.0)
        height = rng.uniform(1.0, 2.0) * rng.choice([-1.0, 1.0])
        squared = ((positions - positions[:, [centre]]) ** 2).sum(axis=0).reshape(mask.shape)
        field += height * np.exp(-squared / (2 * sigma_mm**2))
    return field


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
