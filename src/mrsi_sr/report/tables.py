"""Content of a table of methods: cost, and metrics at each size as mean ± population standard deviation over maps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import ALL_SIZES, groups_of
from mrsi_sr.report import statistics
from mrsi_sr.report.caption import caption, joined
from mrsi_sr.report.collect import Collected
from mrsi_sr.settings.report import TableSettings

COST = ("nfe", "seconds_per_slice", "training_hours", "parameters")


@dataclass(frozen=True)
class Table:
    """Content of a table.

    collected: its scores. rows: one per method, columns method, label, missing (in words) and costs. values: indexed by
    (method, metric, group), columns mean, sd; without incomplete methods that have none. best: (method, metric, group)
    printed in bold. different: those that differ significantly from the reference or the best. family: test, unit and
    correction in words, empty where no significance is shown. A group is a size, or all of them together
    (scores.groups_of). frame: voxels of a map along each axis.
    """

    collected: Collected
    rows: pd.DataFrame
    values: pd.DataFrame
    best: set
    different: set
    family: str
    frame: int

    @property
    def settings(self) -> TableSettings:
        """Settings of the table."""
        return self.collected.settings

    @property
    def facts(self) -> dict:
        """Facts of the caption."""
        return self.collected.facts

    @property
    def groups(self) -> list[int | str]:
        """Groups of maps, in the order shown."""
        return groups_of(self.settings)

    @property
    def columns(self) -> list[tuple[str, int | str]]:
        """Metric and group of each column of values, in the order shown."""
        return [(metric, group) for group in self.groups for metric in self.settings.metrics]

    def mean_sd(self, method: str, metric: str, group: int | str) -> tuple[float, float]:
        """Mean and standard deviation; NaN where the metric is not available or the scores are missing."""
        key = (method, metric, group)
        return tuple(self.values.loc[key, ["mean", "sd"]]) if key in self.values.index else (np.nan, np.nan)

    @property
    def caption(self) -> str:
        """Caption in full sentences: what the numbers are, and where they come from."""
        return caption(self.settings, self.facts, self.family)


def build(collected: Collected) -> Table:
    """Table of methods from its scores. Raises UserError where methods differ in their frames or costs."""
    settings, methods = collected.settings, collected.methods
    # Population standard deviation; one missing value makes mean and standard deviation missing.
    values = collected.values.groupby(["method", "metric", "group"]).value.agg([("mean", _mean), ("sd", _sd)])
    complete = [method for method in methods if method not in collected.lacking]
    best = {
        each for metric in settings.metrics for group in groups_of(settings)
        for each in _best(values, complete, metric, group, decimals_of(metric, settings))
    }  # fmt: skip
    different, family = _different(collected, best) if settings.mark_significance else (set(), "")
    return Table(collected, _costs(collected), values, best, different, family, frame_of(collected))


def decimals_of(metric: str, settings: TableSettings) -> int:
    """Decimals that a table prints of a metric."""
    return METRICS[metric].decimals + settings.more_decimals


def _different(collected: Collected, best: set) -> tuple[set, str]:
    """Methods, metrics and groups that differ significantly from the reference, else from the best; and the test."""
    tests = statistics.compare(collected, intervals=False)
    different = set()
    for row in tests[statistics.significant(tests)].itertuples():
        pair = [(method, row.metric, row.size) for method in (row.method_a, row.method_b)]
        if collected.settings.reference:
            different.add(pair[0])
        elif (pair[0] in best) != (pair[1] in best):
            different |= set(pair) - best
    return different, statistics.family_in_words(tests, collected.settings)


def frame_of(collected: Collected) -> int:
    """Voxels of the maps along each axis. Raises UserError where they differ."""
    frames = {each.record["frame"] for each in collected.scores}
    if len(frames) > 1:
        raise UserError(f"the maps are of different frames: {joined(sorted(frames))}\n  make one table for each frame")
    return frames.pop()


def _costs(collected: Collected) -> pd.DataFrame:
    """Label of each method with means over folds and seeds of its costs."""
    rows = []
    for method in collected.methods:
        own = [each for each in collected.scores if each.method == method]
        for key in ("nfe", "parameters"):
            found = {each.place: each.record[key] for each in own}
            if len(set(found.values())) > 1 and not collected.settings.mix_folds:
                raise UserError(
                    f"{method} differs between folds in {key}: "
                    + ", ".join(f"{place}: {value}" for place, value in found.items())
                    + "\n  the files come from different configurations: sample and evaluate all folds again"
                )
        costs = [each.record | {"training_hours": _training_hours(each.record)} for each in own]
        means = {key: _mean_of([each[key] for each in costs]) for key in COST}
        missing = collected.lacking.get(method, "")
        rows.append({"method": method, "label": collected.label(method), "missing": missing, **means})
    return pd.DataFrame(rows)


def _training_hours(record: dict) -> float:
    """Hours of training of all networks of a method in a fold; NaN where the record of one of them was missing."""
    seconds = [each["seconds"] for each in record["training"].values()]
    return np.nan if None in seconds else sum(seconds) / 3600


def _mean_of(values: list[float]) -> float:
    """Mean of values; of equal values the value itself, so that a whole number stays one. NaN of none."""
    if not values:
        return np.nan
    return values[0] if len(set(values)) == 1 else float(np.mean(values))


def _mean(values: pd.Series) -> float:
    return values.to_numpy().mean()


def _sd(values: pd.Series) -> float:
    return values.to_numpy().std(ddof=0)


def _best(values: pd.DataFrame, methods: list[str], metric: str, group: int | str, decimals: int) -> list[tuple]:
    """Best of two or more methods at a metric and group, with all that are equal as printed; else none."""
    means = {method: values.loc[(method, metric, group), "mean"] for method in methods}
    means = {method: round(mean, decimals) for method, mean in means.items() if not np.isnan(mean)}
    if len(means) < 2:
        return []
    badness = {method: METRICS[metric].badness(mean) for method, mean in means.items()}
    return [(method, metric, group) for method, bad in badness.items() if bad == min(badness.values())]


def csv(table: Table) -> pd.DataFrame:
    """The table as CSV data, one row per method and size: costs, mean and sd of each metric, facts of the caption.

    The size of maps of several sizes that are pooled is `all`, their upscaling factor is missing.
    """
    rows = []
    for row in table.rows.to_dict("records"):
        for group in table.groups:
            values = {"size": group, "upscaling_factor": np.nan if group == ALL_SIZES else table.frame / group}
            for metric in table.settings.metrics:
                mean, sd = table.mean_sd(row["method"], metric, group)
                values |= {f"{metric}_mean": mean, f"{metric}_sd": sd}
                if table.family:
                    values[f"{metric}_differs"] = (row["method"], metric, group) in table.different
            rows.append(row | values | {"test": table.family} | table.facts | {"missing": row["missing"]})
    return pd.DataFrame(rows)
