"""Wilcoxon signed-rank tests between each pair of methods, with effect sizes, as a CSV table."""

# Not called statistics.py: this folder comes first in the path of every script here, and would hide Python's own module
# of that name from torch.compile.
import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.old_base import help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(["table", "table-origin"]),
    )
    p.add_argument(
        "--metrics", required=True, nargs="+", help="PARQUET files that evaluate.py wrote: methods and folds"
    )
    p.add_argument("--provenance", required=True, nargs="+", type=Path, help="their provenance.json files")
    p.add_argument(
        "--settings", default="{}", help="JSON object of settings, see below; those of a table serve as they are"
    )
    p.add_argument("--out", required=True, help="CSV file to write: one row per metric, size and pair")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.evaluation import scores
    from mrsi_sr.report import agreement as origins
    from mrsi_sr.report import statistics
    from mrsi_sr.results.files import writing

    table_settings = scores.TableSettings.from_json(arguments.settings)
    table = scores.read(arguments.metrics, table_settings.protocol, table_settings.experiment)
    tests = statistics.compare(table, table_settings)
    mixed = origins.check_origins(table, origins.read_records(arguments.provenance), table_settings)
    tests["mixed_folds"] = "; ".join(mixed)
    with writing(arguments.out) as temporary:
        tests.to_csv(temporary, index=False, float_format="%.6g")


if __name__ == "__main__":
    run(main, parser())
