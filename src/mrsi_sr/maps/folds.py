"""Cross-validation by participant: who is tested, who validates and who trains in each fold."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.settings.old_base import Settings

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class FoldSettings(Settings):
    """How many folds, and the seed of their draw; workflow/schemas/folds.schema.yaml explains the keys."""

    kinds = ("folds",)
    number: int
    seed: int


class Row(NamedTuple):
    """A participant's part in one fold (1, 2, ...)."""

    participant: str
    fold: int
    part: str


def make(chosen: dict[str, str], settings: FoldSettings) -> list[Row]:
    """The part of every participant in every fold, in the order of names.

    chosen: participant -> the fold in which it is tested, as text, or '' to draw it. A fold's validation participants
    are those that the next fold tests, the last fold's those of the first. Drawn groups differ by one at most.
    The order of the participants does not matter.
    Raises UserError for too few participants, or folds chosen for some only, unknown or left without a participant.
    """
    if len(chosen) < settings.number:
        raise UserError(
            f"{len(chosen)} participants cannot make {settings.number} folds\n"
            f"  each fold tests at least one: set folds.number to {len(chosen)} or fewer, or add participants"
        )
    tested = _from_column(chosen, settings.number) if any(chosen.values()) else _drawn(chosen, settings)
    rows = []
    for participant in sorted(chosen):
        validates = (tested[participant] - 2) % settings.number + 1
        special = {validates: "validation", tested[participant]: "test"}
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


def sizes(rows: Iterable[Row]) -> list[str]:
    """One line per fold: how many participants train, validate and are tested."""
    count = Counter((row.fold, row.part) for row in rows)
    folds = sorted({fold for fold, _ in count})
    return [f"fold {fold}: " + ", ".join(f"{count[fold, part]} {part}" for part in PARTS) for fold in folds]


def save(rows: Iterable[Row], path: str | Path) -> None:
    """Write the table participant,fold,part."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    with writing(path) as temporary:
        temporary.write_text(text.getvalue())


def load(path: str | Path) -> list[Row]:
    """Read what `save` wrote. Raises UserError for a missing file, or one that is no table of folds."""
    try:
        with Path(path).open(newline="") as stream:
            rows = [Row(line["participant"], int(line["fold"]), line["part"]) for line in csv.DictReader(stream)]
    except FileNotFoundError:
        raise UserError(f"no table of folds {path}\n  folds.py --out writes it") from None
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is no table of folds ({error})\n  expected the columns {','.join(Row._fields)}"
        ) from None
    for participant, fold in Counter((row.participant, row.fold) for row in rows if row.part in PARTS).items():
        if fold > 1:
            raise UserError(
                f"{path}: {participant[0]} has several parts in fold {participant[1]}\n  make it anew: folds.py"
            )
    return rows


def participants_of(rows: Iterable[Row], fold: int, part: str) -> list[str]:
    """The participants of one part ('train', 'validation' or 'test') of a fold, by name.

    Raises UserError for a fold that the table does not have.
    """
    rows = list(rows)
    if part not in PARTS:
        raise ValueError(f"part {part!r} is none of {PARTS}")
    there = sorted({row.fold for row in rows})
    if fold not in there:
        raise UserError(f"there is no fold {fold}\n  the table has {', '.join(map(str, there)) or 'none'}")
    return sorted(row.participant for row in rows if (row.fold, row.part) == (fold, part))
