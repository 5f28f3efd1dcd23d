"""Wilcoxon signed-rank tests between each pair of methods, with effect sizes, as a CSV table."""

# The name statistics.py would hide Python's module of that name from torch.compile: this folder comes first in the
# import path of every script.
import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.experiment import TableSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(TableSettings),
    )
    p.add_argument(
        "--metrics", required=True, nargs="+", help="metrics files (Parquet) of evaluate.py, of all methods and folds"
    )
    p.add_argument("--provenance", required=True, nargs="+", type=Path, help="provenance.json of each metrics file")
    p.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out", required=True, help="CSV file to write: one row per metric, size and pair")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.evaluation import scores
    from mrsi_sr.report import agreement, statistics
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    inputs = [*arguments.metrics, *arguments.provenance]
    check_outputs([arguments.out], inputs)
    table_settings = TableSettings.from_text(arguments.settings)
    table = scores.read(arguments.metrics, table_settings.protocol, table_settings.experiment)
    tests = statistics.compare(table, table_settings)
    records = agreement.read_records(arguments.provenance, arguments.metrics)
    mixed = agreement.check_agreement(table, records, table_settings)
    tests["mixed_folds"] = "; ".join(mixed)
    record = Provenance(table_settings.plain(), inputs, code=code_of(__file__)).beside(arguments.out)
    with record, writing(arguments.out) as temporary:
        tests.to_csv(temporary, index=False, float_format="%.6g")


if __name__ == "__main__":
    run(main, parser())
