"""Cost of an experiment: GPU hours, CPU hours, energy and memory by method and fold, from records."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.costs import CostsSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(CostsSettings),
    )
    p.add_argument(
        "--provenance", nargs="*", default=[], type=Path, metavar="JSON", help="provenance.json of all metrics files"
    )
    p.add_argument(
        "--networks", nargs="*", default=[], type=Path, metavar="JSON",
        help="provenance.json of networks that no scores are of, in folders of the networks' names",
    )  # fmt: skip
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out-csv", required=True, help="CSV file to write: a row for each job, method and fold, and all")
    p.add_argument("--out-md", required=True, help="Markdown file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report import costs
    from mrsi_sr.report.cost_sheet import cost_sheet
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    outputs = [arguments.out_csv, arguments.out_md]
    inputs = [*arguments.provenance, *arguments.networks]
    check_outputs(outputs, inputs)
    settings = CostsSettings.from_text(arguments.settings)
    found = costs.costs_of(arguments.provenance, arguments.networks, settings)
    record = Provenance(settings.plain(), inputs, code=code_of(__file__)).beside(*outputs)
    with record, writing(arguments.out_csv) as csv, writing(arguments.out_md) as md:
        costs.csv(found).to_csv(csv, index=False, float_format="%.6g")
        md.write_text(cost_sheet(found))


if __name__ == "__main__":
    run(main, parser())
