"""Cohort table: voxels by status, slices and valid voxels of every scan, and the excluded participants."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.files import writing


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", nargs="+", type=Path, required=True, help="folder of results of each participant")
    parser.add_argument(
        "--excluded", default="{}", metavar="JSON", help="excluded participants, an object of each one's reason"
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    import pandas as pd

    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.summary import FILES, summary
    from mrsi_sr.settings.text import read_object

    excluded = read_object(arguments.excluded, "--excluded")
    inputs = [folder / name for folder in arguments.cohort for name in FILES]
    check_outputs([arguments.out], inputs)
    provenance = Provenance({"excluded": excluded}, inputs, code=code_of(__file__))
    with provenance.beside(arguments.out), writing(arguments.out) as path:
        pd.DataFrame(summary(arguments.cohort, excluded)).to_csv(path, index=False)


if __name__ == "__main__":
    run(main, parser())
