"""The table of folds: each participant's part in each fold of a cross-validation."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing

PARTS = ("train", "validation", "test")


class Row(NamedTuple):
    """A participant's part in one fold (1, 2, ...)."""

    participant: str
    fold: int
    part: str


def write(rows: Iterable[Row], path: str | Path) -> None:
    """Write the table participant,fold,part."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    with writing(path) as temporary:
        temporary.write_text(text.getvalue())


def read(path: str | Path) -> list[Row]:
    """The rows of a table that `write` wrote. Raises UserError for a missing file, or one that is no table of folds."""
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
                f"{path}: {participant[0]} has several parts in fold {participant[1]}\n  write it again: folds.py"
            )
    return rows


def participants_of(rows: Iterable[Row], fold: int, part: str) -> list[str]:
    """The participants of one part ('train', 'validation' or 'test') of a fold, by name.

    Raises UserError for a fold that the table does not have.
    """
    rows = list(rows)
    if part not in PARTS:
        raise ValueError(f"part {part!r} is none of {PARTS}")
    known = sorted({row.fold for row in rows})
    if fold not in known:
        raise UserError(f"there is no fold {fold}\n  the table has {', '.join(map(str, known)) or 'none'}")
    return sorted(row.participant for row in rows if (row.fold, row.part) == (fold, part))
