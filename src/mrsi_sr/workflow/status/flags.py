"""Flags of the scripts that ask Snakemake for a dry run of their own: the options that decide which jobs it has."""

import argparse
import sys
from typing import TYPE_CHECKING

from mrsi_sr.cli import UserError

if TYPE_CHECKING:
    from mrsi_sr.workflow.status.dry_run import Invocation

TRIGGERS = ("code", "input", "mtime", "params", "software-env")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a script's parser."""
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


def invocation_of(arguments: argparse.Namespace) -> "Invocation":
    """The options as the dry run takes them. Raises UserError for a key in --set without a value."""
    from mrsi_sr.workflow.status.dry_run import Invocation  # late: Snakemake takes a second to import

    return Invocation(
        config=arguments.config, overrides=overrides(arguments.set),
        max_checksum_file_size=arguments.max_checksum_file_size, rerun_triggers=arguments.rerun_triggers,
        deployment=arguments.software_deployment_method,
    )  # fmt: skip


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
