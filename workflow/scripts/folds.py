"""Divide the participants into folds: who trains, who validates and who is tested."""

import argparse

from mrsi_sr.cli import log, run
from mrsi_sr.settings import check_known, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=help_of("folds")
    )
    result.add_argument(
        "--participants", required=True, metavar="TSV",
        help="participants table; its column fold, where filled, says in which fold (1, 2, ...) each one is tested",
    )  # fmt: skip
    result.add_argument(
        "--only", metavar="NAME,..", help="the participants to divide, such as sub-01,sub-02; default: all"
    )
    result.add_argument("--settings", default="{}", metavar="JSON", help="JSON object of settings, see below")
    result.add_argument("--out", required=True, metavar="CSV", help="table to write: participant,fold,part")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import folds, participants

    choice = folds.FoldSettings.from_json(arguments.settings)
    table = participants.included(participants.read(arguments.participants))
    chosen = {row["participant"]: row["fold"] for row in table}
    if arguments.only:
        for name in (only := arguments.only.split(",")):
            check_known(name, chosen, "--only")
        chosen = {name: chosen[name] for name in only}
    rows = folds.make(chosen, choice)
    folds.save(rows, arguments.out)
    for line in folds.sizes(rows):
        log.info(line)


if __name__ == "__main__":
    run(main, parser())
