"""Scores that a figure is drawn of: metrics files and their provenance, checked as those of a table are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import MAP
from mrsi_sr.report.agreement import check_agreement, read_records
from mrsi_sr.report.figures.origin import origin
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.experiment import FigureSettings, TableSettings
from mrsi_sr.settings.figure import Conditions, Curves
from mrsi_sr.settings.method import split_point

UNITS = {"psnr": "dB"}  # of metrics that have one
RUN = ["fold", "seed"]  # columns that tell apart the trainings of one network


@dataclass(frozen=True)
class Scored:
    """Scores of a figure.

    values: a row for each map and metric with columns MAP, method, fold, seed, metric and value, the mean over repeated
    samples; missing where the metric is not available. methods: in the order of the figure, points of a sweep as
    METHOD@VALUE. records: provenance of one metrics file of each method, by the method's name without a point. frame:
    voxels of a map along each axis. origin: the caption's sentence on where the scores come from.
    """

    values: pd.DataFrame
    methods: list[str]
    records: dict[str, dict]
    frame: int
    origin: str

    def factor(self, size: int) -> str:
        """Upscaling factor of a size, as printed."""
        return f"{self.frame / size:.1f}".removesuffix(".0")

    def nfe(self, method: str) -> float:
        """Number of network evaluations of a map by a method or by each point of its sweep."""
        return self.records[split_point(method)[0]]["nfe"]

    def swept(self, method: str) -> str:
        """Key of the sampler that a method sweeps over. Raises UserError where it has no sweep."""
        name = split_point(method)[0]
        sweep = self.records[name]["sampling_settings"].get("sweep")
        if sweep is None:
            raise UserError(
                f"the method {name} has no sweep, and the figure shows scores against the values of one\n"
                "  name swept methods only"
            )
        return sweep["key"]


def read(metrics: Sequence[str | Path], provenance: Sequence[Path], settings: FigureSettings) -> Scored:
    """Scores of the methods, metrics and sizes that a figure shows.

    metrics: metrics files (Parquet) of evaluate.py. provenance: their records. Where a method is sampled on a declared
    subset of the maps, all methods are compared on the maps that they share.
    Raises UserError for what a table refuses too: files of two protocols or experiments, missing folds, methods that
    are not scored on the same maps, scores of other settings than the configuration's or of mixed ones.
    """
    table = scores.read(metrics, settings.protocol, settings.experiment)
    records = read_records(provenance, metrics)
    methods = _as_of_a_table(table, settings).methods
    shown = [each for each in records if each["method"] in {split_point(method)[0] for method in methods}]
    conditions = isinstance(settings.figure, Conditions)  # of one method, whose points may be of different sizes
    table = table if conditions else _shared(table, shown, methods)
    asked = _as_of_a_table(table, settings)
    check_agreement(table, records, asked)
    _check_one_cost(shown)
    values = _select(table, asked, sizes_differ=conditions)
    facts = sorted([each["method"], each["fold"], each["seed"], origin_of(each)] for each in shown)
    said = origin(
        settings,
        folds=sorted(map(int, values.fold.unique())),
        seeds=sorted(map(int, values.seed.unique())),
        configuration=fingerprint(*facts),
        participants=values.participant.nunique(),
        maps=len(values[["fold", "participant", "slice", "metabolite"]].drop_duplicates()),
    )
    return Scored(values, methods, {each["method"]: each for each in reversed(shown)}, shown[0]["frame"], said)


def label_of(metric: str) -> str:
    """Metric with its unit and the arrow in the direction of better values."""
    unit = f" ({UNITS[metric]})" if metric in UNITS else ""
    return f"{METRICS[metric].label}{unit} {METRICS[metric].arrow}"


def _as_of_a_table(table: pd.DataFrame, settings: FigureSettings) -> TableSettings:
    """Settings of a table of what the figure shows, by which its scores are chosen and checked. Sizes: all there are."""
    figure = settings.figure
    match figure:
        case Curves():
            methods = list(dict.fromkeys(method for own in figure.lines.values() for method in own))
            metrics = list(dict.fromkeys([*figure.metrics, *({figure.x} & set(METRICS))]))
        case Conditions():
            points = [point for point in dict.fromkeys(table.method) if split_point(point)[0] == figure.method]
            methods, metrics = points or [figure.method], [figure.metric]
    same = ("protocol", "experiment", "region", "folds", "folds_in_all", "expected")
    keys = {key: getattr(settings, key) for key in same} | {"methods": methods, "metrics": metrics}
    return TableSettings.of(**keys, sizes=figure.sizes or sorted(map(int, table["size"].unique())))


def _select(table: pd.DataFrame, asked: TableSettings, sizes_differ: bool) -> pd.DataFrame:
    """Values at each size. sizes_differ: whether methods are left out at the sizes that they have no scores at."""
    parts = []
    for size in asked.sizes:
        there = set(table.method[table["size"] == size]) if sizes_differ else set()
        methods = [method for method in asked.methods if method in there] or asked.methods
        parts.append(scores.select(table, asked | {"sizes": [size], "methods": methods}))
    return pd.concat(parts, ignore_index=True)


def _shared(table: pd.DataFrame, records: list[dict], methods: list[str]) -> pd.DataFrame:
    """Rows of the maps that all methods have, where one of them declares a subset; else all, to be checked as they are.

    Methods of different folds or seeds stay as they are, so that they are refused.
    """
    subsets = [each["sampling_settings"].get("subset") or {} for each in records]
    table = table[table.method.isin(methods)]
    runs = {frozenset(own[RUN].itertuples(index=False, name=None)) for _, own in table.groupby("method")}
    if len(runs) > 1 or not any(value is not None for subset in subsets for value in subset.values()):
        return table
    shared = table[table.groupby([*RUN, *MAP]).method.transform("nunique") == len(methods)]
    if shared.empty:
        raise UserError(
            f"{', '.join(methods)} are sampled on subsets of the maps that have no map in common\n"
            "  declare subsets that share maps, or show these methods in figures of their own"
        )
    return shared


def _check_one_cost(records: list[dict]) -> None:
    """Raise a UserError where folds of a method differ in their number of network evaluations."""
    first: dict[str, dict] = {}
    for each in records:
        before = first.setdefault(each["method"], each)
        if each["nfe"] != before["nfe"]:
            raise UserError(
                f"{each['method']} differs between folds in its number of network evaluations: {before['nfe']} in fold"
                f" {before['fold']}, {each['nfe']} in fold {each['fold']}\n"
                "  the files come from different configurations: sample and evaluate all folds again"
            )
