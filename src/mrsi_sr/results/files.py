"""Files and folders that appear whole or not at all."""

import errno
import glob
import hashlib
import itertools
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.reading import check_is_file

HOST = socket.gethostname()
SECONDS_TO_STALE = 86_400  # without a change: a temporary file of another host, whose processes cannot be asked for
_checksums: dict[tuple[int, ...], str] = {}  # of the files that this process has read


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Temporary path beside a file, renamed to the file when the block ends well.

    The temporary name keeps the file's endings, since many writers choose their format by them. The file is on the
    disk before it has its name: a node that goes down leaves no file that is named and empty.
    Raises OSError, with the file's name, where it cannot be written.
    """
    path = Path(path)
    with _temporary(path) as temporary:
        yield temporary
        _to_disk(temporary)
        temporary.replace(path)


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Temporary folder beside a folder, put in its place when the block ends well.

    The folder that was there is moved away whole, before the new one takes its place: between the two there is none.
    Raises UserError for the working directory and the folders above it, which are nobody's output, and OSError, with
    the folder's name, where it cannot be written.
    """
    path = Path(path).resolve()
    if Path.cwd().is_relative_to(path):
        raise UserError(f"{path} would be replaced, and the working directory lies in it: name a folder of its own")
    with _temporary(path) as temporary:
        new = temporary / "new"
        new.mkdir(parents=True)
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                _to_disk(file)
        _put(new, path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Name beside a path for what will take its place; what has it when the block ends is removed.

    The name is of this process alone: nodes that share a file system may have equal process numbers. An OSError of the
    temporary file, or of no file, is given the name of the path, which a person knows.
    """
    temporary = path.with_name(f".{HOST}.{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        _remove(temporary)  # of a process that had this one's number
        try:
            yield temporary
        finally:
            _remove(temporary)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def temporary_of(name: str) -> re.Pattern:
    """Pattern of the temporary names that processes of all hosts give to a file or folder; groups: host, process."""
    return re.compile(rf"\.(.+)\.(\d+)\.{re.escape(name)}")


def remove_stale(path: Path) -> None:
    """Remove the temporary files and folders beside a path that killed processes left."""
    for place in path.parent.glob(f".*.{glob.escape(path.name)}"):
        match = temporary_of(path.name).fullmatch(place.name)
        if match and ((match[1] == HOST and not _runs(int(match[2]))) or _is_old(place)):
            _remove(place)


def _runs(process: int) -> bool:
    """Whether a process of this host is alive."""
    try:
        os.kill(process, 0)  # signal 0 asks and does nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _is_old(place: Path) -> bool:
    with suppress(FileNotFoundError):  # its writer has just finished
        return time.time() - place.stat().st_mtime > SECONDS_TO_STALE
    return False


def _put(new: Path, path: Path) -> None:
    """Move what is at the path away, beside the new folder, and that in its place, until nobody else was faster."""
    for attempt in itertools.count():
        with suppress(FileNotFoundError):
            path.replace(new.with_name(f"old-{attempt}"))
        try:
            new.replace(path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def checksum(path: str | Path) -> str:
    """SHA-256 of a file's bytes; of a folder, of its files' names and checksums. Raises UserError for neither.

    A file is read once per process, unless it has changed since by size or time.
    """
    path = Path(path)
    if not path.is_dir():
        check_is_file(path)
        facts = path.stat()
        key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)  # a file that is renamed keeps them
        if key not in _checksums:
            with path.open("rb") as stream:
                _checksums[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return _checksums[key]
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()} {checksum(file)}\n".encode())
    return digest.hexdigest()
