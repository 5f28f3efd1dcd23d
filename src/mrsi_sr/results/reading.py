"""Reading of files that may be cut, damaged or something else: what can go wrong, in one list, and as one message."""

import csv
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mrsi_sr.cli import UserError

# What readers of JSON, CSV, npz, gzip, tar and NIfTI files raise on content that they cannot use.
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, MemoryError,
    RecursionError, NotImplementedError, AssertionError, RuntimeError, SyntaxError,
    csv.Error, pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


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


def read_json(path: str | Path, what: str, to_do: str) -> dict:
    """JSON object in a file. Raises UserError where there is none, or something else."""
    with reading(path, what, to_do):
        content = json.loads(Path(path).read_text())
        if not isinstance(content, dict):
            raise ValueError(f"it has a {type(content).__name__}, expected an object")
    return content
