"""Tests between the methods of a table, with effect sizes and confidence intervals.

| unit of a pair | in protocol | multiple testing | in addition |
|---|---|---|---|
| map | paper | none, as published | |
| participant: the mean over its maps | clean | Holm over the family | bootstrap intervals over participants; the test |
| | | | over maps, as a sensitivity analysis |

A table may choose the other unit (`test_unit`), and the paired t-test in place of Wilcoxon's signed-rank test (`test`).
The family is every test of one table, as far as they can be carried out: of each method against the table's reference,
or without one of all pairs of methods, at all sizes in all metrics. A table that pools its sizes has one test for all
of them: each map at each size is a map of its own. Repeated samples of a map and seeds of training are averaged first.
"""

from itertools import combinations, product

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import MAP, groups_of
from mrsi_sr.report import paired
from mrsi_sr.report.collect import Collected
from mrsi_sr.settings.report import TableSettings

SIGNIFICANCE = 0.05
TESTS = {"signed_rank": paired.signed_rank_p, "paired_t": paired.paired_t_p}
NAMES = {"signed_rank": "Wilcoxon's signed-rank test", "paired_t": "paired t-test"}


def compare(collected: Collected, *, intervals: bool = True) -> pd.DataFrame:
    """Tests between the methods, one row per metric, size and pair.

    Columns: metric, size (`all` where they are pooled), method_a, method_b, protocol, region, test, unit, pairs, zeros,
    mean_difference (a - b), median_difference (Hodges-Lehmann), better, p; with the participant as unit p_adjusted,
    pairs_maps and p_maps, and intervals of 95 %: ci_low and ci_high of the Hodges-Lehmann difference by bootstrap over
    participants, exact_low and exact_high by inverting the signed-rank test, rank_biserial_low and _high by bootstrap;
    rank_biserial (1: a above b in every pair), note; and the facts of where the numbers come from.
    intervals: whether to compute the intervals, which take most of the time.
    Raises UserError for fewer than two methods.
    """
    settings = collected.settings
    pairs = pairs_of(collected.methods, settings)
    of_group = dict(iter(collected.values.groupby(["metric", "group"])))
    rows = []
    for metric, group in product(settings.metrics, groups_of(settings)):
        chosen = of_group[metric, group]
        folds = {method: set(each.unique()) for method, each in chosen.fold.groupby(chosen.method)}
        maps = chosen.pivot(index=["fold", *MAP], columns="method", values="value")
        for a, b in pairs:
            row = {"metric": metric, "size": group, "method_a": a, "method_b": b, "protocol": settings.protocol}
            row |= {"region": settings.region, "test": settings.test, "unit": settings.test_unit}
            of_both = maps.reindex(columns=[a, b])
            if (common := folds.get(a, set()) & folds.get(b, set())) != set().union(*folds.values()):
                of_both = of_both[maps.index.get_level_values("fold").isin(common)]
            rows.append(row | _compared(of_both, metric, settings, intervals))
    result = pd.DataFrame(rows)
    if settings.test_unit == "participant":
        result.insert(result.columns.get_loc("p") + 1, "p_adjusted", paired.holm(result.p))
        _note_family(result)
    _note_missing(result, collected.lacking)
    return result[[*result.columns.drop("note"), "note"]]


def pairs_of(methods: list[str], settings: TableSettings) -> list[tuple[str, str]]:
    """Pairs of methods that are tested: each with the reference after it, or all. Raises UserError for none."""
    if len(methods) < 2:
        raise UserError(f"tests need at least two methods, there is {', '.join(methods)}\n  give more metrics files")
    if settings.reference is None:
        return list(combinations(methods, 2))
    if settings.reference not in methods:
        raise UserError(f"the reference is {settings.reference}, expected one of {', '.join(methods)}")
    return [(method, settings.reference) for method in methods if method != settings.reference]


def significant(tests: pd.DataFrame) -> pd.Series:
    """Whether each test is significant: by its adjusted p-value where there is one."""
    return tests.get("p_adjusted", tests.p) < SIGNIFICANCE


