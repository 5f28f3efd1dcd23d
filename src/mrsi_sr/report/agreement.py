"""Agreement of scores: a table's scores must come from equal settings, or its caption says in what they differ."""

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.records import read_scores_record
from mrsi_sr.evaluation.scores import methods_of
from mrsi_sr.results.files import checksum
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.experiment import TableSettings

ABSENT = "absent"  # in error texts, the value of a key that one of two settings lacks


class FoldScores(NamedTuple):
    """Scores of one method in one fold: the metrics file, and the provenance record that belongs to it."""

    method: str
    fold: int
    file: str
    record: dict

    @property
    def settings(self) -> dict:
        """Settings that decided the maps, of the method and its networks, by their full names in the configuration."""
        own, method = self.record["sampling_settings"], f"methods.{self.method}"
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


def check_agreement(table: pd.DataFrame, records: Iterable[dict], settings: TableSettings) -> list[str]:
    """Differences between the settings of a method's folds, in words; empty where all agree.

    table: long table of scores.read. records: provenance of its files.
    Raises UserError where a file does not have the expected settings, a network shared by two methods differs between
    them, LPIPS weights differ, a method's folds differ and mix_folds is false, or a record is missing.
    """
    scores = _fold_scores(table, list(records), methods_of(table, settings))
    _check_expected(scores, settings.expected or {})
    _check_cohort(scores)
    _check_shared(scores)
    _check_lpips(scores, settings.metrics)
    mixed = []
    for method, folds in groupby(scores, key=lambda each: each.method):
        differences = _differences({f"fold {each.fold}": each.settings for each in folds})
        if differences and not settings.mix_folds:
            raise UserError(
                f"the folds of {method} were made with different settings: {'; '.join(differences)}\n"
                "  set mix_folds: true in the table to average them nevertheless, or give folds of equal settings only"
            )
        mixed += differences
    return list(dict.fromkeys(mixed))


def _fold_scores(table: pd.DataFrame, records: list[dict], methods: list[str]) -> list[FoldScores]:
    """Scores of the methods, in the order of methods and folds."""
    by_fold = {(record["method"], record["fold"]): record for record in records}
    if len(by_fold) < len(records):
        raise UserError(
            "a method's fold has two provenance records\n  give the provenance.json of each metrics file once"
        )
    files = table[table.method.isin(methods)].groupby(["method", "fold"]).file.first()
    missing = [f"{method}, fold {fold}" for method, fold in files.index if (method, fold) not in by_fold]
    if missing:
        raise UserError(f"no provenance of {'; '.join(missing)}\n  give the provenance.json of each metrics file")
    order = sorted(files.index, key=lambda each: (methods.index(each[0]), each[1]))
    return [FoldScores(method, int(fold), files[method, fold], by_fold[method, fold]) for method, fold in order]


def _check_expected(scores: list[FoldScores], expected: dict[str, dict[str, str]]) -> None:
    """Raise a UserError for scores of other settings than expected: method -> fold -> fingerprint."""

    def wanted(each: FoldScores) -> str | None:
        return expected.get(each.method, {}).get(str(each.fold))

    for each in scores:
        if wanted(each) in (None, each.fingerprint):
            continue
        # The expected settings are known by their hash alone; a fold that has them shows which key differs.
        like = [o for o in scores if o.method == each.method and o.fingerprint == wanted(o) == wanted(each)]
        differences = _differences({"it": each.settings, like[0].file: like[0].settings}) if like else []
        raise UserError(
            "\n  ".join(
                [
                    f"{each.file} was made with other settings than the configuration has for {each.method} in fold"
                    f" {each.fold}",
                    *differences,
                    "run the workflow again with this configuration, or with the --configfile that it was made with",
                ]
            )
        )


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


def _check_shared(scores: list[FoldScores]) -> None:
    """Raise a UserError where two methods use different networks of one name in a fold."""
    seen: dict[tuple[str, int], tuple[FoldScores, dict]] = {}
    for each in scores:
        for role, name in each.record["sampling_settings"]["networks"].items():
            settings = {f"networks.{name}.{key}": value for key, value in each.record["networks"][role].items()}
            first, before = seen.setdefault((name, each.fold), (each, settings))
            differences = _differences({first.method: before, each.method: settings})
            if differences:
                raise UserError(
                    f"{first.method} and {each.method} use {name} in fold {each.fold}, but not the same one:"
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
