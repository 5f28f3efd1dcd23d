"""Progress of the experiments: method x fold, causes of stale results, and the time that is still needed."""

import argparse
import sys

from mrsi_sr.cli import UserError, run

TRIGGERS = ("code", "input", "mtime", "params", "software-env")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="status.py",
        description=__doc__,
        epilog="Nothing is run: the table comes from a dry run, also while a workflow is running.",
    )
    parser.add_argument(
        "--config", required=True, nargs="+", metavar="YAML", help="configuration file, such as config/config.yaml"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="keys that override the file's",
    )
    # The other defaults are what the profiles set.
    parser.add_argument(
        "--max-checksum-file-size", type=int, default=sys.maxsize, metavar="BYTES",
        help="inputs above it are compared by time, not by content (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--rerun-triggers", nargs="+", choices=TRIGGERS, default=TRIGGERS, help="as snakemake's (default: all)"
    )
    parser.add_argument(
        "--software-deployment-method", nargs="+", choices=["conda", "apptainer", "env-modules"], default=[],
        help="as snakemake's",
    )  # fmt: skip
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.workflow.status.dry_run import Invocation, dry_run
    from mrsi_sr.workflow.status.report import Status

    invocation = Invocation(
        config=arguments.config, overrides=overrides(arguments.set),
        max_checksum_file_size=arguments.max_checksum_file_size, rerun_triggers=arguments.rerun_triggers,
        deployment=arguments.software_deployment_method,
    )  # fmt: skip
    sys.stdout.write(Status.read(dry_run(invocation)).report())


def overrides(pairs: list[str]) -> dict:
    """The keys that --set gives. Raises UserError for one without a value or whose value is not YAML."""
    from mrsi_sr.settings.text import read_value

    given = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        given[key] = read_value(value, f"the value in --set {pair}")
        if not equals:
            raise UserError(f"--set {pair} has no value\n  expected KEY=VALUE")
    return given


if __name__ == "__main__":
    run(main, parser())
