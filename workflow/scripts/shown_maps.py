"""Content of a figure of maps in one small file, which figure.py draws: chosen maps, their samples, scores and MRI."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.figure import FIGURES
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.report import FigureSettings


def parser() -> argparse.ArgumentParser:
    maps = {kind: settings for kind, settings in FIGURES.items() if settings.shows == "maps"}
    kinds = [help_of(settings, title=f"keys of a figure of kind {kind}") for kind, settings in maps.items()]
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join([help_of(FigureSettings), *kinds]),
    )
    p.add_argument("--samples", required=True, nargs="+", type=Path, help="folders that sample.py wrote, of one fold")
    p.add_argument(
        "--metrics", required=True, nargs="+", help="metrics files (Parquet) of evaluate.py of these samples"
    )
    p.add_argument("--provenance", required=True, nargs="+", type=Path, help="provenance.json of each metrics file")
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of each participant; others are ignored")
    p.add_argument("--low-resolution", required=True, nargs="+", help="file of truncate.py of each participant")
    p.add_argument("--settings", required=True, metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out", required=True, help="NPZ file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    figure_settings = FigureSettings.from_text(arguments.settings)
    from mrsi_sr.report.figures import gathered, shown  # late: torch takes seconds to import
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    files = [*arguments.metrics, *arguments.provenance, *arguments.slices, *arguments.low_resolution]
    check_outputs([arguments.out], [*arguments.samples, *files])
    provenance = Provenance(figure_settings.plain(), code=code_of(__file__))
    content = gathered.gather(
        arguments.samples, arguments.metrics, arguments.provenance, arguments.slices, arguments.low_resolution,
        figure_settings,
    )  # fmt: skip
    provenance.add([*(file for folder in arguments.samples for file in sorted(folder.glob("*.npz"))), *files])
    with provenance.beside(arguments.out):
        shown.write(content, arguments.out)


if __name__ == "__main__":
    run(main, parser())
