"""Estimate of what the workflow will take: jobs, GPU hours, CPU hours, disk and wall time, before it starts."""

import argparse
import sys
from pathlib import Path

from mrsi_sr.cli import positive, run
from mrsi_sr.workflow.status.flags import add_flags, invocation_of

KINDS = ("auto", "cpu", "a100", "h100", "h200")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="estimate.py",
        description=__doc__,
        epilog="Nothing is run or written: the jobs come from a dry run. Durations are of earlier jobs in results/ with"
        " the same network or method; without any they follow from the networks' arithmetic.",
    )
    add_flags(parser)
    parser.add_argument(
        "--device", choices=KINDS, default="auto",
        help="device that trains and samples (default: auto, a GPU of this machine, else an H100 with --cluster, else"
        " the processor)",
    )  # fmt: skip
    parser.add_argument("--gpus", type=positive, default=1, metavar="N", help="jobs on a GPU at a time (default: 1)")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="jobs at a time in all (default: 1)")
    parser.add_argument("--cluster", action="store_true", help="jobs go to a cluster that has GPUs")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.workflow.estimate.rates import DEVICES, device_named
    from mrsi_sr.workflow.estimate.report import estimate
    from mrsi_sr.workflow.status.dry_run import dry_run

    name = arguments.device
    if name == "auto":
        import torch

        here = torch.cuda.is_available()
        name = device_named(torch.cuda.get_device_name()) if here else "h100" if arguments.cluster else "cpu"
    expected = estimate(dry_run(invocation_of(arguments)), DEVICES[name], Path("results"))
    sys.stdout.write(expected.report(arguments.gpus, max(arguments.jobs, arguments.gpus)))


if __name__ == "__main__":
    run(main, parser())
