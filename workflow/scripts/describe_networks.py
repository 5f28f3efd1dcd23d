"""Table of the networks that a configuration trains: parameters, cost, objective, needed networks. Needs no data."""

import argparse
import sys

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="describe_networks.py",
        description=__doc__,
        epilog="GFLOP per map are those of one evaluation on one map, a multiply-add counted as two.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="YAML",
        help="configuration file, such as config/config.yaml; it lies on top of config/papers.yaml",
    )
    parser.add_argument("--format", choices=["text", "csv"], default="text", help="format of the table (default: text)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.workflow.configuration import Configuration
    from mrsi_sr.workflow.network_table import as_csv, as_text, describe

    configuration = Configuration.read(arguments.config)
    rows = describe(configuration)
    sys.stdout.write(as_csv(rows) if arguments.format == "csv" else as_text(rows, configuration))


if __name__ == "__main__":
    run(main, parser())
