"""Page of one figure, table or sheet, for the HTML report: a picture that can be scrolled, or a text in print."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, run


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--title", required=True, help="heading of the page")
    p.add_argument("--pictures", nargs="+", default=[], type=Path, metavar="PNG", help="pictures to show")
    p.add_argument("--texts", nargs="+", default=[], type=Path, metavar="MD", help="Markdown files to show below them")
    p.add_argument("--out", required=True, type=Path, metavar="HTML", help="page to write; it loads nothing")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.result_page import result_page
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    inputs = [*arguments.pictures, *arguments.texts]
    if not inputs:
        raise UserError("there is nothing to show\n  give --pictures, --texts or both")
    check_outputs([arguments.out], inputs)
    text = result_page(arguments.title, pictures=arguments.pictures, texts=arguments.texts)
    record = Provenance({"title": arguments.title}, inputs, code=code_of(__file__)).beside(arguments.out)
    with record, writing(arguments.out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main, parser())
