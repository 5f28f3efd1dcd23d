"""Thresholds that tell inside from outside in masks and skull-stripped images, whose background may not be zero.

Resampling leaves noise and tails where an image was zero: of 0.01 beside a brain of 200, or of 0.3 beside a mask's 1.
"""

from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError

BRIGHT_PERCENTILE = 99.5  # of the values above zero: the brightness of a brain
AIR = 0.1  # of the brightness: what lies below it may be air, where air is not exactly zero
FAINT = 0.005  # of the brightness: no tissue is so dark, and hardly any voxel at an edge
VALLEY_BINS = 19  # of 0.5 % of the brightness
MAX_FAINT = 0.02  # of the brain's number of voxels: with more faint ones, air is not exactly zero
CENTRED = 0.25  # of the number of bright voxels: with as many of the opposite sign, the values are z-scores or alike
MIN_AIR = 0.05  # of an image's voxels: air of one value fills at least so much
WHOLE = 1e-3  # largest distance of a label from a whole number
GRADED = 0.85  # smallest part of a mask's middle values that lie between a smaller and a larger neighbour
SEPARATE = 0.7  # largest part, of labels: inside a label all neighbours are equal
UNCLEAR = "labels or grades"
MOST_TISSUES = 3  # as thin layers, labels up to this number look like the votes of as many raters


def above_air(image: np.ndarray, what: str | Path) -> np.ndarray:
    """A skull-stripped image with air of zero and brain above zero, where its values lie around zero; else unchanged.

    Z-scores and values scaled to [-1, 1] have half of the brain below zero, and air that is zero or the lowest value.
    what: the image's file, for the message.
    Raises UserError where such an image has no air of one value.
    """
    from scipy.ndimage import binary_fill_holes

    positive = image[image > 0]
    if not positive.size:
        return image
    limit = AIR * float(np.percentile(positive, BRIGHT_PERCENTILE))
    if np.count_nonzero(image < -limit) <= CENTRED * np.count_nonzero(positive > limit):
        return image
    values, voxels = np.unique(image, return_counts=True)
    air = values[voxels.argmax()]
    if voxels.max() < MIN_AIR * image.size:
        raise UserError(
            f"{what} has values around zero ({values[0]:.4g} to {values[-1]:.4g}), and no single one in air\n"
            "  expected a skull-stripped image: set air to exactly zero, or give the image before its normalisation"
        )
    lowest = values[0] - 0.01 * (values[-1] - values[0])  # the darkest tissue stays above air
    brain = binary_fill_holes(image != air)  # a voxel of exactly the brain's mean is no air
    return np.where(brain, image - lowest, 0).astype(image.dtype)


def of_brain(image: np.ndarray) -> tuple[float, str]:
    """Value above which a skull-stripped image shows brain, zero where air is exactly zero; and the reason in words.

    Where air is not zero, the value between FAINT and AIR that fewest voxels have: noise ends there, tissue begins.
    """
    positive = image[image > 0]
    if not positive.size:
        return 0.0, "nothing is"
    bright = float(np.percentile(positive, BRIGHT_PERCENTILE))
    faint = np.count_nonzero(positive < FAINT * bright)
    if faint <= MAX_FAINT * np.count_nonzero(positive > AIR * bright):
        return 0.0, "air is exactly zero"
    voxels, edges = np.histogram(positive, VALLEY_BINS, (FAINT * bright, AIR * bright))
    return float(edges[voxels.argmin()]), f"air is not exactly zero: {faint:,} voxels are faint"


def of_mask(values: np.ndarray) -> tuple[float, str]:
    """Value above which a mask [X, Y, Z] is inside, and the reason in words.

    Zero for a mask of two values and for labels in whole numbers (a lesion's parts, a segmentation); half of the
    maximum for grades: probabilities, votes, and masks that were resampled. Grades fall outwards voxel by voxel, labels
    do not. Whole numbers of which that cannot be told count as labels.
    """
    return _of_kind(_kind(values), values)


def of_brain_mask(values: np.ndarray, what: str | Path) -> tuple[float, str]:
    """Value above which a brain mask [X, Y, Z] is inside, and the reason in words, as `of_mask`.

    what: the mask's file, for the message.
    Raises UserError where it cannot be told whether its values are labels or grades.
    """
    kind = _kind(values)
    if kind == UNCLEAR:
        raise UserError(
            f"{what} has values up to {np.nanmax(values):.4g}, which may be labels, all of them brain, or grades, of"
            " which the upper half is\n  save it with two values, 0 and 1: of labels all above 0 (fslmaths IN -bin OUT)"
            ", of grades those from half of the maximum on (fslmaths IN -thr HALF -bin OUT)"
        )
    return _of_kind(kind, values)


def _of_kind(kind: str, values: np.ndarray) -> tuple[float, str]:
    if kind == "grades":
        return float(values[np.isfinite(values)].max()) / 2, "half of its maximum, since its values are grades"
    return (0.0, "its values are just two") if kind == "two" else (0.5, f"its values are {kind}")


def _kind(values: np.ndarray) -> str:
    """Kind of a mask's values: two, labels, UNCLEAR or grades."""
    positive = values[(values > 0) & np.isfinite(values)]
    if not positive.size or positive.min() == positive.max():
        return "two"
    if np.abs(positive - np.rint(positive)).max() >= WHOLE:
        return "grades"
    part = _falling(np.rint(np.nan_to_num(values, posinf=0, neginf=0)).clip(min=0))
    if part <= SEPARATE:
        return "labels"
    return "grades" if part >= GRADED and positive.max() > MOST_TISSUES + WHOLE else UNCLEAR


def _falling(values: np.ndarray) -> float:
    """Part of the voxels between zero and the maximum that touch both a smaller and a larger value."""
    from scipy.ndimage import maximum_filter, minimum_filter

    middle = (values > 0) & (values < values.max())
    between = (minimum_filter(values, 3) < values) & (maximum_filter(values, 3) > values)
    return float(between[middle].mean()) if middle.any() else 0.0
