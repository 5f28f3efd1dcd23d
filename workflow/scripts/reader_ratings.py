"""Readers' ratings, unblinded: tables of scores, completeness and agreement, and the figure of a reader study."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.reader_study import ReaderStudySettings

OUTPUTS = {
    "table": "CSV file to write: each score with what its image is",
    "completeness": "CSV file to write: scores that are there and missing, by reader and metric",
    "agreement": "CSV file to write: weighted kappa of each two readers, by metric and method",
    "png": "PNG file to write: number of images with each score",
    "pdf": "the same figure as PDF",
}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(ReaderStudySettings),
    )
    p.add_argument("--ratings", required=True, nargs="+", type=Path, help="CSV files that readers exported")
    p.add_argument("--keys", required=True, nargs="+", type=Path, help="keys that reader_study.py wrote")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    for name, words in OUTPUTS.items():
        p.add_argument(f"--out-{name}", required=True, type=Path, help=words)
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.reader_study.analysis import Outputs, analyse
    from mrsi_sr.results.code import code_of

    analyse(
        arguments.ratings,
        arguments.keys,
        ReaderStudySettings.from_text(arguments.settings),
        Outputs(**{name: getattr(arguments, f"out_{name}") for name in OUTPUTS}),
        code_of(__file__),
    )


if __name__ == "__main__":
    run(main, parser())
