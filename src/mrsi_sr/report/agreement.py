"""Which settings scores were made with: what does not belong together is refused, or said where a table mixes it."""

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.scores import TableSettings, methods_of
from mrsi_sr.settings.old_base import listed
from mrsi_sr.settings.old_method import sampling_fingerprint

ABSENT = "not there"  # in messages, a key that one of two settings lacks
NEEDED = ("method", "fold", "settings", "inputs_sha256", "sampling_settings", "networks")  # of a record
EVALUATE = "evaluate.py writes them: run it again"


class Scored(NamedTuple):
    """The scores of one method in one fold: their file, and the record that evaluate.py wrote beside it."""

    method: str
    fold: int
    file: str
    record: dict

    @property
    def settings(self) -> dict:
        """What decided the maps: the method's settings and its networks', by their full names in the configuration."""
        own, method = self.record["sampling_settings"], f"methods.{self.method}"
        parts = {method: {key: value for key, value in own.items() if key != "sampler"}}
        parts[f"{method}.sampler"] = own["sampler"]
        parts |= {f"networks.{name}": self.record["networks"][role] for role, name in own["networks"].items()}
        return {f"{where}.{key}": value for where, part in parts.items() for key, value in part.items()}

    @property
    def fingerprint(self) -> str:
        """The hash of the same that the workflow expects of it."""
        return sampling_fingerprint(self.record["sampling_settings"], self.record["networks"])


def read_records(paths: Iterable[Path]) -> list[dict]:
    """The records that evaluate.py wrote beside metrics files. Raises UserError for a file that is none."""
    records = []
    for path in paths:
        try:
            records.append(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read as a record of scores: {error}\n  {EVALUATE}") from error
        missing = [key for key in NEEDED if not isinstance(records[-1], dict) or key not in records[-1]]
        if missing:
            raise UserError(f"{path} is no record of scores: it lacks {listed(missing)}\n  {EVALUATE}")
    return records


def check_origins(table: pd.DataFrame, records: Iterable[dict], settings: TableSettings) -> list[str]:
    """What folds of a method were made with different settings, in words; nothing where all were made with the same.

    table: of scores.read. records: the provenance of its files.
    Raises UserError where a file is not of the settings that are expected, methods share a network that differs between
    them, LPIPS weights differ, a method's folds differ and the settings do not allow it, or a record is not there.
    """
    scored = _scored(table, list(records), methods_of(table, settings))
    _check_expected(scored, settings.expected or {})
    _check_shared(scored)
    _check_lpips(scored, settings.metrics)
    mixed = []
    for method, folds in groupby(scored, key=lambda each: each.method):
        said = _differences({f"fold {each.fold}": each.settings for each in folds})
        if said and not settings.mix_folds:
            raise UserError(
                f"the folds of {method} were made with different settings: {'; '.join(said)}\n"
                "  set mix_folds: true in the table to average them nevertheless, or average folds that are equal only"
            )
        mixed += said
    return list(dict.fromkeys(mixed))


def _scored(table: pd.DataFrame, records: list[dict], methods: list[str]) -> list[Scored]:
    """The scores in the order of methods and folds."""
    held = {(record["method"], record["fold"]): record for record in records}
    files = table[table.method.isin(methods)].groupby(["method", "fold"]).file.first()
    missing = [f"{method}, fold {fold}" for method, fold in files.index if (method, fold) not in held]
    if missing:
        raise UserError(f"no provenance of {'; '.join(missing)}\n  give the provenance.json of each metrics file")
    order = sorted(files.index, key=lambda each: (methods.index(each[0]), each[1]))
    return [Scored(method, int(fold), files[method, fold], held[method, fold]) for method, fold in order]


def _check_expected(scored: list[Scored], expected: dict[str, dict[str, str]]) -> None:
    def wanted(each: Scored) -> str | None:
        return expected.get(each.method, {}).get(str(each.fold))

    for each in scored:
        if wanted(each) in (None, each.fingerprint):
            continue
        # What is expected is a hash; a fold that is as expected tells which key it is.
        like = [o for o in scored if o.method == each.method and o.fingerprint == wanted(o) == wanted(each)]
        said = _differences({"it": each.settings, like[0].file: like[0].settings}) if like else []
        raise UserError(
            "\n  ".join(
                [
                    f"{each.file} was made with other settings than the configuration has for {each.method} in fold"
                    f" {each.fold}",
                    *said,
                    "run the workflow again with this configuration, or with the --configfile that it was made with",
                ]
            )
        )


def _check_shared(scored: list[Scored]) -> None:
    """A network that two methods use is, in each fold, the same one."""
    seen: dict[tuple[str, int], tuple[Scored, dict]] = {}
    for each in scored:
        for role, name in each.record["sampling_settings"]["networks"].items():
            settings = {f"networks.{name}.{key}": value for key, value in each.record["networks"][role].items()}
            first, before = seen.setdefault((name, each.fold), (each, settings))
            said = _differences({first.method: before, each.method: settings})
            if said:
                raise UserError(
                    f"{first.method} and {each.method} use {name} in fold {each.fold}, but not the same one:"
                    f" {'; '.join(said)}\n  {first.file}\n  {each.file}\n"
                    "  sample and evaluate both again with one configuration"
                )


def _check_lpips(scored: list[Scored], metrics: list[str]) -> None:
    """Every LPIPS metric that is shown was computed with the same weights everywhere."""

    def weights(record: dict) -> dict:
        named, sums = record["settings"]["lpips_weights"], record["inputs_sha256"]
        return {name: {key: sums.get(value, value) for key, value in named[name].items()} for name in named}

    used = {each.file: weights(each.record) for each in scored}
    lpips = sorted({name for each in used.values() for name in each} & set(metrics))
    said = _differences(
        {file: {f"lpips_weights.{name}": each.get(name) for name in lpips} for file, each in used.items()}
    )
    if said:
        raise UserError(
            f"the scores are of different LPIPS weights: {'; '.join(said)}\n  evaluate all with the same ones"
        )


def _differences(made: dict[str, dict]) -> list[str]:
    """The keys whose values are not all equal, with who has which: `KEY is 1 in fold 1, fold 2 and 3 in fold 3`."""
    said = []
    for key in sorted(set().union(*made.values())):
        who: dict[str, list[str]] = {}
        for name, settings in made.items():
            who.setdefault(json.dumps(settings[key], sort_keys=True) if key in settings else ABSENT, []).append(name)
        if len(who) > 1:
            said.append(f"{key} is " + " and ".join(f"{value} in {', '.join(names)}" for value, names in who.items()))
    return said
