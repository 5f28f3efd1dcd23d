"""Figure as PNG and PDF: of maps that shown_maps.py has kept, or of scores that evaluate.py wrote."""

import argparse
from importlib import import_module
from pathlib import Path

from mrsi_sr.cli import UserError, run
from mrsi_sr.settings.figure import FIGURES
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.report import FigureSettings

FIGURES_PACKAGE = "mrsi_sr.report.figures"


def parser() -> argparse.ArgumentParser:
    kinds = [help_of(settings, title=f"keys of a figure of kind {kind}") for kind, settings in FIGURES.items()]
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join([help_of(FigureSettings), *kinds]),
    )
    p.add_argument("--maps", type=Path, help="file of shown_maps.py, for a figure of maps")
    p.add_argument("--metrics", nargs="+", help="metrics files (Parquet) of evaluate.py, for a figure of scores")
    p.add_argument("--provenance", nargs="+", type=Path, help="provenance.json of each metrics file")
    p.add_argument("--settings", required=True, metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out-png", required=True, help="PNG file to write")
    p.add_argument("--out-pdf", required=True, help="PDF file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.figures import style
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    figure_settings = FigureSettings.from_text(arguments.settings)
    inputs = _inputs(arguments, figure_settings)
    outputs = [arguments.out_png, arguments.out_pdf]
    check_outputs(outputs, inputs)
    # By name, so that the code of a figure is that of its own kind alone.
    kind = f"{FIGURES_PACKAGE}.{figure_settings.figure.kind}"
    if figure_settings.figure.shows == "maps":
        content = import_module(f"{FIGURES_PACKAGE}.shown").read(arguments.maps)
    else:
        content = import_module(f"{FIGURES_PACKAGE}.scored").read(
            arguments.metrics, arguments.provenance, figure_settings
        )
    provenance = Provenance(figure_settings.plain(), inputs, code=code_of(__file__, kind))
    drawn = import_module(kind).draw(content, figure_settings)
    with provenance.beside(*outputs):
        style.save(drawn, *outputs)


def _inputs(arguments: argparse.Namespace, settings: FigureSettings) -> list[str | Path]:
    """Files that the figure is drawn of. Raises UserError where its kind needs others than those given."""
    needed = ("maps",) if settings.figure.shows == "maps" else ("metrics", "provenance")
    given = [flag for flag in ("maps", "metrics", "provenance") if getattr(arguments, flag) is not None]
    if tuple(given) != needed:
        flags, found = " and ".join(f"--{flag}" for flag in needed), ", ".join(f"--{flag}" for flag in given)
        raise UserError(f"a figure of kind {settings.figure.kind} needs {flags}\n  given: {found or 'none of them'}")
    return [arguments.maps] if arguments.maps else [*arguments.metrics, *arguments.provenance]


if __name__ == "__main__":
    run(main, parser())
