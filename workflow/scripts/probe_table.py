"""Findings of a probe: table of methods (CSV, Markdown, LaTeX), all measures in one long table, and two figures."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.report import ProbeTableSettings

OUTPUTS = {
    "csv": "CSV file to write: a row for each size and method",
    "md": "the same table as Markdown",
    "tex": "the same table as LaTeX, for \\input; needs booktabs",
    "rows": "Parquet file to write: all measures, one row each",
    "curves-png": "PNG file to write: detection, false lesions, contrast, Fourier ring correlation",
    "curves-pdf": "the same figure as PDF",
    "examples-png": "PNG file to write: maps with a planted lesion and without it",
    "examples-pdf": "the same figure as PDF",
}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=help_of(ProbeTableSettings)
    )
    p.add_argument(
        "--findings", required=True, nargs="+", type=Path, metavar="DIR",
        help="folders that probe.py wrote, of all methods and folds",
    )  # fmt: skip
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    for name, words in OUTPUTS.items():
        p.add_argument(f"--out-{name}", required=True, type=Path, metavar="FILE", help=words)
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report import probe_outputs
    from mrsi_sr.results.code import code_of

    outputs = {name: getattr(arguments, f"out_{name.replace('-', '_')}") for name in OUTPUTS}
    settings = ProbeTableSettings.from_text(arguments.settings)
    probe_outputs.write(arguments.findings, settings, outputs, code_of(__file__))


if __name__ == "__main__":
    run(main, parser())
