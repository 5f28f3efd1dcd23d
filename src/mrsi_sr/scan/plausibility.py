"""Plausibility of ready-made maps: fill values, and maps in another unit than expected.

LCModel's concentrations, %SD, S/N and line widths are never negative: -1, -9999 and the like, which pipelines write
where a fit failed, mean no estimate. Nor do fits repeat exactly: a positive value that stands in far more voxels than
the values around it (1, 100), or in several voxels and far from all others (9999, 0.001), is a fill value too. All of
these are counted. A map whose values in the fitted voxels cannot be what they are taken for is refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log

FILL_VOXELS = 10  # voxels that a fill value stands in at least
FILL_RATIO = 10  # a fill value's voxels over those of the values around it, or its distance from all others as a factor
AROUND = 5  # distinct values on either side of one that it is compared with; fewer in all: no judgement
ROUNDED_STEPS = 300  # steps up to the typical value, below which repetition says nothing
STEP_TOLERANCE = 0.02  # of a step, for float32


@dataclass(frozen=True)
class Quantity:
    """What a map shows. The median of its positive values is expected between low and high, mostly below unusual."""

    words: str
    expected: str
    low: float
    high: float
    otherwise: str
    unusual: float = np.inf


QUANTITIES = {
    "value": Quantity("concentrations", "values above zero", 0, np.inf, ""),
    "sd": Quantity("%SD", "percent, 1 to 999", 1, np.inf, "is it a fraction? multiply it by 100"),
    "snr": Quantity("S/N", "a ratio, mostly 1 to 100", 0, 1e5, "is it another map?", 1e3),
    "fwhm": Quantity(
        "line widths", "ppm, mostly 0.01 to 0.3", 1e-3, 1, "is it in Hz? divide it by the scanner's frequency in MHz"
    ),
}


def estimates(kind: str, values: np.ndarray, source: str | Path, fitted: np.ndarray | None = None) -> np.ndarray:
    """Values of a map with NaN where they are negative, infinite or a fill value, which is logged; same shape.

    kind: key of QUANTITIES. source: the file, for messages. fitted: bool, the voxels that are looked at, since a
    background may be filled with anything; None: all. Raises UserError for a map that is mostly negative (one value
    repeated, a fill value, is not counted), that is zero in all of these voxels (a value map may be: its reader asks),
    or whose typical value belongs to another unit.
    """
    fitted = np.ones(values.shape, bool) if fitted is None else fitted
    judged = values[fitted]
    no_number = np.count_nonzero(~np.isfinite(judged))
    judged = judged[np.isfinite(judged)]
    _check_sign(kind, judged, source)
    fills = fill_values(judged[judged > 0])
    _check_size(kind, judged[(judged >= 0) & ~np.isin(judged, fills)], source)
    if no_number:
        log.info("%s: %s values are infinite or not a number and count as no estimate", source, f"{no_number:,}")
    if negative := np.count_nonzero(judged < 0):
        log.warning("%s: %s negative values (lowest %.6g) count as no estimate", source, f"{negative:,}", judged.min())
    for fill in fills:
        voxels = np.count_nonzero(judged == fill)
        log.warning("%s: %s voxels have the fill value %.6g and count as no estimate", source, f"{voxels:,}", fill)
    kept = np.isfinite(values) & (values >= 0) & ~(fitted & np.isin(values, fills))
    return np.where(kept, values, np.nan).astype(values.dtype)


def fill_values(positive: np.ndarray) -> np.ndarray:
    """Values of a map, all above zero, that stand for no estimate, the most frequent first.

    LCModel rounds, and integers may be scaled: estimates repeat then too, but about as often as the values around them,
    and of coarse steps (%SD) any number of voxels may have one.
    """
    distinct, counts = np.unique(positive, return_counts=True)
    fills = []
    while distinct.size > AROUND:
        least = max(FILL_VOXELS, FILL_RATIO * np.quantile(counts, 0.25))
        found = next((k for k in np.argsort(-counts) if counts[k] >= least and _stands_out(distinct, counts, k)), None)
        if found is None:
            break
        fills.append(distinct[found])
        distinct, counts = np.delete(distinct, found), np.delete(counts, found)
    return np.array(fills, positive.dtype)


def _stands_out(distinct: np.ndarray, counts: np.ndarray, k: int) -> bool:
    """Whether a value is far more frequent than those around it (one apart: a second fill value), or far from all."""
    around = np.r_[counts[max(0, k - AROUND) : k], counts[k + 1 : k + 1 + AROUND]]
    if counts[k] >= FILL_RATIO * np.sort(around)[-2] and not _is_rounded(distinct, k):
        return True
    with np.errstate(over="ignore"):
        above = k == distinct.size - 1 and distinct[k] >= FILL_RATIO * distinct[k - 1]
        return bool(above or (k == 0 and FILL_RATIO * distinct[k] <= distinct[1]))


def _is_rounded(distinct: np.ndarray, k: int) -> bool:
    """Whether a value is one of few steps that all values were rounded to, as %SD: most voxels may have one of them."""
    others = np.delete(distinct, k).astype(float)
    step = np.diff(others).min()
    steps = (np.r_[others, distinct[k]] - others[0]) / step
    on_step = np.abs(steps - np.round(steps)) < STEP_TOLERANCE
    return bool(np.median(others) < ROUNDED_STEPS * step and on_step[-1] and on_step.mean() > 0.9)


def _check_sign(kind: str, finite: np.ndarray, source: str | Path) -> None:
    quantity = QUANTITIES[kind]
    _, counts = np.unique(finite[finite < 0], return_counts=True)
    if counts.sum() - counts.max(initial=0) > np.count_nonzero(finite > 0):
        raise UserError(
            f"{source} is mostly negative: {counts.sum():,} of {finite.size:,} values, {_range(finite)}\n"
            f"  expected {quantity.words}, {quantity.expected}; a difference, a phase or a logarithm is none"
        )


def _check_size(kind: str, values: np.ndarray, source: str | Path) -> None:
    """Raise UserError where values, none of them negative, are not of the size that the quantity has."""
    quantity, positive = QUANTITIES[kind], values[values > 0]
    if values.size and not positive.size and kind != "value":
        raise UserError(
            f"{source} has no plausible {quantity.words}: it is zero in every fitted voxel\n"
            f"  expected {quantity.expected}: leave the map out where there is none"
        )
    if not positive.size:
        return
    median = np.median(positive)
    if not quantity.low <= median <= quantity.high:
        raise UserError(
            f"{source} has no plausible {quantity.words}: {_range(positive)}, median {median:.4g}\n"
            f"  expected {quantity.expected}: {quantity.otherwise}"
        )
    if median > quantity.unusual:
        log.warning(
            "%s: %s %s, median %.4g, is unusual; expected %s: %s", source, quantity.words, _range(positive), median,
            quantity.expected, quantity.otherwise,
        )  # fmt: skip


def _range(values: np.ndarray) -> str:
    return f"from {values.min():.4g} to {values.max():.4g}"
