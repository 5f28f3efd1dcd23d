"""Search for a scan's LCModel files: in a folder and its subfolders, in tar archives, or both."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.archives import ENDINGS, is_archive
from mrsi_sr.lcmodel.names import VoxelNames

KINDS = (".table", ".coord")  # .coord is read where a voxel has no usable .table
NAMES_SHOWN = 6
# A .coord file (120 kB) has the concentrations at its start, the diagnostics at its end, and spectra between.
_HEAD_BYTES = 32_768
_TAIL_BYTES = 32_768


@dataclass
class FoundFiles:
    """Files found for a scan: the path of each voxel and kind, and the names that did not match the pattern."""

    names: VoxelNames
    paths: dict[str, dict[int, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    unmatched: list[str] = field(default_factory=list)  # the first few names
    count_unmatched: int = 0

    def add(self, path: str) -> tuple[int, str] | None:
        """Voxel and kind of a file; None where its name does not match. Raises UserError for a voxel's second file."""
        kind = path[-6:]
        voxel = self.names.voxel(path) if kind in KINDS else None
        if voxel is None:
            self.count_unmatched += 1
            if len(self.unmatched) < NAMES_SHOWN:
                self.unmatched.append(path)
            return None
        first = self.paths[kind].setdefault(voxel, path)
        if first is not path:
            raise UserError(
                f"two {kind} files for one voxel:\n    {first}\n    {path}\n"
                f"  both belong to this voxel by the pattern {self.names.pattern!r}: "
                "give the folder of one run, or a pattern that matches one of them only"
            )
        return voxel, kind

    def nothing_found(self, path: str | Path) -> UserError:
        """The error for a scan without any matching file name."""
        shown = ", ".join(self.unmatched) if self.unmatched else "no file at all"
        more = f" and {self.count_unmatched - len(self.unmatched):,} more" if self.count_unmatched > NAMES_SHOWN else ""
        return UserError(
            f"no LCModel file in {path} matches the pattern {self.names.pattern!r}\n  names found: {shown}{more}\n"
            "  use --pattern multivoxel (sl1_3-5.table), vienna (ID_x01_y02_z03.table), "
            "or a regular expression with the groups x, y and z, for files that end in .table or .coord"
        )


def find(path: str | Path) -> tuple[list[str], list[str]]:
    """Plain files and archives of a scan, sorted.

    Skipped are hidden files (macOS writes `._NAME`), and an archive next to a folder of the same name, which has the
    same content. Raises UserError for a path that does not exist or is a file other than an archive.
    """
    path = Path(path)
    if path.is_file() and is_archive(path):
        return [], [str(path)]
    if not path.is_dir():
        what = "is not a folder nor a .tar, .tar.gz or .tgz archive" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}\n  --lcmodel names a scan's folder of LCModel tables, or an archive of it")
    files, archives = [], []
    try:
        for file in _below(str(path)):
            (archives if is_archive(file) else files).append(file)
    except OSError as error:
        raise UserError(f"cannot list {error.filename}: {error.strerror}\n  check its permissions") from None
    return files, [archive for archive in archives if not Path(_without_ending(archive)).is_dir()]


def _below(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        entries = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    folders = []
    for entry in entries:
        if entry.is_dir():
            folders.append(entry.path)
        else:
            yield entry.path
    for below in folders:
        yield from _below(below)


def _without_ending(archive: str) -> str:
    return next(archive.removesuffix(ending) for ending in ENDINGS if archive.endswith(ending))


def hidden(member: str) -> bool:
    """Whether an archive's member is a hidden file (`._NAME`)."""
    return member.rsplit("/", 1)[-1].startswith(".")


def read(path: str) -> bytes:
    """Content of an LCModel file, without the spectra of a long `.coord`. Raises UserError where it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            data = os.read(file, _HEAD_BYTES)
            if len(data) < _HEAD_BYTES:
                return data
            size = os.fstat(file).st_size
            return data + os.pread(file, _TAIL_BYTES, max(_HEAD_BYTES, size - _TAIL_BYTES))
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}\n  check its permissions and the disk") from None
