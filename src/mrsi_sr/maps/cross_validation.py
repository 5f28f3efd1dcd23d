"""Cross-validation by participant: which participants each fold tests, validates on and trains on."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.maps.folds import PARTS, Row
from mrsi_sr.settings.experiment import FoldSettings


def divide(chosen: dict[str, str], settings: FoldSettings) -> list[Row]:
    """Every participant's part in every fold, in the order of names.

    chosen: participant -> the fold in which it is tested, as text, or '' to draw it. A fold's validation participants
    are those that the next fold tests, the last fold's those of the first; where nobody is tested, those that it would
    test. Drawn groups differ by one at most.
    The order of the participants does not matter.
    Raises UserError for too few participants, or folds chosen for some only, unknown or left without a participant.
    """
    if len(chosen) < settings.number:
        raise UserError(
            f"{len(chosen)} participants cannot make {settings.number} folds\n"
            f"  each fold has a group of at least one: set folds.number to {len(chosen)} or fewer, or add participants"
        )
    tested = _from_column(chosen, settings.number) if any(chosen.values()) else _drawn(chosen, settings)
    rows = []
    for participant in sorted(chosen):
        own, before = tested[participant], (tested[participant] - 2) % settings.number + 1
        special = {before: "validation", own: "test"} if settings.test else {own: "validation"}
        rows += [Row(participant, fold, special.get(fold, "train")) for fold in range(1, settings.number + 1)]
    return rows


def _drawn(participants: Iterable[str], settings: FoldSettings) -> dict[str, int]:
    names = sorted(participants)
    order = np.random.default_rng(settings.seed).permutation(len(names))
    return {names[index]: place % settings.number + 1 for place, index in enumerate(order)}


def _from_column(chosen: dict[str, str], number: int) -> dict[str, int]:
    without = sorted(participant for participant, fold in chosen.items() if not fold)
    if without:
        raise UserError(
            f"the column fold is empty for {', '.join(without)}\n"
            "  fill it for every participant, or for none to draw the folds from the seed"
        )
    allowed = {str(fold): fold for fold in range(1, number + 1)}
    for participant, fold in chosen.items():
        if fold not in allowed:
            raise UserError(f"the fold of {participant} is '{fold}'\n  allowed: a whole number from 1 to {number}")
    tested = {participant: allowed[fold] for participant, fold in chosen.items()}
    nobody = sorted(set(allowed.values()) - set(tested.values()))
    if nobody:
        raise UserError(
            f"nobody is tested in fold {', '.join(map(str, nobody))} of {number}\n"
            "  correct the column fold of the participants table, or folds.number"
        )
    return tested


def counts(rows: Iterable[Row]) -> list[str]:
    """The numbers of participants that train, validate and are tested: a line of text for each fold."""
    count = Counter((row.fold, row.part) for row in rows)
    folds = sorted({fold for fold, _ in count})
    return [f"fold {fold}: " + ", ".join(f"{count[fold, part]} {part}" for part in PARTS) for fold in folds]
