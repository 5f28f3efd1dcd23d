"""Scoring of a method's samples of one fold, from files to files: the work of evaluate.py."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError, log, progress
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.lpips_index import LpipsIndex, weights_file
from mrsi_sr.evaluation.samples import (
    Samples,
    check_complete,
    check_metrics,
    check_sampled_from,
    evaluate,
    not_available,
    sample_files,
)  # fmt: skip
from mrsi_sr.results.outputs import check_outputs
from mrsi_sr.results.provenance import Provenance, cost_of_record, record_of_input
from mrsi_sr.scan.slices import ParticipantSlices, files_of
from mrsi_sr.settings.method import at_point

COPIED = ("networks", "nfe", "seconds_per_slice", "parameters", "training")  # keys copied from the samples' provenance


def score_fold(
    folder: Path, *, method: str, fold: int, seed: int, protocol: str, experiment: str, slices: Sequence[str],
    metrics: Sequence[str], lpips_weights: Path | None, out: Path, record: Path, code: dict[str, str],
) -> None:  # fmt: skip
    """Score a folder of samples against the ground truth, and write the metrics and their provenance.

    method, fold, seed (of training), protocol, experiment: recorded with the scores. slices: files of slices, at least
    those of the sampled participants. lpips_weights: index of LPIPS weights; an LPIPS metric that it lacks is not
    available. out: Parquet file of metrics. record: JSON file of their provenance. code: hashes of the code that can
    change the scores.
    Raises UserError for an unknown metric, for samples of another method, protocol, fold or other slices, for samples
    that are not complete, and as `samples.evaluate` does.
    """
    check_metrics(metrics)
    check_outputs([out, record], [folder, *slices, *([lpips_weights] if lpips_weights else [])])
    samples, sampled = sample_files(folder)
    check_sampled(sampled, folder, method=method, protocol=protocol, fold=fold)
    truths = files_of(list(samples), slices)
    check_sampled_from(sampled, folder, truths.values())
    index = LpipsIndex.read(lpips_weights)
    weights = {name: weights_file(lpips_weights, name) for name in metrics if name in index.sha256}
    lpips = lpips_of(weights)
    named = {name: index.sha256[name] for name in weights}
    reason = index.reason if (missing := not_available(metrics, lpips)) else ""
    provenance = Provenance(
        {"metrics": metrics, "protocol": protocol, "lpips_weights": named, "lpips_reason": reason},
        [*samples.values(), *truths.values(), *weights.values()],
        code=code,
    )
    for name in missing:
        log.info("%s is not available: %s", name, reason)
    parts = []
    for participant in progress(list(samples), "scoring participants"):
        each, truth = Samples.load(samples[participant]), ParticipantSlices.load(truths[participant])
        check_complete(each, truth, sampled)
        parts.append(evaluate(each, truth, protocol, metrics, lpips))
    table = pd.concat(parts, ignore_index=True).assign(fold=fold, seed=seed, protocol=protocol)
    table["method"] = [at_point(method, point) for point in table.point]
    facts = {name: sampled[name] for name in COPIED} | {
        "method": method, "fold": fold, "seed": seed, "protocol": protocol, "experiment": experiment,
        "frame": truth.maps.shape[-1], "sampling_device": sampled["device"],
        "sampling_run": cost_of_record(sampled) | {"maps": sampled["maps"]},
        "sampling_settings": sampled["settings"], "cohort": _cohort_settings(truths),
    }  # fmt: skip
    with provenance.beside(out, record=record, **facts):
        scores.write(table, out, protocol=protocol, experiment=experiment)


def lpips_of(weights: Mapping[str, Path]) -> dict[str, Callable]:
    """Function of each LPIPS metric. weights: files by metric."""
    if not weights:
        return {}
    from mrsi_sr.evaluation.lpips import Lpips  # late: torch takes seconds to import

    return {name: Lpips(name, path) for name, path in weights.items()}


def check_sampled(sampled: dict, folder: Path, **asked: str | int) -> None:
    """Raise UserError unless the samples' provenance has the method, protocol and fold that are asked for."""
    for name, value in asked.items():
        if sampled[name] != value:
            raise UserError(
                f"{folder} has samples of {name} '{sampled[name]}', asked for is '{value}'\n"
                f"  give the folder of that {name}, or run sample.py again"
            )


def _cohort_settings(truths: Mapping[str, Path]) -> dict:
    """Settings of the slices and quality masks of all participants, without those that no participant has a record of.

    Raises UserError where two participants with a record differ: their scores would be of two configurations.
    """
    known: dict[str, tuple[str, dict]] = {}
    for name, path in truths.items():
        record = record_of_input(path)
        for part, key in (("slices", "settings"), ("quality", "quality")):
            if (each := record.get(key)) is None:
                continue  # made or changed by hand
            first, expected = known.setdefault(part, (name, each))
            if each != expected:
                raise UserError(
                    f"the slices of {first} and {name} were made with different settings: {part} of {expected} and"
                    f" {each}\n  make both again with one configuration"
                )
    return {part: settings for part, (_, settings) in known.items()}
