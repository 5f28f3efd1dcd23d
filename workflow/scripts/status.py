"""Progress of the experiments: method x fold, causes of stale results, and the time that is still needed."""

import argparse
import sys

from mrsi_sr.cli import run
from mrsi_sr.workflow.status.flags import add_flags, invocation_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="status.py",
        description=__doc__,
        epilog="Nothing is run: the table comes from a dry run, also while a workflow is running.",
    )
    add_flags(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.workflow.status.dry_run import dry_run
    from mrsi_sr.workflow.status.report import Status

    sys.stdout.write(Status.read(dry_run(invocation_of(arguments))).report())


if __name__ == "__main__":
    run(main, parser())
