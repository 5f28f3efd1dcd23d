"""Calibration of one method in one fold: proper scores, coverage, spread against skill, and conformal intervals."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.calibration import Intervals
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(Intervals),
    )
    p.add_argument("--samples", required=True, type=Path, help="folder of samples of the fold's test participants")
    p.add_argument(
        "--validation",
        type=Path,
        help="folder of samples of the fold's validation participants, made with equal settings; without it spreads are"
        " not rescaled, and there are no conformal intervals",
    )
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of the participants, the ground truth")
    p.add_argument("--fold", required=True, type=int, help="fold number to record in the tables")
    p.add_argument("--seed", default=1, type=int, help="seed of training to record in the tables (default 1)")
    p.add_argument("--method", required=True, help="method name, as in the samples' provenance")
    p.add_argument("--protocol", required=True, choices=["paper", "clean"], help="valid voxels and region of metrics")
    p.add_argument(
        "--metrics",
        default="nrmse,psnr,ssim",
        help="metrics of ensemble mean and first member; NRMSE, PSNR and SSIM are always there, LPIPS where named",
    )
    p.add_argument(
        "--lpips-weights",
        type=Path,
        metavar="JSON",
        help="weights.json of lpips_weights.py; without weights there is no LPIPS",
    )
    p.add_argument("--experiment", default="", help="experiment name to record")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out", required=True, type=Path, help="folder to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    check_name(arguments.method, "--method")
    from mrsi_sr.calibration.fold import calibrate_fold
    from mrsi_sr.results.code import code_of

    calibrate_fold(
        arguments.samples, arguments.validation, method=arguments.method, fold=arguments.fold, seed=arguments.seed,
        protocol=arguments.protocol, experiment=arguments.experiment, slices=arguments.slices,
        metrics=arguments.metrics.split(","), lpips_weights=arguments.lpips_weights,
        settings=Intervals.from_text(arguments.settings), out=arguments.out, code=code_of(__file__),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
