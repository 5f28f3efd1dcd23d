"""Thresholds that tell inside from outside in masks and skull-stripped images, whose background may not be zero.

Resampling leaves noise and tails where an image was zero: of 0.01 beside a brain of 200, or of 0.3 beside a mask's 1.
"""

import numpy as np

BRIGHT_PERCENTILE = 99.5  # of the values above zero: the brightness of a brain
AIR = 0.1  # of the brightness: what lies below it may be air, where air is not exactly zero
FAINT = 0.005  # of the brightness: no tissue is so dark, and hardly any voxel at an edge
VALLEY_BINS = 19  # of 0.5 % of the brightness
MAX_FAINT = 0.02  # of the brain's number of voxels: with more faint ones, air is not exactly zero
WHOLE = 1e-3  # largest distance of a label from a whole number
MAX_LABELS = 32


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
    """Value above which a mask is inside, and the reason in words.

    Zero for a mask of two values and for labels in whole numbers (a lesion's parts, a segmentation); half of the
    maximum for everything between: probabilities, and masks that were resampled.
    """
    positive = values[(values > 0) & np.isfinite(values)]
    if not positive.size or positive.min() == positive.max():
        return 0.0, "its values are just two"
    if np.abs(positive - np.rint(positive)).max() < WHOLE and not _interpolated(np.rint(positive)):
        return 0.5, "its values are labels"
    return float(positive.max()) / 2, "half of its maximum, since its values are neither just two nor labels"


def _interpolated(whole: np.ndarray) -> bool:
    """Whether whole numbers look like a resampled mask of 0 and 255, say: many values, and most often the largest."""
    numbers, counts = np.unique(whole, return_counts=True)
    return len(numbers) > MAX_LABELS and bool(counts.argmax() == len(numbers) - 1)
