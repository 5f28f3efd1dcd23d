"""Page of all super-resolved scans: a line for each, with its score, warnings, method and samples, and its link."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scans", nargs="+", type=Path, required=True, metavar="DIR", help="folder that super_resolve.py wrote"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="HTML", help="page to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.scans_page import FILES, scans_page
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    inputs = [folder / name for folder in arguments.scans for name in FILES]
    check_outputs([arguments.out], inputs)
    provenance = Provenance({}, inputs, code=code_of(__file__))
    page = scans_page(arguments.scans, arguments.out.resolve().parent)
    with provenance.beside(arguments.out), writing(arguments.out) as path:
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run(main, parser())
