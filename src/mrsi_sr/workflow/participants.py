"""Participants table of a cohort: one scan per row, with the paths of its files."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.results.names import check_name
from mrsi_sr.results.reading import reading
from mrsi_sr.settings.base import MOST_FOLDS, unusable_in_paths
from mrsi_sr.settings.scans import ScansSettings
from mrsi_sr.settings.text import MOST_BYTES

REQUIRED = ("participant", "t1", "flair")
FILES = ("lcmodel", "maps", "reference", "t1", "flair", "brain_mask", "lesion", "low_resolution")  # columns of paths
OPTIONAL = (
    "lcmodel", "maps", "pattern", "flip", "reference", "mri", "brain_mask", "lesion", "low_resolution", "fold",
    "exclude",
)  # fmt: skip
RAW, READY = "raw", "prepared"  # of the column mri; empty means prepared
EMPTY = dict.fromkeys((*REQUIRED, *OPTIONAL), "")
NOT_AVAILABLE = ("n/a", "na", "nan", "none", "null", "-")  # the word of BIDS, and those of other software
NOT_EXCLUDED = ("no", "0", "0.0", "false")
UNCLEAR = ("keep", "kept", "include", "included", "in", "use", "used", "ok", "good", "fine", "pass", "n", "f", "?")
FOLDS = frozenset(map(str, range(1, MOST_FOLDS + 1)))
FAULTS_SHOWN = 20
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class _Line:
    number: int  # in the file, from 1
    fields: list[str]


def read_scans(settings: dict) -> list[dict[str, str]]:
    """Rows of the table of new scans that the raw section `scans` names; T1 and FLAIR may be missing in it."""
    table = settings.get("table", ScansSettings.model_fields["table"].default)
    return read(table, REQUIRED[:1]) if isinstance(table, str) else []


def read(path: str | Path, required: tuple[str, ...] = REQUIRED) -> list[dict[str, str]]:
    """Rows of a participants table: tab-separated, columns REQUIRED and any of OPTIONAL.

    required: those of REQUIRED that must be there, and filled.

    Fields are those of BIDS: quotes are ordinary characters, NOT_AVAILABLE is empty, rows are as long as the header.
    An unnamed empty column at the end, lines without content and lines that begin with # are left out. The text is
    UTF-8, or UTF-16 with a byte-order mark. Every row has all columns, with empty text where unset; `exclude` is empty
    for a participant who is included; the rows are sorted by name.
    Raises UserError for a table that cannot be used, naming the lines and columns.
    """
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        raise UserError(
            f"there is no participants table {path}: cohort.participants or scans.table in the configuration names it"
        )
    lines = list(_lines(_text(path)))
    header, *table = lines or [_Line(1, [""])]
    columns = _columns(header, table, path, required)
    faults = list(_wrong_lengths(columns, table))
    rows = {line.number: EMPTY | dict(zip(columns, map(_value, line.fields), strict=False)) for line in table}
    if not faults:
        faults = list(_faults(rows, required))
    if faults:
        more = [f"and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        raise UserError("\n  ".join([f"{path} cannot be used", *faults[:FAULTS_SHOWN], *more]))
    if not rows:
        raise UserError(f"{path} lists no participants: add one line for each scan, see config/README.md")
    for row in rows.values():
        row["exclude"] = "" if row["exclude"].casefold() in NOT_EXCLUDED else row["exclude"]
    if all(row["exclude"] for row in rows.values()):
        raise UserError(
            f"{path} leaves every scan out: {', '.join(row['participant'] for row in rows.values())}\n"
            "  empty the column exclude of the scans that are to be studied"
        )
    return sorted(rows.values(), key=lambda row: row["participant"])


def included(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows without a reason under `exclude`."""
    return [row for row in rows if not row["exclude"]]


def summary(rows: list[dict[str, str]]) -> str:
    """How many scans are in, and who is left out and why, in words."""
    out = [row for row in rows if row["exclude"]]
    lines = [f"{len(rows) - len(out)} of {len(rows)} scans of the participants table are included"]
    return "\n  ".join(lines + [f"{row['participant']} is left out: {row['exclude']}" for row in out])


def _text(path: Path) -> str:
    """Text of the table's file. Raises UserError for an encoding other than UTF-8, and UTF-16 with its mark."""
    with reading(path, "a participants table", "save it as text, tab-separated, in UTF-8"):
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
        content = path.read_bytes()
        if content.startswith(UTF_16):
            return content.decode("utf-16")
        if b"\0" in content:
            raise ValueError("it is no text in UTF-8: it has bytes of value 0")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start + 1].decode("latin-1")
            number, letter = len(_split(before)), before[-1]
            raise ValueError(
                f"line {number} is not UTF-8, but probably Latin-1 or Windows-1252, where its byte is the letter"
                f" {letter}"
            ) from None


def _lines(text: str) -> Iterator[_Line]:
    """Lines with content."""
    for number, line in enumerate(_split(text), start=1):
        if line.strip() and not line.startswith("#"):
            yield _Line(number, [field.strip() for field in line.split("\t")])


