"""Participants table of a cohort: one scan per row, with the paths of its files."""

import csv
from pathlib import Path

from mrsi_sr.cli import UserError

REQUIRED = ("participant", "t1", "flair")
OPTIONAL = ("lcmodel", "maps", "pattern", "flip", "reference", "brain_mask", "lesion", "fold", "exclude")
EMPTY = dict.fromkeys((*REQUIRED, *OPTIONAL), "")


def read(path: str | Path) -> list[dict[str, str]]:
    """Rows of a participants table: tab-separated, columns REQUIRED and any of OPTIONAL.

    Every row has all columns, with empty text where unset; the rows are sorted by name.
    Raises UserError for a table that cannot be used, naming the participant or the column.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no participants table {path}: cohort.participants in the configuration names it")
    with path.open(newline="") as stream:
        reader = csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t")
        columns = reader.fieldnames or []
        _check_columns(columns, path)
        rows = [EMPTY | {column: (value or "").strip() for column, value in row.items()} for row in reader]
    if not rows:
        raise UserError(f"{path} lists no participants: add one line for each scan, see config/README.md")
    _check_rows(rows, path)
    return sorted(rows, key=lambda row: row["participant"])


def included(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows without a reason under `exclude`."""
    return [row for row in rows if not row["exclude"]]


def _check_columns(columns: list[str], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
    if missing or unknown:
        raise UserError(
            f"{path}: the columns are {', '.join(columns) or 'none'} (separated by tabs)\n"
            f"  missing: {', '.join(missing) or 'none'}; not known: {', '.join(map(str, unknown)) or 'none'}\n"
            f"  expected: {', '.join(REQUIRED)} and any of {', '.join(OPTIONAL)}"
        )


def _check_rows(rows: list[dict[str, str]], path: Path) -> None:
    seen: set[str] = set()
    for row in rows:
        name = row["participant"]
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise UserError(f"{path}: participant {name!r} needs a name of letters, digits, '-' and '_'")
        if name in seen:
            raise UserError(f"{path}: participant {name} has two rows; each participant has one scan")
        seen.add(name)
        if row["exclude"]:
            continue
        empty = [column for column in REQUIRED if not row[column]]
        if empty:
            raise UserError(f"{path}: participant {name} has no {', '.join(empty)}")
        if bool(row["lcmodel"]) == bool(row["maps"]):
            raise UserError(
                f"{path}: participant {name} needs either lcmodel (folder or archive) or maps (NIfTI folder)"
            )
