"""Ratio maps, such as tCho/NAA, with the uncertainty of both maps carried through the samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrsi_sr.cli import UserError, log

LEAST_DENOMINATOR = 0.05  # of its median inside the mask: below it a ratio is noise over nothing


@dataclass(frozen=True)
class Ratio:
    """A ratio of two metabolites."""

    numerator: str
    denominator: str

    @classmethod
    def of(cls, text: str) -> "Ratio":
        """The ratio that a text such as tCho/NAA names. Raises UserError for another text."""
        parts = [part.strip() for part in text.split("/")]
        if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
            raise UserError(f"the ratio is {text!r}\n  expected two metabolites, such as tCho/NAA")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


def available(ratios: Sequence[Ratio], metabolites: Sequence[str]) -> list[Ratio]:
    """The ratios whose two metabolites are super-resolved; the others are logged."""
    found = [ratio for ratio in ratios if {ratio.numerator, ratio.denominator} <= set(metabolites)]
    for ratio in ratios:
        if ratio not in found:
            log.info("%s is left out: the maps are of %s", ratio, ", ".join(metabolites))
    return found


def maps_of(ratio: Ratio, samples: np.ndarray, metabolites: Sequence[str]) -> np.ndarray:
    """Ratio of each sample [K, M, F, F] -> [K, F, F]; NaN where a map is, or the denominator is next to nothing.

    A sample's ratio has both maps of that sample, so that errors they share cancel.
    """
    above, below = (samples[:, list(metabolites).index(name)] for name in (ratio.numerator, ratio.denominator))
    known = below[np.isfinite(below)]
    least = LEAST_DENOMINATOR * np.median(known) if known.size else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > max(least, 0), above / below, np.nan).astype(np.float32)
