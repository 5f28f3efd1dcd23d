"""Tests between methods, each pair or against one reference, with effect sizes, as CSV, Markdown and LaTeX."""

# The name statistics.py would hide Python's module of that name from torch.compile: this folder comes first in the
# import path of every script.
import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.report import TableSettings


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(TableSettings),
    )
    p.add_argument(
        "--metrics", required=True, nargs="*", help="metrics files (Parquet) of evaluate.py, of all methods and folds"
    )
    p.add_argument("--provenance", required=True, nargs="*", type=Path, help="provenance.json of each metrics file")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out-csv", required=True, help="CSV file to write, one row per metric, size and pair")
    p.add_argument("--out-md", required=True, help="Markdown file to write")
    p.add_argument("--out-tex", required=True, help="LaTeX file to write, for \\input; needs booktabs and longtable")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report import collect, layout, sheet, statistics
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    outputs = [arguments.out_csv, arguments.out_md, arguments.out_tex]
    inputs = [*arguments.metrics, *arguments.provenance]
    check_outputs(outputs, inputs)
    settings = TableSettings.from_text(arguments.settings)
    collected = collect.read(arguments.metrics, arguments.provenance, settings)
    tests = statistics.compare(collected)
    printed = layout.sheet_of_tests(tests, collected)
    record = Provenance(settings.plain(), inputs, code=code_of(__file__)).beside(*outputs)
    with record, writing(arguments.out_csv) as csv, writing(arguments.out_md) as md, writing(arguments.out_tex) as tex:
        tests.assign(**collected.facts).to_csv(csv, index=False, float_format="%.6g")
        md.write_text(sheet.markdown(printed))
        tex.write_text(sheet.latex_long(printed))


if __name__ == "__main__":
    run(main, parser())
