"""Tests, effect sizes and confidence intervals of paired differences.

Differences of zero are excluded from the signed-rank test and the rank-biserial correlation (Wilcoxon's own treatment,
zero_method='wilcox' in SciPy), and included in the Hodges-Lehmann difference and in the t-test.
"""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 1  # of the resamples
FEWEST = 6  # pairs that an interval needs: with fewer no interval reaches 95 %
LISTED = 20_000  # number of pairs of differences up to which their averages are listed
AT_A_TIME = 1_000_000  # averages of pairs of many sets of differences that are in memory together
EXACT_UP_TO = 50  # number of pairs; with more, the signed-rank distribution is approximated as normal, as in SciPy


def signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test; exact up to 50 pairs without ties, else as SciPy chooses.

    NaN for fewer than two pairs or missing values, 1 where all differences are zero.
    """
    from scipy.stats import wilcoxon

    if len(differences) < 2 or not np.isfinite(differences).all():
        return np.nan
    if not np.any(differences):
        return 1.0
    return float(wilcoxon(differences[differences != 0], zero_method="wilcox").pvalue)


def paired_t_p(differences: np.ndarray) -> float:
    """Two-sided p-value of the paired t-test.

    NaN for fewer than two pairs, missing values, and equal differences other than zero, which have no variance to be
    compared with; 1 where all differences are zero.
    """
    from scipy.stats import ttest_1samp

    if len(differences) < 2 or not np.isfinite(differences).all():
        return np.nan
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else np.nan
    return float(ttest_1samp(differences, 0).pvalue)


def rank_biserial(differences: np.ndarray) -> np.ndarray:
    """Matched-pairs rank-biserial correlation (Kerby 2014) of sets of differences, [.., N] -> [..].

    (W+ - W-) / (W+ + W-) over the differences that are not zero; 0 where all are.
    """
    from scipy.stats import rankdata

    zeros = np.sum(differences == 0, axis=-1, keepdims=True)  # they have the lowest ranks
    ranks = rankdata(np.abs(differences), axis=-1) - zeros
    number = differences.shape[-1] - zeros[..., 0]
    return np.sum(np.sign(differences) * ranks, axis=-1) / np.maximum(number * (number + 1) / 2, 1)


def hodges_lehmann(differences: np.ndarray) -> float:
    """Hodges-Lehmann difference: the median of the averages of all pairs of differences [N], each with itself too."""
    if len(differences) == 0:
        return np.nan
    ordered, number = np.sort(differences), len(differences) * (len(differences) + 1) // 2
    lower = walsh_average(ordered, (number - 1) // 2)
    return lower if number % 2 else (lower + walsh_average(ordered, number // 2)) / 2


def hodges_lehmann_of_each(differences: np.ndarray) -> np.ndarray:
    """Hodges-Lehmann difference of each of many small sets of differences, [B, N] -> [B]."""
    first, second = np.triu_indices(differences.shape[1])
    step = max(1, AT_A_TIME // len(first))
    parts = [differences[start : start + step] for start in range(0, len(differences), step)]
    return np.concatenate([np.median((each[:, first] + each[:, second]) / 2, axis=1) for each in parts])


def bootstrap_interval(differences: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """Percentile bootstrap interval of 95 % of a statistic of differences [N] (Efron and Tibshirani 1993, chapter 13).

    statistic: [B, N] -> [B], of each resample. The resamples are drawn from a fixed seed, the same ones for all sets of
    N differences. NaN for fewer than 6 differences, which have too few different resamples, and for missing values.
    """
    if len(differences) < FEWEST or not np.isfinite(differences).all():
        return np.nan, np.nan
    values = statistic(differences[_resamples(len(differences))])
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@cache
def _resamples(number: int) -> np.ndarray:
    """Indices of the resamples of so many differences, [B, N]."""
    return np.random.default_rng(SEED).integers(0, number, (RESAMPLES, number))


def exact_interval(differences: np.ndarray) -> tuple[float, float]:
    """Interval of the Hodges-Lehmann difference that inverts the signed-rank test, of at least 95 %.

    It excludes zero where the test is significant at 5 %. Exact up to 50 differences, by the normal approximation for
    more, NaN for fewer than 6. Hollander and Wolfe, Nonparametric Statistical Methods, sections 3.2 and 3.3.
    """
    outside = _rank_sums_outside(len(differences))
    if outside < 1 or not np.isfinite(differences).all():
        return np.nan, np.nan
    ordered, number = np.sort(differences), len(differences) * (len(differences) + 1) // 2
    return walsh_average(ordered, outside - 1), walsh_average(ordered, number - outside)


def walsh_average(ordered: np.ndarray, k: int) -> float:
    """The k-th lowest, from 0, of the averages of all pairs (i <= j) of ordered values [N].

    Pairs are ruled out by pivots until few remain to be listed (Johnson and Mizoguchi 1978): the tests of 13,000 maps
    at several sizes have 90 million of them.
    """
    rows = np.arange(len(ordered))
    low, high = rows.copy(), np.full(len(ordered), len(ordered))  # the pairs of i that remain have low <= j < high
    remaining = 0
    while (widths := high - low).sum() > LISTED and widths.sum() != remaining:
        remaining = widths.sum()
        open_ = np.flatnonzero(widths)
        middles = (ordered[open_] + ordered[(low + high)[open_] // 2]) / 2
        order = np.argsort(middles)
        halfway = np.searchsorted(np.cumsum(widths[open_][order]), remaining / 2)
        pivot = middles[order[halfway]]
        below = np.clip(np.searchsorted(ordered, 2 * pivot - ordered, side="left"), low, high)
        not_above = np.clip(np.searchsorted(ordered, 2 * pivot - ordered, side="right"), low, high)
        if k < (below - rows).sum():
            high = below
        elif k < (not_above - rows).sum():
            return float(pivot)
        else:
            low = not_above
    row = np.repeat(rows, widths)
    column = np.arange(len(row)) - np.repeat(np.cumsum(widths) - widths, widths) + np.repeat(low, widths)
    averages, rank = (ordered[row] + ordered[column]) / 2, k - (low - rows).sum()
    return float(np.partition(averages, rank)[rank])


def _rank_sums_outside(n: int) -> int:
    """Largest c with P(W+ < c) <= 2.5 % under the null hypothesis; W+: sum of positive ranks of n differences."""
    from scipy.stats import norm

    tail = (1 - CONFIDENCE) / 2
    if n > EXACT_UP_TO:
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return int(np.floor(n * (n + 1) / 4 + norm.ppf(tail) * spread))
    ways = np.ones(1)  # ways[w]: probability that the ranks with positive sign add up to w
    for rank in range(1, n + 1):
        ways = (np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))) / 2
    return int(np.searchsorted(np.cumsum(ways), tail, side="right"))


def holm(p: Iterable[float]) -> np.ndarray:
    """Adjusted p-values of Holm's step-down method; missing p-values (tests not carried out) are not in the family."""
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p, np.float64)
    adjusted = np.full(len(p), np.nan)
    done = np.isfinite(p)
    if done.any():
        adjusted[done] = multipletests(p[done], method="holm")[1]
    return adjusted
