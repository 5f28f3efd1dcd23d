"""Rescaling of an ensemble's spread: one factor for a low-resolution size, learned on validation participants."""

from collections.abc import Iterable, Sequence

import numpy as np

from mrsi_sr.calibration.ranks import coverage, rank_shares

WIDEST = 64.0  # factor that the search stops at
HALVINGS = 24  # of the factor's logarithm: to 1e-6 of it


def spread_factor(pairs: Iterable[tuple[np.ndarray, np.ndarray]], levels: Sequence[float]) -> float:
    """Factor of the deviations from the ensemble mean with which central intervals cover what they should.

    With it the coverage, averaged over the levels (0 to 1) and over the maps, is the mean of the levels; it rises with
    the factor. pairs: members [K, V] and truth [V] of each map. An ideal ensemble has the factor 1. Minimising the fair
    CRPS would not do: moved members share the error of their mean, and the minimum of an ideal normal ensemble is at
    sqrt((1 + 1/K) / ((1 - 1/K) (1 - 2/K))), which is 1.31 for 8 members.
    1 where there is nothing to scale: no maps, one member, or members that are all equal. Otherwise 1/64 to 64.
    """
    centred = [(members - members.mean(axis=0), truth - members.mean(axis=0)) for members, truth in pairs]
    if not any(np.ptp(deviations, axis=0).any() for deviations, _ in centred):
        return 1.0
    wanted = np.mean(levels)

    def covered(factor: float) -> float:
        shares = np.mean([rank_shares(factor * deviations, error) for deviations, error in centred], axis=0)
        return float(np.mean([coverage(shares, level) for level in levels]))

    low, high = -np.log(WIDEST), np.log(WIDEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if covered(np.exp(middle)) < wanted else (low, middle)
    return float(np.exp((low + high) / 2))
