"""Wilcoxon signed-rank tests between each pair of methods, with effect sizes.

| protocol | unit of a pair | multiple testing | in addition |
|---|---|---|---|
| paper | map | none, as published | |
| clean | participant: the mean over its maps | Holm over the family | the test over maps, as a sensitivity analysis |

The family is every test of one table: all pairs of methods at all sizes in all metrics, as far as they can be carried
out. A table that pools its sizes has one test for all of them: each map at each size is a map of its own. Repeated
samples of a map are averaged first. Differences of zero are excluded from the test and the rank-biserial correlation
(Wilcoxon's own treatment, zero_method='wilcox' in SciPy), and included in the Hodges-Lehmann median.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import MAP, groups_of, methods_of, select
from mrsi_sr.settings.experiment import TableSettings

UNITS = {"paper": "map", "clean": "participant"}
CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
LISTED = 1_000_000  # number of pairs of differences up to which their averages are listed
EXACT_UP_TO = 50  # number of pairs; with more, the signed-rank distribution is approximated as normal, as in SciPy


def compare(table: pd.DataFrame, settings: TableSettings) -> pd.DataFrame:
    """Tests between each pair of methods, one row per metric, size and pair.

    table: long table of scores.read. Columns: metric, size (`all` where they are pooled), method_a, method_b, protocol,
    region, unit, pairs, zeros, median_difference (Hodges-Lehmann, a - b) with its confidence interval, rank_biserial
    (1: a above b in every pair), better, p, p_adjusted (clean), pairs_maps and p_maps (clean), note.
    Raises UserError for fewer than two methods.
    """
    unit = UNITS[settings.protocol]
    values = select(table, settings)
    methods = methods_of(table, settings)
    if len(methods) < 2:
        raise UserError(f"tests need at least two methods, there is {', '.join(methods)}\n  give more metrics files")
    rows = []
    for metric in settings.metrics:
        for group in groups_of(settings):
            chosen = values[(values.metric == metric) & (values.group == group)]
            maps = chosen.pivot(index=["fold", *MAP], columns="method", values="value")
            units = maps if unit == "map" else maps.groupby("participant").mean(skipna=False)
            for a, b in combinations(methods, 2):
                row = {"metric": metric, "size": group, "method_a": a, "method_b": b}
                row |= paired_test((units[a] - units[b]).to_numpy())
                row["better"] = _better(row["median_difference"], METRICS[metric].lower_is_better, a, b)
                if unit == "participant":
                    row |= {"pairs_maps": len(maps), "p_maps": signed_rank_p((maps[a] - maps[b]).to_numpy())}
                rows.append(row)
    result = pd.DataFrame(rows)
    result.insert(4, "protocol", settings.protocol)
    result.insert(5, "region", settings.region)
    result.insert(6, "unit", unit)
    if settings.protocol == "clean":
        result.insert(result.columns.get_loc("p") + 1, "p_adjusted", holm(result.p))
        _note_family(result)
    return result[[*result.columns.drop("note"), "note"]]


def paired_test(differences: np.ndarray) -> dict:
    """Wilcoxon signed-rank test of paired differences [N], with effect sizes and a note on its limits."""
    differences = np.asarray(differences, np.float64)
    nonzero = int(np.sum(differences != 0))
    available = np.isfinite(differences).all()
    center, low, high = hodges_lehmann(differences) if available else (np.nan,) * 3
    p = signed_rank_p(differences)
    note = ""
    if not available:
        note = "not available: the metric has no values"
    elif len(differences) < 2:
        note = f"not available: {len(differences)} pair"
    elif nonzero == 0:
        note = "all differences are zero"
    elif 0.5 ** (nonzero - 1) > SIGNIFICANCE:
        note = f"{nonzero} pairs that differ: p cannot be below {0.5 ** (nonzero - 1):.3g}"
    return {
        "pairs": len(differences),
        "zeros": len(differences) - nonzero,
        "median_difference": center,
        "ci_low": low,
        "ci_high": high,
        "rank_biserial": np.nan if np.isnan(p) else rank_biserial(differences),
        "p": p,
        "note": note,
    }


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


def rank_biserial(differences: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): (W+ - W-) / (W+ + W-) over the differences not zero."""
    from scipy.stats import rankdata

    nonzero = differences[differences != 0]
    if len(nonzero) == 0:
        return 0.0
    return float(np.sum(np.sign(nonzero) * rankdata(np.abs(nonzero))) / (len(nonzero) * (len(nonzero) + 1) / 2))


def hodges_lehmann(differences: np.ndarray) -> tuple[float, float, float]:
    """Hodges-Lehmann median (of the pairwise Walsh averages) and its confidence interval of at least 95 %.

    The interval inverts the signed-rank test: exact up to 50 differences, by the normal approximation for more, NaN for
    fewer than 6. Hollander and Wolfe, Nonparametric Statistical Methods, sections 3.2 and 3.3.
    """
    n = len(differences)
    if n == 0:
        return np.nan, np.nan, np.nan
    ordered, number = np.sort(differences), n * (n + 1) // 2
    center = (walsh_average(ordered, (number - 1) // 2) + walsh_average(ordered, number // 2)) / 2
    outside = _rank_sums_outside(n)
    if outside < 1:
        return center, np.nan, np.nan
    return center, walsh_average(ordered, outside - 1), walsh_average(ordered, number - outside)


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


def _note_family(result: pd.DataFrame) -> None:
    """Add a note to all rows where no test of the family can reach significance after Holm's first step."""
    tested = result[result.p.notna()]
    smallest = len(tested) * 0.5 ** ((tested.pairs - tested.zeros).max() - 1) if len(tested) else 0
    if smallest > SIGNIFICANCE:
        note = f"{len(tested)} tests in the family: p_adjusted cannot be below {min(1, smallest):.3g}"
        result["note"] = [f"{own}; {note}" if own else note for own in result.note]


def _better(difference: float, lower_is_better: bool, a: str, b: str) -> str:
    if np.isnan(difference) or difference == 0:
        return ""
    return a if (difference < 0) == lower_is_better else b
