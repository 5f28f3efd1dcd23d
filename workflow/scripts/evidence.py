"""Every table and figure of the papers with its rule and file, and published numbers beside ours, as Markdown."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--published", required=True, metavar="YAML", help="numbers that the papers print, by experiment")
    p.add_argument("--tables", required=True, nargs="+", type=Path, metavar="CSV", help="tables that table.py wrote")
    p.add_argument(
        "--figures",
        nargs="*",
        default=[],
        type=Path,
        metavar="PNG",
        help="figures of figure.py; they are listed",
    )
    p.add_argument("--out", required=True, metavar="MARKDOWN", help="Markdown file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.evidence import evidence, read_published
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    inputs = [arguments.published, *arguments.tables, *arguments.figures]
    check_outputs([arguments.out], inputs)
    text = evidence(read_published(arguments.published), arguments.tables, arguments.figures)
    with Provenance({}, inputs, code=code_of(__file__)).beside(arguments.out), writing(arguments.out) as temporary:
        temporary.write_text(text)


if __name__ == "__main__":
    run(main, parser())
