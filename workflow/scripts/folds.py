"""Divide the participants into folds: who trains, who validates and who is tested."""

import argparse

from mrsi_sr.cli import log, run


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--participants", required=True, metavar="TSV",
        help="participants table; its column fold, where filled, says in which fold (1, 2, ...) each one is tested",
    )  # fmt: skip
    result.add_argument(
        "--settings", default="{}", metavar="JSON",
        help='JSON object {"number": 5, "seed": 1}: how many folds, and the seed of the draw without a column fold',
    )  # fmt: skip
    result.add_argument("--out", required=True, metavar="CSV", help="table to write: participant,fold,part")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import folds, participants, settings

    choice = settings.read(folds.FoldSettings, arguments.settings, "folds")
    table = participants.included(participants.read(arguments.participants))
    rows = folds.make({row["participant"]: row["fold"] for row in table}, choice)
    folds.save(rows, arguments.out)
    for line in folds.sizes(rows):
        log.info(line)


if __name__ == "__main__":
    run(main, parser())
