"""Print every network of a configuration: trainable parameters, cost, objective, what it needs first. Needs no data."""

import argparse
import sys

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="describe_networks.py",
        description=__doc__,
        epilog="GFLOP per map are those of one evaluation on one map, a multiply-add counted as two.",
    )
    parser.add_argument("--config", required=True, metavar="YAML", help="configuration, like config/config.yaml")
    parser.add_argument("--format", choices=["text", "csv"], default="text", help="of what is printed (default: text)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.workflow import network_table as describe

    configuration = describe.read(arguments.config)
    rows = describe.describe(configuration)
    sys.stdout.write(describe.as_csv(rows) if arguments.format == "csv" else describe.as_text(rows, configuration))


if __name__ == "__main__":
    run(main, parser())
