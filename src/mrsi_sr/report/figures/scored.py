"""Scores that a figure is drawn of: metrics files and their provenance, checked as those of a table are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.agreement import read_records
from mrsi_sr.report.caption import terms, upscaling_factor
from mrsi_sr.report.collect import collect
from mrsi_sr.report.figures.origin import origin
from mrsi_sr.report.shared import on_shared_maps
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.figure import Conditions, Curves
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.report import FigureSettings, TableSettings


@dataclass(frozen=True)
class Scored:
    """Scores of a figure.

    values: a row for each map and metric, as scores.select has them: the mean over repeated samples and seeds, missing
    where the metric is not available. methods: in the order of the figure, points of a sweep as METHOD@VALUE. records:
    provenance of one metrics file of each method, by the method's name without a point. frame: voxels of a map along
    each axis. origin, notes: the caption's sentences on where the scores come from, on metrics that are not available
    and why, and on the terms that methods without a sweep are compared on.
    """

    values: pd.DataFrame
    methods: list[str]
    records: dict[str, dict]
    frame: int
    origin: str
    notes: str

    def factor(self, size: int) -> str:
        """Upscaling factor of a size, as printed."""
        return upscaling_factor(self.frame, size)

    def nfe(self, method: str) -> float:
        """Number of network evaluations of a map by a method or by each point of its sweep."""
        return self.records[split_point(method)[0]]["nfe"]

    def swept(self, method: str) -> str:
        """Key of the sampler that a method sweeps over. Raises UserError where it has no sweep."""
        name = split_point(method)[0]
        if not (sweep := self.records[name]["sampling_settings"].get("sweep")):
            raise UserError(
                f"the method {name} has no sweep, and the figure shows the values of one\n  name swept methods only"
            )
        return sweep["key"]

    def value(self, method: str) -> float:
        """Value of a method's point of its sweep. Raises UserError where it is no number."""
        key, point = self.swept(method), split_point(method)[1]
        try:
            return float(point)
        except ValueError:
            raise UserError(f"{method} has no value of {key} along an axis\n  name METHOD@NUMBER") from None


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
    if not shown:
        raise UserError(f"there are no scores of {listed(methods)}\n  the files are of {listed(table.method.unique())}")
    if isinstance(settings.figure, Curves):
        table = on_shared_maps(table, shown, methods)
    asked = _as_of_a_table(table, settings)
    _check_one_cost(shown)
    by_size = isinstance(settings.figure, Conditions)  # of one method, whose points may be of different sizes
    parts = [collect(table, records, each, "figure") for each in (_at_each_size(table, asked) if by_size else [asked])]
    values = pd.concat([each.values for each in parts], ignore_index=True)
    facts = sorted([each["method"], each["fold"], each["seed"], origin_of(each)] for each in shown)
    said = origin(
        settings,
        folds=sorted(map(int, values.fold.unique())),
        seeds=sorted({each["seed"] for each in shown}),
        configuration=fingerprint(*facts),
        participants=values.participant.nunique(),
        maps=len(values[["fold", "participant", "slice", "metabolite"]].drop_duplicates()),
        part=parts[0].facts["part"],
    )
    fixed = terms([each for each in shown if not each["sampling_settings"].get("sweep")], settings.labels)
    missing = parts[0].facts["not_available"]
    notes = [f"Not available is {missing}." if missing else "", f"Settings: {fixed}." if fixed else ""]
    by_method = {each["method"]: each for each in reversed(shown)}
    return Scored(values, methods, by_method, shown[0]["frame"], said, " ".join(filter(None, notes)))


def _as_of_a_table(table: pd.DataFrame, settings: FigureSettings) -> TableSettings:
    """Settings of a table of what the figure shows, by which its scores are chosen and checked."""
    figure = settings.figure
    match figure:
        case Curves():
            methods = list(dict.fromkeys(method for line in figure.lines for method in line.methods))
            metrics = list(dict.fromkeys([*figure.metrics, *({figure.x} & set(METRICS))]))
        case Conditions():
            points = [point for point in dict.fromkeys(table.method) if split_point(point)[0] == figure.method]
            methods, metrics = points or [figure.method], [figure.metric]
    same = ("protocol", "experiment", "region", "folds", "folds_in_all", "seeds")
    keys = {key: getattr(settings, key) for key in same} | {"methods": methods, "metrics": metrics}
    if settings.expected is not None:  # the points of a sweep are made with one setting
        keys["expected"] = {split_point(method)[0]: folds for method, folds in settings.expected.items()}
    own = table[table.method.isin(methods)]
    there = (table if own.empty else own)["size"].unique()
    return TableSettings.of(**keys, sizes=figure.sizes or sorted(map(int, there)))


def _at_each_size(table: pd.DataFrame, asked: TableSettings) -> list[TableSettings]:
    """Settings for each size with the methods that are scored there: a sweep may have other points at each."""
    there = {size: set(table.method[table["size"] == size]) for size in asked.sizes}
    methods = {size: [method for method in asked.methods if method in own] for size, own in there.items()}
    return [asked | {"sizes": [size], "methods": own or asked.methods} for size, own in methods.items()]


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
