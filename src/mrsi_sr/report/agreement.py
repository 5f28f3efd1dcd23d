"""Agreement of scores: a table's scores must come from equal settings, or its caption says in what they differ."""

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.records import read_scores_record
from mrsi_sr.results.files import checksum
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.report import TableSettings

ABSENT = "absent"  # in error texts, the value of a key that one of two settings lacks


class FoldScores(NamedTuple):
    """Scores of one method, or point of a sweep, in one fold and seed: the metrics file, and its provenance record."""

    method: str
    fold: int
    seed: int
    file: str
    record: dict

    @property
    def place(self) -> str:
        """Fold and seed in words; the first seed of many studies, 1, is not said."""
        return f"fold {self.fold}" if self.seed == 1 else f"fold {self.fold}, seed {self.seed}"

    @property
    def settings(self) -> dict:
        """Settings that decided the maps, of the method and its networks, by their full names in the configuration."""
        own, method = self.record["sampling_settings"], f"methods.{self.record['method']}"
        parts = {method: {key: value for key, value in own.items() if key != "sampler"}}
        parts[f"{method}.sampler"] = own["sampler"]
        parts |= {f"networks.{name}": self.record["networks"][role] for role, name in own["networks"].items()}
        return {f"{where}.{key}": value for where, part in parts.items() for key, value in part.items()}

    @property
    def fingerprint(self) -> str:
        """Hash of these settings, which the workflow compares with the configuration's."""
        return fingerprint(self.record["sampling_settings"], self.record["networks"])


def read_records(paths: Iterable[Path], metrics: Iterable[str | Path]) -> list[dict]:
    """Provenance records of metrics files.

    Raises UserError for a file that is no record of scores, and where a record describes none of these metrics files:
    another one, or one as it was before it was damaged or changed.
    """
    present, records = {checksum(file) for file in metrics}, []
    for path in paths:
        records.append(read_scores_record(path))
        if not present & set(records[-1]["outputs_sha256"].values()):
            raise UserError(
                f"{path} describes none of the metrics files given: its own was changed, damaged or is another one\n"
                "  give each metrics file with the provenance.json beside it, or run evaluate.py again"
            )
    return records


def fold_scores(table: pd.DataFrame, records: Iterable[dict], methods: list[str]) -> list[FoldScores]:
    """Scores of the methods, in the order of methods, folds and seeds. table: long table of scores.read.

    Raises UserError where a file has no record, or two.
    """
    records = list(records)
    found = {(record["method"], record["fold"], record["seed"]): record for record in records}
    if len(found) < len(records):
        raise UserError(
            "a method's fold has two provenance records\n  give the provenance.json of each metrics file once"
        )
    keys = ["method", "fold", "seed"]
    files = table.loc[table.method.isin(methods), [*keys, "file"]].drop_duplicates(keys)
    scores, missing = [], []
    for method, fold, seed, file in files.itertuples(index=False):
        record = found.get((split_point(method)[0], fold, seed))
        if record is None:
            missing.append(f"{method}, fold {fold}, seed {seed}")
        else:
            scores.append(FoldScores(method, int(fold), int(seed), file, record))
    if missing:
        raise UserError(f"no provenance of {'; '.join(missing)}\n  give the provenance.json of each metrics file")
    return sorted(scores, key=lambda each: (methods.index(each.method), each.fold, each.seed))


def check_agreement(scores: list[FoldScores], settings: TableSettings) -> list[str]:
    """Differences between the settings of a method's folds, in words; empty where all agree.

    Raises UserError where methods are scored on different parts of a fold, a network shared by two methods differs
    between them, LPIPS weights differ, or a method's folds differ and mix_folds is false.
    """
    part_of(scores)
    _check_cohort(scores)
    check_shared(scores)
    _check_lpips(scores, settings.metrics)
    differences = {
        method: _differences({each.place: each.settings for each in folds})
        for method, folds in groupby(scores, key=lambda each: each.method)
    }
    mixed = {method: words for method, words in differences.items() if words}
    if mixed and not settings.mix_folds:
        lines = [
            f"the folds of {method} were made with different settings: {'; '.join(words)}"
            for method, words in mixed.items()
        ]
        to_do = "set mix_folds: true in the table to average them nevertheless, or give folds of equal settings only"
        raise UserError("\n  ".join([*lines, to_do]))
    return list(dict.fromkeys(word for words in mixed.values() for word in words))


