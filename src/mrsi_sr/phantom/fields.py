"""Random fields: seeded streams, smooth noise, local spots."""

import hashlib

import numpy as np
from scipy import ndimage


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
