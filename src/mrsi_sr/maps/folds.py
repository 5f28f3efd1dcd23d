"""The table of folds: each participant's part in each fold of a cross-validation."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.results.names import check_name
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import read_csv

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
    """The rows of a table that `write` wrote, or a person in its form.

    Raises UserError for a missing file, one that is no table of folds, an unknown part, a participant that is twice in
    a fold, and a table that was changed after folds.py wrote it.
    """
    if not Path(path).exists():
        raise UserError(f"no table of folds {path}\n  folds.py --out writes it")
    what, to_do = "a table of folds", f"expected the columns {','.join(Row._fields)}: mend it, or run folds.py again"
    check_whole(path)
    rows: dict[tuple[str, int], Row] = {}
    for line, cells in read_csv(path, Row._fields, what, to_do):
        where = f"{path}, line {line}"
        participant, part = check_name(cells["participant"], f"the participant of {where}"), cells["part"]
        if not re.fullmatch("[1-9][0-9]{0,5}", cells["fold"]):
            raise UserError(f"{where}: the fold is {cells['fold']!r}\n  expected a whole number from 1")
        if part not in PARTS:
            raise UserError(f"{where}: the part is {part!r}\n  expected {', '.join(PARTS[:-1])} or {PARTS[-1]}")
        key = participant, int(cells["fold"])
        if key in rows:
            raise UserError(f"{where}: {participant} has several parts in fold {key[1]}\n  expected one row for each")
        rows[key] = Row(*key, part)
    return list(rows.values())


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