def part_of(scores: Iterable[FoldScores]) -> str:
    """Part of the folds that scores are of, test or validation. Raises UserError for scores of both."""
    methods: dict[str, dict[str, None]] = {}
    for each in scores:
        methods.setdefault(each.record["sampling_settings"]["part"], {})[each.method] = None
    if len(methods) > 1:
        parts = [f"{', '.join(names)} of {part} participants" for part, names in methods.items()]
        raise UserError(
            f"the scores are of different participants: {'; '.join(parts)}\n"
            "  make one table for each part (key `part` of methods)"
        )
    return next(iter(methods))


def stale(scores: list[FoldScores], expected: dict[str, dict[str, str]]) -> list[tuple[FoldScores, str]]:
    """Scores of other settings than expected, each with what differs, as far as that is known.

    expected: fingerprint by method, with or without its point, and fold. The settings that belong to it are known by
    this hash alone; a fold that has them shows which key differs.
    """

    def wanted(each: FoldScores) -> str | None:
        own = expected.get(each.method) or expected.get(each.record["method"], {})
        return own.get(str(each.fold))

    found = []
    for each in scores:
        if wanted(each) in (None, each.fingerprint):
            continue
        like = [o for o in scores if o.method == each.method and o.fingerprint == wanted(o) == wanted(each)]
        differences = _differences({"it": each.settings, like[0].file: like[0].settings}) if like else []
        words = f"{each.file} was made with other settings than the configuration has"
        found.append((each, "; ".join([words, *differences])))
    return found


def _check_cohort(scores: list[FoldScores]) -> None:
    """Raise a UserError where scores are of slices or quality masks of different settings, as far as those are known.

    Slices and masks that were made or changed by hand have no record, and their scores no settings of them.
    """
    differences = []
    for part in ("quality", "slices"):
        given = {each.file: each.record.get("cohort", {}).get(part) for each in scores}
        named = {
            file: {f"cohort.{part}.{key}": value for key, value in own.items()}
            for file, own in given.items()
            if own is not None
        }
        differences += _differences(named)
    if differences:
        raise UserError(
            f"the scores are of scans that were prepared in different ways: {'; '.join(differences)}\n"
            "  run the workflow again with one configuration"
        )


def check_shared(scores: list[FoldScores]) -> None:
    """Raise a UserError where two methods use different networks of one name in a fold."""
    seen: dict[tuple[str, int, int], tuple[FoldScores, dict]] = {}
    for each in scores:
        for role, name in each.record["sampling_settings"]["networks"].items():
            settings = {f"networks.{name}.{key}": value for key, value in each.record["networks"][role].items()}
            first, before = seen.setdefault((name, each.fold, each.seed), (each, settings))
            differences = _differences({first.method: before, each.method: settings})
            if differences:
                raise UserError(
                    f"{first.method} and {each.method} use {name} in {each.place}, but not the same one:"
                    f" {'; '.join(differences)}\n  {first.file}\n  {each.file}\n"
                    "  sample and evaluate both again with one configuration"
                )


def _check_lpips(scores: list[FoldScores], metrics: list[str]) -> None:
    """Raise a UserError where an LPIPS metric of the table was computed with different weights."""
    used = {each.file: each.record["settings"]["lpips_weights"] for each in scores}
    lpips = sorted({name for each in used.values() for name in each} & set(metrics))
    differences = _differences(
        {file: {f"lpips_weights.{name}": each.get(name) for name in lpips} for file, each in used.items()}
    )
    if differences:
        raise UserError(
            f"the scores are of different LPIPS weights: {'; '.join(differences)}\n  evaluate all with the same weights"
        )


def _differences(settings_of: dict[str, dict]) -> list[str]:
    """Keys with different values, and the owners of each value: `KEY is 1 in fold 1, fold 2 and 3 in fold 3`."""
    differences = []
    for key in sorted(set().union(*settings_of.values())):
        owners: dict[str, list[str]] = {}
        for owner, settings in settings_of.items():
            value = json.dumps(settings[key], sort_keys=True) if key in settings else ABSENT
            owners.setdefault(value, []).append(owner)
        if len(owners) > 1:
            parts = [f"{value} in {', '.join(names)}" for value, names in owners.items()]
            differences.append(f"{key} is {' and '.join(parts)}")
    return differences
