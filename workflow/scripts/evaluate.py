"""Metrics of one method's samples of one fold against the ground truth, one row per map."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, log, progress, run

COPIED = ("networks", "nfe", "seconds_per_slice", "parameters")  # keys copied from the samples' provenance


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--samples", required=True, type=Path, help="folder of samples that sample.py wrote")
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of the participants, the ground truth")
    p.add_argument("--fold", required=True, type=int, help="fold number to record in the table")
    p.add_argument("--method", required=True, help="method name, as in the samples' provenance")
    p.add_argument(
        "--protocol",
        required=True,
        choices=["paper", "clean"],
        help="region: frame (paper), or mask and frame (clean)",
    )
    p.add_argument("--metrics", required=True, help="metrics among nrmse,psnr,ssim,lpips_vgg,lpips_alex")
    p.add_argument(
        "--lpips-weights",
        default="{}",
        help='JSON {"lpips_vgg": {"backbone": PATH or "download": true, "linear": PATH, optional}, "lpips_alex": ...}; '
        "without weights an LPIPS metric is not available",
    )
    p.add_argument("--experiment", default="", help="experiment name to record in the table")
    p.add_argument("--out", required=True, help="Parquet file to write")
    p.add_argument("--provenance", required=True, help="JSON file to write, with the method's settings and cost")
    return p


def main(arguments: argparse.Namespace) -> None:
    import pandas as pd

    from mrsi_sr.evaluation import scores
    from mrsi_sr.evaluation.lpips import Lpips, weights_files, weights_of
    from mrsi_sr.evaluation.samples import check_metrics, evaluate, load_samples, not_available
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.slices import ParticipantSlices, files_of

    metrics = arguments.metrics.split(",")
    check_metrics(metrics)
    weights = weights_of(arguments.lpips_weights, metrics)
    samples, record = load_samples(arguments.samples)
    for name in ("method", "protocol"):
        if record.get(name) != getattr(arguments, name):
            raise UserError(
                f"{arguments.samples} has samples of {name} '{record.get(name)}', "
                f"asked for is '{getattr(arguments, name)}'\n  give the folder of that {name}, or run sample.py again"
            )
    truths = files_of([each.participant for each in samples], arguments.slices)
    lpips = {name: Lpips(name, part) for name, part in weights.items()}
    named = {name: each.plain() for name, each in weights.items()}
    provenance = Provenance(
        {"metrics": metrics, "protocol": arguments.protocol, "lpips_weights": named},
        [*(each.path for each in samples), *truths.values(), *weights_files(weights)],
        code=code_of(__file__),
    )
    for name in not_available(metrics, lpips):
        log.info("%s is not available: --lpips-weights names no weights for it", name)
    parts = [
        evaluate(each, ParticipantSlices.load(truths[each.participant]), arguments.protocol, metrics, lpips)
        for each in progress(samples, "scoring participants")
    ]
    table = pd.concat(parts, ignore_index=True).assign(
        method=arguments.method, fold=arguments.fold, protocol=arguments.protocol
    )
    Path(arguments.provenance).unlink(missing_ok=True)  # belongs to the scores that are replaced
    scores.write(table, arguments.out, protocol=arguments.protocol, experiment=arguments.experiment)
    provenance.write(
        arguments.provenance,
        method=arguments.method,
        fold=arguments.fold,
        protocol=arguments.protocol,
        experiment=arguments.experiment,
        frame=samples[0].maps.shape[-1],
        sampling_device=record["device"],
        sampling_settings=record["settings"],
        **{name: record[name] for name in COPIED},
    )


if __name__ == "__main__":
    run(main, parser())
