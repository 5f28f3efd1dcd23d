"""Scores of one table: those that it needs, checked for agreement, with the facts of where they come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.agreement import FoldScores, check_agreement, fold_scores, part_of, read_records
from mrsi_sr.report.caption import joined, terms
from mrsi_sr.report.presence import Absent, absent_scores, in_words, refuse
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.report import TableSettings


@dataclass(frozen=True)
class Collected:
    """Scores of a table.

    settings: of the table. methods: its rows, in the order shown. values: of scores.select. scores: method, fold and
    seed of each file that is shown, with its record. absent: those that the table lacks, where it may. mixed:
    differences between the settings of a method's folds, in words.
    """

    settings: TableSettings
    methods: list[str]
    values: pd.DataFrame
    scores: list[FoldScores]
    absent: list[Absent]
    mixed: list[str]

    @property
    def seeds(self) -> list[int]:
        """Seeds of training, in order."""
        return sorted({each.seed for each in self.scores})

    @cached_property
    def lacking(self) -> dict[str, str]:
        """What each incomplete method lacks, in words."""
        groups = groupby(self.absent, key=lambda each: each.method)
        seeds = len(self.settings.seeds or self.seeds)
        return {method: in_words(each, seeds) for method, each in groups}

    def label(self, method: str) -> str:
        """Name of a method in tables."""
        return self.settings.labels.get(method, method)

    @cached_property
    def facts(self) -> dict[str, str | int | bool | None]:
        """Facts of the caption: experiment, cohort, protocol, region, folds, seeds and the rest."""
        settings, records = self.settings, [each.record for each in self.scores]
        folds = sorted({each.fold for each in self.scores})
        maps = self.values[["fold", "participant", "slice", "metabolite"]].drop_duplicates()
        return {name: getattr(settings, name) for name in ("experiment", "cohort", "phantom", "protocol", "region")} | {
            "folds": f"fold{'s' * (len(folds) > 1)} {joined(folds)} of {settings.folds_in_all or len(folds)}",
            "seeds": joined(self.seeds),
            "part": part_of(self.scores),
            "participants": int(self.values.participant.nunique()),
            "maps": len(maps),
            "device": joined(dict.fromkeys(each["sampling_device"] for each in records)),
            "training_device": joined(_training_devices(records)),
            "mixed": "; ".join(self.mixed),
            "not_available": _not_available(self.values, records),
            "missing": "; ".join(f"{self.label(method)} lacks {words}" for method, words in self.lacking.items()),
            "terms": terms([each for each in records if not _is_swept(each)], settings.labels),
            "configuration": fingerprint(
                *sorted([each.method, each.fold, each.seed, origin_of(each.record)] for each in self.scores)
            ),
        }


def read(metrics: Iterable[str | Path], provenance: Iterable[Path], settings: TableSettings) -> Collected:
    """Scores of a table, from metrics files and their records. Raises UserError as scores.read and collect do."""
    metrics = list(metrics)
    table = scores.read(metrics, settings.protocol, settings.experiment)
    return collect(table, read_records(provenance, metrics), settings)


def collect(table: pd.DataFrame, records: Iterable[dict], settings: TableSettings, what: str = "table") -> Collected:
    """Scores of a table. table: long table of scores.read. records: provenance of its files. what: for errors.

    Raises UserError that names all scores which are missing or of other settings than expected, unless the table may be
    partial; and where the rest does not agree (agreement.check_agreement) or is not of the same maps (scores.select).
    """
    methods = scores.methods_of(table, settings)
    found = fold_scores(table, records, methods)
    absent = absent_scores(found, methods, settings)
    if absent and not settings.allow_partial:
        refuse(absent, what)
    lacked = {(each.method, each.fold, each.seed) for each in absent}
    shown = [each for each in found if (each.method, each.fold, each.seed) not in lacked]
    if not shown:
        raise UserError("there are no scores for the table\n  run the workflow, or evaluate.py, first")
    if len(shown) < len(found):
        keys = pd.MultiIndex.from_frame(table[["method", "fold", "seed"]])
        table = table[keys.isin([(each.method, each.fold, each.seed) for each in shown])]
    return Collected(settings, methods, scores.select(table, settings), shown, absent, check_agreement(shown, settings))


def _is_swept(record: dict) -> bool:
    """Whether the scores are of a sweep, whose points' values their names say."""
    return bool(record["sampling_settings"].get("sweep"))


def _not_available(values: pd.DataFrame, records: list[dict]) -> str:
    """Metrics that have no value for a method, and the reasons, for the caption; empty where all have some."""
    metrics = values.loc[values.value.isna(), "metric"].unique()
    reasons = dict.fromkeys(filter(None, (record["settings"]["lpips_reason"] for record in records)))
    return f"{joined(METRICS[name].label for name in metrics)}: {'; '.join(reasons)}" if len(metrics) else ""


def _training_devices(records: list[dict]) -> list[str]:
    devices = [each["device"] for record in records for each in record["training"].values()]
    return list(dict.fromkeys(filter(None, devices)))
