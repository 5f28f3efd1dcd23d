"""Folds of the cross-validation: training, validation and test participants of each fold."""

import argparse

from mrsi_sr.cli import UserError, log, run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.experiment import FoldSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=help_of(FoldSettings)
    )
    result.add_argument(
        "--participants", required=True, metavar="NAME[=FOLD],..",
        help="participants, such as sub-01,sub-02; optionally each with the fold (1, 2, ..) that tests it: sub-01=2,..",
    )  # fmt: skip
    result.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument("--out", required=True, metavar="CSV", help="table to write: participant,fold,part")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.maps import cross_validation, folds
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance

    check_outputs([arguments.out])
    settings = FoldSettings.from_text(arguments.settings)
    rows = cross_validation.divide(chosen_in(arguments.participants), settings)
    with Provenance(settings.plain(), code=code_of(__file__)).beside(arguments.out):
        folds.write(rows, arguments.out)
    for line in cross_validation.counts(rows):
        log.info(line)


def chosen_in(text: str) -> dict[str, str]:
    """Test fold of each participant in `sub-01=2,sub-02=1`, or '' without one. Raises UserError for a repeated name."""
    chosen: dict[str, str] = {}
    for each in text.split(","):
        name, _, fold = each.partition("=")
        check_name(name, "a participant in --participants")
        if name in chosen:
            raise UserError(
                f"--participants is {text!r}\n  expected each name once: sub-01,sub-02 or sub-01=2,sub-02=1"
            )
        chosen[name] = fold
    return chosen


if __name__ == "__main__":
    run(main, parser())
