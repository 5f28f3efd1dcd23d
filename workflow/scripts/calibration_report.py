"""Tables and figure of an experiment's calibration: scores, coverage by tissue, conformal intervals, tests."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.calibration_report import CalibrationSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(CalibrationSettings),
    )
    p.add_argument(
        "--calibrations", required=True, nargs="+", type=Path, help="folders of calibrate.py, of all methods and folds"
    )
    p.add_argument("--settings", required=True, metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out", required=True, type=Path, help="folder to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report import calibration, calibration_sheets, sheet
    from mrsi_sr.report.figures import calibration as figure
    from mrsi_sr.report.figures import calibration_tissues, style
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance

    check_replaced(arguments.out, arguments.calibrations)
    settings = CalibrationSettings.from_text(arguments.settings)
    calibrations = calibration.read(arguments.calibrations, settings)
    provenance = Provenance(settings.plain(), arguments.calibrations, code=code_of(__file__))
    tables = calibration_sheets.all_of(calibrations)
    figures = {"calibration": figure.draw(calibrations), "tissues": calibration_tissues.draw(calibrations)}
    with provenance.folder(arguments.out) as folder:
        for name, (table, printed) in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
            (folder / f"{name}.md").write_text(sheet.markdown(printed))
        for name, drawn in figures.items():
            style.save(drawn, folder / f"{name}.png", folder / f"{name}.pdf")


if __name__ == "__main__":
    run(main, parser())
