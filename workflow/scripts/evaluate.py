"""Metrics of one method's samples of one fold against the ground truth, one row per map."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.names import check_name


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--samples", required=True, type=Path, help="folder of samples that sample.py wrote")
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of the participants, the ground truth")
    p.add_argument("--fold", required=True, type=int, help="fold number to record in the table")
    p.add_argument("--seed", default=1, type=int, help="seed of training to record in the table (default 1)")
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
        type=Path,
        metavar="JSON",
        help="weights.json of lpips_weights.py; without weights an LPIPS metric is not available",
    )
    p.add_argument("--experiment", default="", help="experiment name to record in the table")
    p.add_argument("--out", required=True, type=Path, help="Parquet file to write")
    p.add_argument(
        "--provenance", required=True, type=Path, help="JSON file to write, with the method's settings and cost"
    )
    return p


def main(arguments: argparse.Namespace) -> None:
    check_name(arguments.method, "--method")
    from mrsi_sr.evaluation.fold import score_fold
    from mrsi_sr.results.code import code_of

    score_fold(
        arguments.samples, method=arguments.method, fold=arguments.fold, seed=arguments.seed,
        protocol=arguments.protocol, experiment=arguments.experiment, slices=arguments.slices,
        metrics=arguments.metrics.split(","), lpips_weights=arguments.lpips_weights, out=arguments.out,
        record=arguments.provenance, code=code_of(__file__),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
