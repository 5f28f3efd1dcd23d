"""Plausibility of ready-made maps: fill values, and maps in another unit than expected.

LCModel's concentrations, %SD, S/N and line widths are never negative: -1, -9999 and the like, which pipelines write
where a fit failed, mean no estimate, and are counted. A map whose values cannot be what they are taken for is refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log


@dataclass(frozen=True)
class Quantity:
    """What a map shows. The median of its positive values is expected between low and high."""

    words: str
    expected: str
    low: float
    high: float
    otherwise: str


QUANTITIES = {
    "value": Quantity("concentrations", "values above zero", 0, np.inf, ""),
    "sd": Quantity("%SD", "percent, 1 to 999", 1, np.inf, "is it a fraction? multiply it by 100"),
    "snr": Quantity("S/N", "a ratio, mostly 1 to 100", 0, 1e5, "is it another map?"),
    "fwhm": Quantity(
        "line widths", "ppm, mostly 0.01 to 0.3", 1e-3, 1, "is it in Hz? divide it by the scanner's frequency in MHz"
    ),
}


def estimates(kind: str, values: np.ndarray, source: str | Path) -> np.ndarray:
    """Values of a map with NaN where they are negative or infinite, which is logged; same shape.

    kind: key of QUANTITIES. source: the file, for messages. Raises UserError for a map that is mostly negative (one
    value repeated, a fill value, is not counted), or whose typical value belongs to another unit.
    """
    quantity = QUANTITIES[kind]
    finite, positive = values[np.isfinite(values)], values[np.isfinite(values) & (values > 0)]
    negative, counts = np.unique(finite[finite < 0], return_counts=True)
    if counts.sum() - counts.max(initial=0) > positive.size:
        raise UserError(
            f"{source} is mostly negative: {counts.sum():,} of {finite.size:,} values, {_range(finite)}\n"
            f"  expected {quantity.words}, {quantity.expected}; a difference, a phase or a logarithm is none"
        )
    if positive.size and not quantity.low <= np.median(positive) <= quantity.high:
        raise UserError(
            f"{source} has no plausible {quantity.words}: {_range(positive)}, median {np.median(positive):.4g}\n"
            f"  expected {quantity.expected}: {quantity.otherwise}"
        )
    if counts.size:
        log.warning(
            "%s: %s negative values (lowest %.6g) count as no estimate", source, f"{counts.sum():,}", negative[0]
        )
    return np.where(np.isfinite(values) & (values >= 0), values, np.nan).astype(values.dtype)


def _range(values: np.ndarray) -> str:
    return f"from {values.min():.4g} to {values.max():.4g}"
