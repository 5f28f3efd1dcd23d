"""Table of the checks of all scans, and a line for each: those with findings last, where a terminal shows them."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.files import writing


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", nargs="+", type=Path, required=True, help="JSON files that check.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    import pandas as pd

    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.check_table import COLUMNS, line_of, read_checks, row_of

    check_outputs([arguments.out], arguments.checks)
    provenance = Provenance({}, arguments.checks, code=code_of(__file__))
    checks = read_checks(arguments.checks)
    with provenance.beside(arguments.out), writing(arguments.out) as path:
        pd.DataFrame([row_of(check) for check in checks], columns=COLUMNS).to_csv(path, index=False)
    for check in sorted(checks, key=lambda check: check["state"] != "ok"):
        print(line_of(check))


if __name__ == "__main__":
    run(main, parser())
