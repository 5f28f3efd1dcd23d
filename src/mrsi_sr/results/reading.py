"""Reading of files that may be cut, damaged or something else: what can go wrong, in one list, and as one message."""

import csv
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from mrsi_sr.cli import UserError

# What readers of JSON, CSV, npz, gzip, tar and NIfTI files raise on content that they cannot use.
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, MemoryError,
    RecursionError, NotImplementedError, AssertionError, RuntimeError, SyntaxError,
    csv.Error, pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

POINTERS = {  # first bytes of what stands for a file that was not fetched
    b"version https://git-lfs.github.com/spec/": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}


@contextmanager
def reading(path: str | Path, what: str, to_do: str, *more: type[Exception]) -> Iterator[None]:
    """A block that reads a file: whatever its content makes the reader raise becomes a UserError with the file's name.

    what: description of the file, such as "a record of scores". to_do: advice for a damaged file. more: a library's own
    errors beside UNREADABLE. Raises UserError, also for a path that is no regular file: a pipe would wait for ever.
    """
    check_is_file(path, what)
    try:
        yield
    except PermissionError:
        raise  # says what it is by itself
    except (*UNREADABLE, *more) as error:
        check_is_content(path)
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path} cannot be read as {what}: {reason}\n  {to_do}") from error


def check_is_file(path: str | Path, what: str = "a file") -> None:
    """Raise UserError unless the path is a regular file, or a link to one."""
    path = Path(path)
    if path.is_file():
        return
    if path.is_symlink() and not path.exists():
        raise UserError(f"{path} is a broken link, expected {what}\n  its target is gone: mend the link")
    if path.is_dir():
        raise UserError(f"{path} is a folder, expected {what}")
    if path.exists():
        raise UserError(f"{path} is a pipe or a device, expected {what}")
    raise UserError(f"no file {path}, expected {what}")


def check_memory(size_bytes: int) -> None:
    """Raise MemoryError for content that the whole machine has no memory for: a damaged header may promise anything."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size_bytes > total:
        raise MemoryError(f"its {size_bytes / 1e9:.3g} GB are more than this machine's memory of {total / 1e9:.3g} GB")


def check_is_content(path: str | Path, start: bytes | None = None) -> None:
    """Raise UserError where a file is a pointer that Git LFS or git-annex left in its place. start: its first bytes."""
    if start is None:
        start = b""
        with suppress(OSError), Path(path).open("rb") as file:
            start = file.read(64)
    for mark, program in POINTERS.items():
        if start.startswith(mark):
            raise UserError(f"{path} is a pointer of {program[0]}, not the file itself\n  fetch it: {program[1]}")


def read_json(path: str | Path, what: str, to_do: str) -> dict:
    """JSON object in a file. Raises UserError where there is none, or something else."""
    with reading(path, what, to_do):
        content = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=without_repetition)
        if not isinstance(content, dict):
            raise ValueError(f"it has a {type(content).__name__}, expected an object")
    return content


def without_repetition(pairs: Iterable[tuple[str, Any]]) -> dict:
    """Object of a JSON text, by its keys and values. Raises ValueError for a key that is given twice."""
    pairs = list(pairs)
    check_once(key for key, _ in pairs)
    return dict(pairs)


def check_once(keys: Iterable[str], where: str = "") -> None:
    """Raise ValueError for a key that is given twice, of which a reader would take the last. where: for the error."""
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise ValueError(f"the key {', '.join(twice)} is given twice{where}, and only one of them could count")


def read_csv(path: str | Path, columns: Sequence[str], what: str, to_do: str) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV table, each with the number of its line in the file. Further columns are kept.

    Raises UserError for a file without these columns, or with a row of another length.
    """
    with reading(path, what, to_do), Path(path).open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, strict=True)
        names = reader.fieldnames or []
        if missing := [name for name in columns if names.count(name) != 1]:
            raise ValueError(
                f"it has the columns {','.join(names) or 'none'}, expected one {' and one '.join(missing)}"
            )
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} does not have {len(names)} cells as the header")
            rows.append((reader.line_num, row))
        return rows


@cache
def _adapter(kind: type):
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def shaped(kind: type, content: Any) -> Any:
    """Content of a file as a pydantic model or dataclass. Raises ValueError with the first key that does not fit."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}") from error
