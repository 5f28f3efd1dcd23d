"""Scoring of a method's samples of one fold, from files to files: the work of evaluate.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError, log, progress
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.lpips import Lpips, weights_files
from mrsi_sr.evaluation.samples import check_metrics, evaluate, load_samples, not_available
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan.slices import ParticipantSlices, files_of
from mrsi_sr.settings.experiment import LpipsWeights

COPIED = ("networks", "nfe", "seconds_per_slice", "parameters", "training")  # keys copied from the samples' provenance


def score_fold(
    folder: Path, *, method: str, fold: int, protocol: str, experiment: str, slices: Sequence[str],
    metrics: Sequence[str], weights: Mapping[str, LpipsWeights], out: Path, record: Path, code: dict[str, str],
) -> None:  # fmt: skip
    """Score a folder of samples against the ground truth, and write the metrics and their provenance.

    method, fold, protocol, experiment: recorded with the scores. slices: files of slices, at least those of the sampled
    participants. weights: of the LPIPS metrics; one without weights is not available. out: Parquet file of metrics.
    record: JSON file of their provenance. code: hashes of the code that can change the scores.
    Raises UserError for an unknown metric, for samples of another method or protocol, and as `samples.evaluate` does.
    """
    check_metrics(metrics)
    samples, sampled = load_samples(folder)
    _check_sampled(sampled, folder, method=method, protocol=protocol)
    truths = files_of([each.participant for each in samples], slices)
    lpips = {name: Lpips(name, part) for name, part in weights.items()}
    named = {name: each.plain() for name, each in weights.items()}
    provenance = Provenance(
        {"metrics": metrics, "protocol": protocol, "lpips_weights": named},
        [*(each.path for each in samples), *truths.values(), *weights_files(weights)],
        code=code,
    )
    for name in not_available(metrics, lpips):
        log.info("%s is not available: --lpips-weights names no weights for it", name)
    parts = [
        evaluate(each, ParticipantSlices.load(truths[each.participant]), protocol, metrics, lpips)
        for each in progress(samples, "scoring participants")
    ]
    table = pd.concat(parts, ignore_index=True).assign(method=method, fold=fold, protocol=protocol)
    record.unlink(missing_ok=True)  # belongs to the scores that are replaced
    scores.write(table, out, protocol=protocol, experiment=experiment)
    provenance.write(
        record, method=method, fold=fold, protocol=protocol, experiment=experiment, frame=samples[0].maps.shape[-1],
        sampling_device=sampled["device"], sampling_settings=sampled["settings"],
        **{name: sampled[name] for name in COPIED},
    )  # fmt: skip


def _check_sampled(sampled: dict, folder: Path, **asked: str) -> None:
    """Raise UserError unless the samples' provenance has the method and the protocol that are asked for."""
    for name, value in asked.items():
        if sampled.get(name) != value:
            raise UserError(
                f"{folder} has samples of {name} '{sampled.get(name)}', asked for is '{value}'\n"
                f"  give the folder of that {name}, or run sample.py again"
            )
