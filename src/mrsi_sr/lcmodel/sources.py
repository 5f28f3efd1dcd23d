"""Search for a scan's LCModel files: in a folder and its subfolders, in tar archives, or both."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.lcmodel.archives import is_archive, without_ending
from mrsi_sr.lcmodel.folders import listing
from mrsi_sr.lcmodel.names import VoxelNames
from mrsi_sr.results.reading import check_is_content, check_is_file

KINDS = (".table", ".coord")  # .coord is read where a voxel has no usable .table
MAX_BYTES = {".table": 1 << 20, ".coord": 1 << 24}  # real ones: 20 kB; 120 kB, a few MB with long spectra
NAMES_SHOWN = 6
# Parts of the matrix that a scan's files fill at least: along x and y, and of all voxels.
MIN_PART_IN_PLANE, MIN_PART = 0.5, 0.125
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
        kind = kind_of(path)
        voxel = self.names.voxel(path) if kind in KINDS else None
        if voxel is None and kind in KINDS:  # patterns end in small letters, names from Windows in capitals
            voxel = self.names.voxel(path[:-6] + kind)
        if voxel is None:
            self.count_unmatched += 1
            if len(self.unmatched) < NAMES_SHOWN:
                self.unmatched.append(path)
            return None
        first = self.paths[kind].setdefault(voxel, path)
        if os.path.normpath(first) != os.path.normpath(path):  # an archive may have a file again
            raise UserError(
                f"two {kind} files for one voxel:\n    {first}\n    {path}\n"
                f"  both belong to this voxel by the pattern {self.names.pattern!r}: "
                "give the folder of one run, or a pattern that matches one of them only"
            )
        return voxel, kind

    def check_extent(self) -> None:
        """Warn where the files fill a small part of the matrix: it may be that of another image."""
        voxels = np.unravel_index([voxel for paths in self.paths.values() for voxel in paths], self.names.matrix)
        first, last = np.array([(axis.min(), axis.max()) for axis in voxels]).T
        parts = (last - first + 1) / self.names.matrix
        if parts[:2].min() < MIN_PART_IN_PLANE or parts.prod() < MIN_PART:
            extent = ", ".join(f"{name} {a + 1} to {b + 1}" for name, a, b in zip("xyz", first, last, strict=True))
            log.warning(
                "the files are of voxels %s only, of a matrix of %s: is it this scan's (the reference image)?",
                extent, " x ".join(map(str, self.names.matrix)),
            )  # fmt: skip

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
    """Plain files and archives of a scan, in the order of `folders.listing`.

    Skipped is an archive next to a folder of the same name, which has the same content.
    Raises UserError for a path that does not exist or is a file other than an archive.
    """
    path = Path(path)
    if path.is_file() and is_archive(path):
        return [], [str(path)]
    if not path.is_dir():
        what = "is not a folder nor a .tar, .tar.gz or .tgz archive" if path.exists() else "does not exist"
        what = "is a broken link" if path.is_symlink() and not path.exists() else what
        raise UserError(f"{path} {what}\n  --lcmodel names a scan's folder of LCModel tables, or an archive of it")
    files, archives = [], []
    for file in listing(str(path)):
        (archives if is_archive(file) else files).append(file)
    return files, [archive for archive in archives if not Path(without_ending(archive)).is_dir()]


def hidden(member: str) -> bool:
    """Whether an archive's member is a hidden file (`._NAME`), or lies in a hidden folder."""
    return any(part.startswith(".") for part in member.split("/") if part not in (".", ".."))


def read(path: str) -> bytes:
    """Content of an LCModel file, without the spectra of a long `.coord`. Raises UserError where it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would be waited for
        try:
            place = os.fstat(file)
            if not stat.S_ISREG(place.st_mode):
                check_is_file(path, "an LCModel table")
            check_size(path, place.st_size)
            data = os.read(file, _HEAD_BYTES)
            check_is_content(path, data)
            if len(data) < _HEAD_BYTES:
                return data
            return data + os.pread(file, _TAIL_BYTES, max(_HEAD_BYTES, place.st_size - _TAIL_BYTES))
        finally:
            os.close(file)
    except OSError as error:
        check_is_file(path, "an LCModel table")  # a broken link is called one
        raise UserError(f"cannot read {path}: {error.strerror}\n  check its permissions and the disk") from None


def check_size(path: str, size: int) -> None:
    """Raise UserError for a size in bytes that no file of LCModel has."""
    most = MAX_BYTES[kind_of(path)]
    if size > most:
        raise UserError(
            f"{path} has {size:,} bytes\n"
            f"  expected an LCModel file of at most {most:,}: it is something else under a voxel's name"
        )


def kind_of(path: str) -> str:
    """Ending of an LCModel file in lower case, one of KINDS; of other files their last six letters."""
    return path[-6:].lower()
