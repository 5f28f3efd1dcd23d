"""Observers of lesions in maps: contrast to the surround and to the other hemisphere, hotspots, false lesions.

The observer knows what the place looks like without a lesion: a lesion's score is the contrast to its surround in the
map under test, less that of the true map without the lesion. So the natural patchwork of grey and white matter is no
false lesion, and a method that returned the truth would detect every lesion and see no other.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import label

from mrsi_sr.probing.lesions import SEEN, Plane, around, disc, ring


def local_contrast(maps: np.ndarray, seen: np.ndarray, plane: Plane, diameter_mm: float) -> np.ndarray:
    """Mean in a disc around each voxel over the mean in the ring around that, minus 1; NaN where too little is seen.

    maps [..., X, Y]; seen: voxels that count, bool of the same shape.
    """
    means = []
    for kernel in (disc(plane, diameter_mm), ring(plane, diameter_mm)):
        counted = around(seen.astype(float), kernel)
        enough = counted >= SEEN * kernel.sum()
        means.append(np.divide(around(maps * seen, kernel), counted, out=np.full(maps.shape, np.nan), where=enough))
    inside, outside = means
    return np.divide(inside, outside, out=np.full(maps.shape, np.nan), where=outside > 0) - 1


def scores(
    estimate: np.ndarray, truth: np.ndarray, seen: np.ndarray, falls: bool, plane: Plane, diameter_mm: float
) -> np.ndarray:
    """The observer's score of a lesion at each voxel [..., X, Y]: contrast to the surround that the truth lacks.

    truth: without a lesion. falls: whether the metabolite falls in a lesion; then lower values score.
    """
    seen = np.broadcast_to(seen, estimate.shape)
    truth = np.broadcast_to(truth, estimate.shape)
    more = local_contrast(estimate, seen, plane, diameter_mm) - local_contrast(truth, seen, plane, diameter_mm)
    return -more if falls else more


def false_lesions(
    score: np.ndarray, normal: np.ndarray, thresholds: Sequence[float]
) -> tuple[list[int], int]:  # fmt: skip
    """Number of connected regions [X, Y] of normal tissue that score above each threshold, and of voxels searched."""
    searched = normal & np.isfinite(score)
    score = np.where(searched, score, -np.inf)
    neighbours = np.ones((3, 3), int)
    return [int(label(score > threshold, neighbours)[1]) for threshold in thresholds], int(searched.sum())


def to_opposite(image: np.ndarray, weight: np.ndarray, seen: np.ndarray, plane: Plane) -> float:
    """Contrast of a lesion: its mean over that of the place opposite. NaN where one of them is not seen.

    image [X, Y]; weight [X, Y] of the lesion's voxels; seen: voxels that count, bool [X, Y].
    """
    inside, outside = weight * seen, plane.opposite(weight) * seen
    if not inside.sum() > 0 or not (image * outside).sum() > 0:
        return np.nan
    return float((image * inside).sum() / inside.sum() / ((image * outside).sum() / outside.sum()))


def hotspot(
    image: np.ndarray, place: tuple[int, int], diameter_mm: float, contrast: float, seen: np.ndarray, plane: Plane
) -> np.ndarray:
    """Hotspot around a lesion's place, bool [X, Y]: voxels that differ from its surround by half its contrast or more.

    The surround is the ring of `lesions.ring`. Voxels count within a diameter from the place.
    """
    radius = plane.radius_mm(place)
    inner = diameter_mm / 2 + max(plane.voxel_mm)
    surround = seen & (radius > inner) & (radius <= inner + 2 * max(plane.voxel_mm))
    if not surround.any():
        return np.zeros(image.shape, bool)
    relative = image / image[surround].mean() - 1
    return seen & (radius <= diameter_mm) & (np.sign(contrast - 1) * relative >= abs(contrast - 1) / 2)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice's coefficient of two masks; NaN where both are empty."""
    total = one.sum() + other.sum()
    return float(2 * (one & other).sum() / total) if total else np.nan
