"""Streaming reader of tar archives: every file once, in archive order, without unpacking.

Python's tarfile keeps a record of every member in memory, and takes a damaged header for the end of the archive without
an error. A scan's archive has up to 160,000 members, and a damaged one must not pass for a complete one.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from mrsi_sr.cli import UserError

ENDINGS = (".tar", ".tar.gz", ".tgz")
_BLOCK = tarfile.BLOCKSIZE
_READ_AHEAD = 1 << 20


def is_archive(path: str | Path) -> bool:
    """Whether a path ends in .tar, .tar.gz or .tgz."""
    return str(path).endswith(ENDINGS)


def members(path: str | Path, key_of: Callable[[str], object | None]) -> Iterator[tuple[object, bytes]]:
    """Keys and contents of an archive's files, in archive order.

    key_of: file name -> key, or None for a file to skip. Raises UserError for a damaged or truncated archive.
    """
    try:
        with Path(path).open("rb", _READ_AHEAD) as file:
            zipped = file.peek(2)[:2] == b"\x1f\x8b"  # by content: a .tar.gz may have been unzipped on its way
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file), _READ_AHEAD) if zipped else file
            yield from _members(stream, key_of)
    except (tarfile.HeaderError, EOFError, zlib.error, OSError) as error:
        raise UserError(
            f"cannot read the archive {path}: {error}\n"
            "  it is damaged or truncated: check it with tar -tf, and copy it again"
        ) from None


def _members(stream: io.BufferedReader, key_of: Callable[[str], object | None]) -> Iterator[tuple[object, bytes]]:
    long_name = None
    while any(header := _read(stream, _BLOCK)):  # the archive ends with blocks of zeros
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        if member.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
            content = _read(stream, _padded(member.size))[: member.size]
            gnu = member.type == tarfile.GNUTYPE_LONGNAME
            long_name = content.rstrip(b"\0").decode("utf-8", "surrogateescape") if gnu else _pax_path(content)
            continue
        name, long_name = long_name or member.name, None
        size = _padded(member.size) if member.type not in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE) else 0
        if member.isreg() and (key := key_of(name)) is not None:
            yield key, _read(stream, size)[: member.size]
        else:
            while size:
                size -= len(_read(stream, min(size, _READ_AHEAD)))
    while stream.read(_READ_AHEAD):  # the checksum of a gzip file comes last
        pass


def _read(stream: io.BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("it ends inside a file")
    return data


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _pax_path(content: bytes) -> str | None:
    """The path in a pax extended header, whose records are `length key=value` and a newline."""
    while content:
        length = int(content.split(b" ", 1)[0])
        key, value = content[:length].split(b" ", 1)[1].split(b"=", 1)
        if key == b"path":
            return value[:-1].decode("utf-8", "surrogateescape")
        content = content[length:]
    return None