def family_in_words(tests: pd.DataFrame, settings: TableSettings) -> str:
    """Test, unit of its pairs and correction in words."""
    unit = {"map": "over maps", "participant": "over the means of participants"}[settings.test_unit]
    corrected = f"Holm's correction over {int(tests.p.notna().sum())} tests"
    return f"{NAMES[settings.test]} {unit}, {corrected if 'p_adjusted' in tests else 'not corrected for several tests'}"


def _compared(maps: pd.DataFrame, metric: str, settings: TableSettings, intervals: bool) -> dict:
    """Test of a pair, with its effect sizes. maps: values [maps, 2] of the two methods."""
    over_participants = settings.test_unit == "participant"
    units = maps.groupby("participant").mean(skipna=False) if over_participants else maps
    a, b = units.columns
    row = paired_test((units[a] - units[b]).to_numpy(), settings.test, intervals=over_participants and intervals)
    row["better"] = _better(units, metric, row["median_difference"])
    if over_participants:
        row |= {"pairs_maps": len(maps), "p_maps": TESTS[settings.test]((maps[a] - maps[b]).to_numpy())}
    return row


def _better(units: pd.DataFrame, metric: str, difference: float) -> str:
    """The better method by the difference; where values are best near a target, the one whose mean is nearer to it."""
    (a, b), kind = units.columns, METRICS[metric]
    if kind.target is None:
        gain = -kind.badness(difference)
    else:
        gain = kind.badness(units[b].mean()) - kind.badness(units[a].mean())
    return a if gain > 0 else b if gain < 0 else ""


def paired_test(differences: np.ndarray, test: str = "signed_rank", *, intervals: bool = True) -> dict:
    """Test of paired differences [N], with effect sizes, their intervals and a note on the limits of the test."""
    differences = np.asarray(differences, np.float64)
    available = len(differences) > 0 and np.isfinite(differences).all()
    nonzero = int(np.sum(differences != 0))
    row = {"pairs": len(differences), "zeros": len(differences) - nonzero}
    row["mean_difference"] = differences.mean() if available else np.nan
    row["median_difference"] = paired.hodges_lehmann(differences) if available else np.nan
    if intervals:
        row["ci_low"], row["ci_high"] = paired.bootstrap_interval(differences, paired.hodges_lehmann_of_each)
        row["exact_low"], row["exact_high"] = paired.exact_interval(differences)
    row["p"] = TESTS[test](differences)
    row["rank_biserial"] = float(paired.rank_biserial(differences)) if not np.isnan(row["p"]) else np.nan
    if intervals:
        low, high = paired.bootstrap_interval(differences, paired.rank_biserial)
        row |= {"rank_biserial_low": low, "rank_biserial_high": high}
    return row | {"note": _note(len(differences), nonzero, available, test)}


def _note(pairs: int, nonzero: int, available: bool, test: str) -> str:
    if pairs and not available:
        return "not available: the metric has no values"
    if pairs < 2:
        return f"not available: {pairs} pair"
    if nonzero == 0:
        return "all differences are zero"
    if test == "signed_rank" and 0.5 ** (nonzero - 1) > SIGNIFICANCE:
        return f"{nonzero} pairs that differ: p cannot be below {0.5 ** (nonzero - 1):.3g}"
    return ""


def _note_family(result: pd.DataFrame) -> None:
    """Add a note to all rows where no signed-rank test of the family can reach significance after Holm's first step."""
    tested = result[result.p.notna() & (result.test == "signed_rank")]
    smallest = len(tested) * 0.5 ** ((tested.pairs - tested.zeros).max() - 1) if len(tested) else 0
    if smallest > SIGNIFICANCE:
        note = f"{len(tested)} tests in the family: p_adjusted cannot be below {min(1, smallest):.3g}"
        _add_note(result, note, result.index)


def _note_missing(result: pd.DataFrame, lacking: dict[str, str]) -> None:
    """Add what a method of a partial table lacks to the notes of its tests, which are of the folds that both have."""
    for method, words in lacking.items():
        _add_note(
            result, f"{method} lacks {words}", result.index[(result.method_a == method) | (result.method_b == method)]
        )


def _add_note(result: pd.DataFrame, note: str, where: pd.Index) -> None:
    result.loc[where, "note"] = [f"{own}; {note}" if own else note for own in result.note[where]]