def _split(text: str) -> list[str]:
    """Lines, whatever ends them: those of Unix, of Windows, and of Macintosh before 2001."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _value(field: str) -> str:
    return "" if field.casefold() in NOT_AVAILABLE else field


def _columns(header: _Line, table: list[_Line], path: Path, required: tuple[str, ...]) -> list[str]:
    """Names of the columns; the unnamed last ones, which are empty, are left out of the header and of all lines."""
    columns = header.fields
    while columns and not columns[-1]:
        last = slice(len(columns) - 1, len(columns))
        if any("".join(line.fields[last]) for line in table):
            break
        columns = columns[:-1]
        for line in table:
            del line.fields[last]
    missing = [name for name in required if name not in columns]
    unknown = [name or "a column without a name" for name in columns if name not in REQUIRED + OPTIONAL]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if missing or unknown or twice:
        raise UserError(
            f"{path}, line {header.number}: the columns are {', '.join(columns) or 'none'} (separated by tabs)\n"
            f"  missing: {', '.join(missing) or 'none'}; not known: {', '.join(unknown) or 'none'};"
            f" twice: {', '.join(twice) or 'none'}\n"
            f"  expected: {', '.join(REQUIRED)} and any of {', '.join(OPTIONAL)}"
        )
    return columns


def _wrong_lengths(columns: list[str], table: list[_Line]) -> Iterator[str]:
    """Lines with a tab too many or too few: their fields would be taken for those of other columns."""
    for line in table:
        if len(line.fields) != len(columns):
            change = "take a tab out" if len(line.fields) > len(columns) else "an empty field needs its tab too"
            yield (
                f"line {line.number} ({line.fields[0]}) has {len(line.fields)} fields, the header has"
                f" {len(columns)}: {change}"
            )


def _faults(rows: dict[int, dict[str, str]], required: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the rows, a line of words for each. rows: by the number of their line."""
    seen: dict[str, int] = {}
    owners: dict[Path, tuple[int, str]] = {}
    for number, row in rows.items():
        where = f"line {number}"
        yield from _fault(check_name, row["participant"], f"{where}: the participant")
        name = row["participant"].casefold()  # a disk may take Sub-01 and sub-01 for the same folder
        if seen.setdefault(name, number) != number:
            yield f"{where}: participant {row['participant']} has two rows, here and in line {seen[name]}: keep one"
        if row["exclude"].casefold() in UNCLEAR:
            yield (
                f"{where} ({row['participant']}): exclude is {row['exclude']!r}, which does not say whether the scan is"
                " left out: write the reason for which it is, or nothing"
            )
        elif not row["exclude"] or row["exclude"].casefold() in NOT_EXCLUDED:
            yield from _faults_of_scan(f"{where} ({row['participant']})", row, required)
            yield from _same_files(number, row, owners)


def _same_files(number: int, row: dict[str, str], owners: dict[Path, tuple[int, str]]) -> Iterator[str]:
    """Files of a row that are another scan's, or two things at once. owners: line and participant of a scan's files."""
    where = f"line {number} ({row['participant']})"
    for column in ("lcmodel", "maps"):
        if row[column]:
            line, owner = owners.setdefault(_place(row[column]), (number, row["participant"]))
            if line != number:
                yield f"{where}: {column} is {row[column]}, the scan of {owner} in line {line}: each row is one scan"
    if row["t1"] and row["flair"] and _place(row["t1"]) == _place(row["flair"]):
        yield f"{where}: t1 and flair are one file, {row['t1']}: name the image of each contrast"


def _place(path: str) -> Path:
    """Where a path leads, links followed; the path itself where that cannot be told."""
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(path)


def _faults_of_scan(where: str, row: dict[str, str], required: tuple[str, ...]) -> Iterator[str]:
    empty = [column for column in required if not row[column]]
    if empty:
        yield f"{where} has no {', '.join(empty)}"
    if bool(row["lcmodel"]) == bool(row["maps"]):
        yield f"{where} needs either lcmodel (folder or archive) or maps (NIfTI folder)"
    for column in FILES:
        if unusable := unusable_in_paths(row[column]):
            yield f"{where}: {column} is {row[column]!r}, a path with {unusable}: rename the file or folder, or link it"
    # The matrix is not known yet, and has no part in what is checked here.
    yield from _fault(voxel_names, row["pattern"] or "multivoxel", (1, 1, 1), row["flip"], where=where)
    if row["mri"] not in (RAW, READY, ""):
        yield (
            f"{where}: mri is {row['mri'][:20]!r}, expected {RAW} for T1 and FLAIR as they were scanned, and {READY} or"
            " nothing for those without skull that are registered to the scan"
        )
    if row["fold"] and row["fold"] not in FOLDS:
        yield f"{where}: fold is {row['fold'][:20]!r}, expected a whole number from 1 to {MOST_FOLDS}, or nothing"


def _fault(check, *arguments, where: str = "") -> Iterator[str]:
    """What a check raises as UserError, in words."""
    try:
        check(*arguments)
    except UserError as error:
        yield f"{where}: {error}".removeprefix(": ").replace("\n", "\n  ")
