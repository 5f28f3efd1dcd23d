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

HOST = socket.gethostname()
SECONDS_TO_STALE = 86_400  # without a change: a temporary file of another host, whose processes cannot be asked for


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside the file to write, and rename it to the file when the block ends well.

    The temporary name keeps the file's endings, since many writers choose their format by them. The file is on the
    disk before it has its name: a node that goes down leaves no file that is named and empty.
    Raises OSError, with the file's name, where it cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    with _naming(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        try:
            yield temporary
            _to_disk(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside the one to write, and put it in that one's place when the block ends well.

    The folder that was there is moved away whole, before the new one takes its place: between the two there is none.
    Raises UserError for the working directory and the folders above it, which are nobody's output, and OSError, with
    the folder's name, where it cannot be written.
    """
    path = Path(path).resolve()
    if Path.cwd().is_relative_to(path):
        raise UserError(f"{path} would be replaced, and the working directory lies in it: name a folder of its own")
    temporary = _temporary(path)
    new = temporary / "new"
    with _naming(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        _remove(temporary)  # of a process that had this one's number
        new.mkdir(parents=True)
        try:
            yield new
            for file in new.rglob("*"):
                if file.is_file():
                    _to_disk(file)
            _put(new, path)
        finally:
            _remove(temporary)


def remove_stale(path: Path) -> None:
    """Remove the temporary files and folders that processes killed while writing the path left beside it."""
    pattern = re.compile(rf"\.(.+)\.(\d+)\.{re.escape(path.name)}")
    for place in path.parent.glob(f".*.{glob.escape(path.name)}"):
        if (match := pattern.fullmatch(place.name)) and _is_stale(place, match[1], int(match[2])):
            _remove(place)


def _temporary(path: Path) -> Path:
    """A name of this process alone: nodes that share a file system may have equal process numbers."""
    return path.with_name(f".{HOST}.{os.getpid()}.{path.name}")


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


def _is_stale(place: Path, host: str, process: int) -> bool:
    if host == HOST and not _runs(process):
        return True
    with suppress(FileNotFoundError):  # its writer has just finished
        return time.time() - place.stat().st_mtime > SECONDS_TO_STALE
    return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 asks and does nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _naming(path: Path, temporary: Path) -> Iterator[None]:
    """Give an OSError of the temporary file, or of no file, the name of the file that a person knows."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def checksum(path: str | Path) -> str:
    """SHA-256 of a file's bytes; of a folder, of its files' names and checksums. Raises UserError for neither."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"no file {path}")
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()} {checksum(file)}\n".encode())
    return digest.hexdigest()
