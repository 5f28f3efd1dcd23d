"""Reading of files that may be cut, damaged or something else: what can go wrong, in one list, and as one message."""

import csv
import json
import pickle
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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
        content = json.loads(Path(path).read_text(), object_pairs_hook=without_repetition)
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
