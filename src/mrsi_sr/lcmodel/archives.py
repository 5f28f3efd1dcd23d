"""Streaming reader of tar archives: every file, in archive order, without unpacking.

Python's tarfile keeps a record of every member in memory, and takes a damaged header for the end of the archive without
an error. A scan's archive has up to 160,000 members, and a damaged one must not pass for a complete one.
Members that are links have the content of the member that they name, as they have once unpacked: where there are such
links, the archive is read a second time for what they name.
A member that is there again (tar -r adds a file again) is given again: the last one counts, as it does once unpacked.
"""

import gzip
import io
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.reading import reading

ENDINGS = (".tar", ".tar.gz", ".tgz")
MOST_LINKS = 40  # links to links to .. of one name, as on Linux
_BLOCK = tarfile.BLOCKSIZE
_READ_AHEAD = 1 << 20
_MOST_HEADER = 1 << 20  # bytes of a long name, or of a pax header
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)
_WITHOUT_CONTENT = (*_LINKS, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
OTHER_FORMATS = {  # first bytes -> format, and what unpacks it
    b"BZh": ("bzip2", "tar -xjf"), b"PK\x03\x04": ("zip", "unzip"), b"PK\x05\x06": ("zip", "unzip"),
    b"\xfd7zXZ\0": ("xz", "tar -xJf"),
    b"\x28\xb5\x2f\xfd": ("zstd", "tar --zstd -xf"), b"LZIP": ("lzip", "tar --lzip -xf"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"), b"Rar!": ("RAR", "unrar x"),
}  # fmt: skip
_TO_DO = "it is damaged or truncated: check it with tar -tf, and copy it again"


@dataclass(frozen=True)
class Member:
    """A member of an archive.

    read: function that reads a file's content, before the next member; None for what is no file. link: target of a
    link, counted from the archive's root; it begins with `/` or `..` where it lies outside.
    """

    name: str
    size: int = 0
    read: Callable[[], bytes] | None = None
    link: str | None = None


def is_archive(path: str | Path) -> bool:
    """Whether a path ends in .tar, .tar.gz or .tgz, in small letters or capitals."""
    return str(path).lower().endswith(ENDINGS)


def without_ending(path: str) -> str:
    """Path of an archive without .tar, .tar.gz or .tgz."""
    return path[: -len(next(ending for ending in ENDINGS if path.lower().endswith(ending)))]


def members(
    path: str | Path, key_of: Callable[[str], object | None], check_size: Callable[[str, int], None] = lambda *_: None
) -> Iterator[tuple[object, bytes]]:
    """Keys and contents of an archive's files: in archive order, after them those that are links.

    Of a key that is given again the last content counts.

    key_of: file name -> key, or None for a file to skip. check_size: raises an error for a name and a size in bytes
    that a file to be read cannot have. Raises UserError for a damaged or truncated archive, and a link to be read that
    leads to no file of the archive.
    """
    links: dict[str, str] = {}
    wanted: dict[str, tuple[str, object]] = {}  # links to be read: name and key
    with reading(path, "an archive of LCModel files", _TO_DO, tarfile.HeaderError):
        for member in _members(path):
            if not member.read and member.link is None:
                continue
            name, key = _normal(member.name), key_of(member.name)
            for earlier in (links, wanted):
                earlier.pop(name, None)
            if member.link is not None:
                links[name] = member.link
            if key is not None and member.read:
                check_size(member.name, member.size)
                yield key, member.read()
            elif key is not None:
                wanted[name] = (member.name, key)
        yield from _linked(_members(path) if wanted else (), path, links, wanted.values(), check_size)


def _linked(
    again: Iterable[Member], path, links: dict[str, str], wanted: Iterable[tuple[str, object]], check_size
) -> Iterator[tuple[object, bytes]]:
    """Keys and contents of links, from `again`, another reading of the archive."""
    leading_to: dict[str, list[tuple[str, object]]] = {}
    for name, key in wanted:
        leading_to.setdefault(_target(_normal(name), links), []).append((name, key))
    found: set[str] = set()
    for member in again:
        target = _normal(member.name)
        if member.read and target in leading_to:
            found.add(target)
            check_size(leading_to[target][0][0], member.size)
            data = member.read()
            yield from ((key, data) for _, key in leading_to[target])
    for (name, _), *_ in (leading_to[target] for target in leading_to.keys() - found):
        raise UserError(
            f"{name} in {path} is a broken link: it leads to {links[_normal(name)]}, which is no file of the archive\n"
            "  pack the files themselves: tar --dereference"
        )


def _normal(name: str) -> str:
    """A member's path as unpacking takes it: from the archive's root, without `.` and doubled slashes."""
    return posixpath.normpath("/" + name.lstrip("/")).lstrip("/")


def _target(name: str, links: dict[str, str]) -> str:
    """Path of the member that a link leads to, through further links, also of folders above it."""
    for _ in range(MOST_LINKS):
        parts = name.split("/")
        above = ("/".join(parts[: end + 1]) for end in range(len(parts)))
        link = next((folder for folder in above if folder in links), None)
        if link is None:
            return name
        name = posixpath.normpath(posixpath.join(links[link], *parts[link.count("/") + 1 :]))
    return ""


def _members(path: str | Path) -> Iterator[Member]:
    """Members of an archive in one pass."""
    with Path(path).open("rb", _READ_AHEAD) as file:
        start = file.peek(8)
        _check_format(path, start)
        zipped = start[:2] == b"\x1f\x8b"  # by content: a .tar.gz may have been unzipped on its way
        stream = io.BufferedReader(gzip.GzipFile(fileobj=file), _READ_AHEAD) if zipped else file
        more: dict[str, str] = {}  # what long names and pax headers say of the next member
        while any(header := _read(stream, _BLOCK)):  # the archive ends with blocks of zeros
            entry = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            size = _size(entry, more)
            if entry.type in (*_LONG, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                if size > _MOST_HEADER:
                    raise tarfile.HeaderError(f"a header of {size:,} bytes")
                more |= _extended(entry.type, _read(stream, _padded(size))[:size])
                continue
            yield from _member(stream, entry, size, more)
            more = {}
        _check_end(stream)


def _check_format(path: str | Path, start: bytes) -> None:
    """Raise UserError for a file that is packed in another way, whatever its name. start: its first bytes."""
    for mark, (name, program) in OTHER_FORMATS.items():
        if start.startswith(mark):
            raise UserError(
                f"{path} is packed with {name}, expected a tar archive, plain or with gzip\n"
                f"  unpack it with {program} and give the folder, or pack that folder again: tar -czf NEW.tar.gz FOLDER"
            )


def _member(stream, entry: tarfile.TarInfo, size: int, more: dict[str, str]) -> Iterator[Member]:
    """One member; its content is passed over as far as it is not read."""
    name, left = more.get("path", entry.name), _padded(size)

    def read() -> bytes:
        nonlocal left
        left = 0
        return _read(stream, _padded(size))[:size]

    if entry.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in more):
        raise tarfile.HeaderError(f"{name} is packed as a sparse file: pack it without --sparse")
    if entry.type in _LINKS:
        yield Member(name, link=_link(_normal(name), more.get("linkpath", entry.linkname), entry.type))
    else:
        yield Member(name, size, read if entry.isreg() else None)
    while left:
        left -= len(_read(stream, min(left, _READ_AHEAD)))


def _link(name: str, target: str, kind: bytes) -> str:
    """Target of a link: a symbolic one counts from the link's folder, a hard one from the archive's root."""
    if kind == tarfile.LNKTYPE:
        return _normal(target)
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _size(member: tarfile.TarInfo, more: dict[str, str]) -> int:
    """Size of a member's content in bytes, in the archive."""
    size = int(more.get("size", member.size))
    if size < 0:
        raise tarfile.HeaderError(f"a member of {size:,} bytes")
    return 0 if member.type in _WITHOUT_CONTENT else size


def _check_end(stream: io.BufferedReader) -> None:
    """Read what follows the archive's end: zeros, and, last of all, the checksum of a gzip file."""
    while rest := stream.read(_READ_AHEAD):
        if rest.count(0) != len(rest):
            raise tarfile.HeaderError("an empty header is followed by more")


def _read(stream: io.BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("it ends inside a file")
    return data


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _extended(kind: bytes, content: bytes) -> dict[str, str]:
    """What a long name, or the records of a pax header (`length key=value` and a newline), say of the next member."""
    if kind in _LONG:
        return {_LONG[kind]: content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    records = {}
    while content.strip(b"\0"):
        length = int(content.split(b" ", 1)[0])
        if not 5 <= length <= len(content):
            raise tarfile.HeaderError("a pax header with a record of a wrong length")
        key, value = content[:length].split(b" ", 1)[1].split(b"=", 1)
        records[key.decode("utf-8", "surrogateescape")] = value[:-1].decode("utf-8", "surrogateescape")
        content = content[length:]
    return records
