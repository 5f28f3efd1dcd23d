"""Reader study: a balanced, blinded set of image pairs as one page for radiologists, with its key apart."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.reader_study import ReaderStudySettings


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(ReaderStudySettings),
    )
    p.add_argument(
        "--samples", required=True, nargs="+", type=Path,
        help="folders that sample.py wrote, of the two methods and of every fold",
    )  # fmt: skip
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of each participant; others are ignored")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out-page", required=True, type=Path, help="HTML file to write, for the readers")
    p.add_argument("--out-key", required=True, type=Path, help="CSV file to write: which image is which")
    p.add_argument("--out-methods", required=True, type=Path, help="Markdown file to write, for the methods section")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.reader_study.study import make
    from mrsi_sr.results.code import code_of

    make(
        arguments.samples,
        arguments.slices,
        ReaderStudySettings.from_text(arguments.settings),
        page=arguments.out_page,
        key=arguments.out_key,
        methods=arguments.out_methods,
        code=code_of(__file__),
    )


if __name__ == "__main__":
    run(main, parser())
