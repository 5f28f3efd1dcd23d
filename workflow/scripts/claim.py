"""CLAIM answer sheet of an experiment: the checklist for AI in medical imaging, filled in from records."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.settings.claim import ClaimSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(ClaimSettings),
    )
    p.add_argument("--provenance", required=True, nargs="+", type=Path, help="provenance.json of all metrics files")
    p.add_argument("--folds", required=True, type=Path, metavar="CSV", help="table of participant, fold, part")
    p.add_argument("--summary", required=True, type=Path, metavar="CSV", help="cohort table of cohort_summary.py")
    p.add_argument("--settings", required=True, metavar="JSON|@FILE", help=SETTINGS_FLAG)
    p.add_argument("--out", required=True, type=Path, help="Markdown file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.evaluation.records import read_scores_record
    from mrsi_sr.maps import folds
    from mrsi_sr.report.claim import claim_sheet
    from mrsi_sr.report.study import Study
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.summary import read_summary

    settings = ClaimSettings.from_text(arguments.settings)
    inputs = [*arguments.provenance, arguments.folds, arguments.summary]
    check_outputs([arguments.out], inputs)
    study = Study(
        settings=settings,
        records=[read_scores_record(path) for path in arguments.provenance],
        folds=folds.read(arguments.folds),
        cohort=read_summary(arguments.summary),
    )
    text = claim_sheet(study)
    record = Provenance(settings.plain(), inputs, code=code_of(__file__)).beside(arguments.out)
    with record, writing(arguments.out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main, parser())
