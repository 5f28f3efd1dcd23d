"""Ranks of the truth among the members of an ensemble, and the coverage of central intervals that follows from them.

With K members that are drawn as the truth is, each of the K + 1 ranks has the probability 1 / (K + 1), whatever the
distribution. So the interval from the j-th lowest to the j-th highest member covers the truth with the probability
(K + 1 - 2j) / (K + 1): of 8 members 1/9, 3/9, 5/9 and 7/9. A nominal level between two of these is the mean of both
coverages, weighted so that an ideal ensemble has exactly that level. A level above the widest, from the lowest member
to the highest, is not reached by any member: a truth outside of all members then counts as covered by the share which
makes an ideal ensemble exact. Of 8 members, the 90 % interval counts 0.55 of the truths outside, so that this number
says little on how far outside they are; `normal_coverage` does.
"""

from functools import cache

import numpy as np


def rank_shares(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of the voxels whose truth has each rank, [K + 1]; rank r: above r of the K members.

    members: [K, V]; truth: [V]. A truth that equals some members counts evenly in the ranks it may have: what ties
    broken at random give on average.
    """
    number = len(members)
    below, ties = (members < truth).sum(axis=0), (members == truth).sum(axis=0)
    weight = 1 / (ties + 1)
    first = np.bincount(below, weight, number + 2)
    after = np.bincount(below + ties + 1, weight, number + 2)
    return np.cumsum(first - after)[:-1] / truth.size


def coverage(shares: np.ndarray, level: float) -> float:
    """Coverage of the central interval of a nominal level (0 to 1) from the shares of ranks [.., K + 1], [..].

    Exactly the level where all ranks are equally frequent (see the module).
    """
    ranks = shares.shape[-1]
    edges = np.arange(ranks + 1) / ranks
    low, high = (1 - level) / 2, (1 + level) / 2
    counted = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * ranks
    return shares @ counted


def normal_coverage(members: np.ndarray, truth: np.ndarray, level: float) -> float:
    """Coverage of the interval mean ± t sqrt(1 + 1/K) s, which is exact for K normally distributed members.

    members: [K, V]; truth: [V]; s: standard deviation of the members; t: quantile of Student's t with K - 1 degrees of
    freedom. Unlike `coverage` it depends on how far outside the truth lies, and on the normal distribution.
    """
    reach = _reach(len(members), level) * members.std(axis=0, ddof=1)
    return float(np.mean(np.abs(truth - members.mean(axis=0)) <= reach))


@cache
def _reach(members: int, level: float) -> float:
    """Half-width of the normal interval in standard deviations of so many members."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, members - 1) * np.sqrt(1 + 1 / members))
