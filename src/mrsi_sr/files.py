"""Files and folders that appear whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mrsi_sr.cli import UserError


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside the file to write, and rename it to the file when the block ends well.

    The temporary name keeps the file's endings, since many writers choose their format by them.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside the one to write, and put it in that one's place when the block ends well.

    Raises UserError for the working directory and the folders above it, which are nobody's output.
    """
    path = Path(path).resolve()
    if Path.cwd().is_relative_to(path):
        raise UserError(f"{path} would be replaced, and the working directory lies in it: name a folder of its own")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def checksum(path: str | Path) -> str:
    """SHA-256 of a file's bytes, or of a folder's file names and bytes in order. Raises UserError for neither."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"no file {path}")
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.relative_to(path).as_posix().encode())
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
