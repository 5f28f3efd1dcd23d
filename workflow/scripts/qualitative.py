"""Qualitative figure of one slice by all methods: MRI, maps, ground truth and absolute errors, as PNG and PDF."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.experiment import FigureSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(FigureSettings),
    )
    p.add_argument("--samples", required=True, nargs="+", type=Path, help="folders that sample.py wrote, of one fold")
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of each participant; others are ignored")
    p.add_argument("--low-resolution", required=True, nargs="+", help="file of truncate.py of each participant")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out-png", required=True, help="PNG file to write")
    p.add_argument("--out-pdf", required=True, help="PDF file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.figures import qualitative
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    figure_settings = FigureSettings.from_text(arguments.settings)
    inputs = [*arguments.samples, *arguments.slices, *arguments.low_resolution]
    check_outputs([arguments.out_png, arguments.out_pdf], inputs)
    provenance = Provenance(figure_settings.plain(), code=code_of(__file__))
    picture = qualitative.compose(arguments.samples, arguments.slices, arguments.low_resolution, figure_settings)
    samples = [file for folder in arguments.samples for file in sorted(folder.glob("*.npz"))]
    provenance.add([*samples, *arguments.slices, *arguments.low_resolution])
    with provenance.beside(arguments.out_png, arguments.out_pdf):
        qualitative.draw(picture, arguments.out_png, arguments.out_pdf)


if __name__ == "__main__":
    run(main, parser())
