"""Names that become parts of paths: of participants, metabolites, experiments, networks and methods."""

import re

from mrsi_sr.cli import UserError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{,99}")  # a file's name has 255 characters, and holds several names
METABOLITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_-]{,99}")  # combinations have a plus: GPC+PCh


def check_name(name: object, where: str, pattern: re.Pattern = NAME) -> str:
    """The name, where it can be part of a path and of a command: ASCII letters, digits, '-' and '_', no '-' first.

    where: what has the name, and in which file or flag. pattern: NAME, or METABOLITE, which allows '+'.
    Raises UserError for another name.
    """
    if not isinstance(name, str) or not pattern.fullmatch(name):
        plus = ", '+'" if pattern is METABOLITE else ""
        raise UserError(
            f"{where} has the name {name!r}\n"
            f"  expected at most 100 letters from A to Z, digits{plus}, '-' and '_', not beginning with '-'"
        )
    return name


def fold_folder(fold: int, seed: int, first_seed: int) -> str:
    """Folder of an experiment's results in a fold: fold-1 of the first training seed, fold-1-seed-2 of another."""
    return f"fold-{fold}" if seed == first_seed else f"fold-{fold}-seed-{seed}"


def bids_label(name: str) -> str:
    """BIDS label of a scan's name, sub-01 of sub-01 and of 01: letters and digits alone are kept.

    Raises UserError for a name without any.
    """
    letters = re.sub("[^A-Za-z0-9]", "", name.removeprefix("sub-"))
    if not letters:
        raise UserError(
            f"the scan's name is {name!r}\n  expected letters or digits in it, which its files are named by"
        )
    return f"sub-{letters}"
