"""Wilcoxon signed-rank tests between each pair of methods, with effect sizes, as a CSV table."""

# Not called statistics.py: this folder comes first in the path of every script here, and would hide Python's own module
# of that name from torch.compile.
import argparse

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument(
        "--metrics", required=True, nargs="+", help="PARQUET files that evaluate.py wrote: methods and folds"
    )
    p.add_argument(
        "--settings",
        required=True,
        help='JSON {"protocol": "paper" or "clean", "sizes": [8, 16], "metrics": ["nrmse"], and where wanted '
        '"methods": [names], "region": "mask" or "frame"}; the settings of a table serve as they are',
    )
    p.add_argument("--out", required=True, help="CSV file to write: one row per metric, size and pair")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import scores, settings, statistics
    from mrsi_sr.files import writing

    table_settings = settings.read(scores.TableSettings, arguments.settings, "table")
    table = scores.read(arguments.metrics, table_settings.protocol, table_settings.experiment)
    tests = statistics.compare(table, table_settings)
    with writing(arguments.out) as temporary:
        tests.to_csv(temporary, index=False, float_format="%.6g")


if __name__ == "__main__":
    run(main, parser())
