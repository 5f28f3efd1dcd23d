"""Listing of a scan's folder, the same for tables and for maps."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mrsi_sr.cli import UserError, log


def listing(folder: str) -> Iterator[str]:
    """Paths of the files below a folder: sorted, those of a folder before those of its subfolders.

    Skipped are hidden files and folders (macOS writes `._NAME`). Links to folders are followed, each folder is listed
    once, so that a link to a folder above ends. A broken link is listed as a file, and logged.
    Raises UserError where a folder cannot be listed.
    """
    broken: list[str] = []
    try:
        yield from _below(folder, set(), broken)
    except OSError as error:
        raise UserError(f"cannot list {error.filename}: {error.strerror}\n  check its permissions") from None
    if broken:
        log.warning("links that are broken in %s: %s, such as %s", folder, f"{len(broken):,}", broken[0])


def _below(folder: str, seen: set[tuple[int, int]], broken: list[str]) -> Iterator[str]:
    place = Path(folder).stat()
    if (place.st_dev, place.st_ino) in seen:
        return
    seen.add((place.st_dev, place.st_ino))
    with os.scandir(folder) as entries:
        entries = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    folders = []
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry)
        else:
            if entry.is_symlink() and not Path(entry.path).exists():
                broken.append(entry.path)
            yield entry.path
    for below in sorted(folders, key=lambda entry: entry.is_symlink()):  # a folder goes by its own name, if it has one
        yield from _below(below.path, seen, broken)


def _is_folder(entry: os.DirEntry) -> bool:
    with suppress(OSError):  # a link in a circle
        return entry.is_dir()
    return False
