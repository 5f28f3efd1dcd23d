"""Key of a reader study: which image is which, in a file that readers never see."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mrsi_sr.results.files import writing
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import read_csv, reading, shaped


@dataclass(frozen=True)
class KeyRow:
    """One score that readers are asked for: its image as the page calls it, and what the image is.

    case: the slice's number in the page. metric: name of a metabolite, or one of scale.OVERALL. image: left or right of
    a pair, A or B of the sets of all metabolites. role: one of scale.ROLES.
    """

    study: str
    case: str
    metric: str
    image: str
    role: str
    method: str
    participant: str
    slice: int
    size: int
    fold: int

    @property
    def asked(self) -> tuple[str, str, str]:
        """What a row of a reader's file is found by: case, metric and image."""
        return self.case, self.metric, self.image


COLUMNS = tuple(field.name for field in fields(KeyRow))


def write(rows: Sequence[KeyRow], path: Path) -> None:
    """Write a key; an interrupted write leaves no file."""
    with writing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, rows))


def read(path: str | Path) -> list[KeyRow]:
    """Rows of a key. Raises UserError for any other file, and for one that was changed."""
    what, to_do = "the key of a reader study", "give the key that reader_study.py wrote beside the readers' page"
    rows = read_csv(path, COLUMNS, what, to_do)
    check_whole(path)
    with reading(path, what, to_do):
        return [shaped(KeyRow, {name: row[name] for name in COLUMNS}) for _, row in rows]
