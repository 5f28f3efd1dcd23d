"""Naming conventions of LCModel files: the voxel that a file belongs to."""

import re
from dataclasses import dataclass

from mrsi_sr.cli import UserError

PRESETS = {
    # LCModel's own multi-voxel mode: sl1_3-5.table is slice 1, row 3, column 5
    "multivoxel": r"(?:^|[^A-Za-z])sl(?P<slice>\d+)_(?P<row>\d+)-(?P<col>\d+)\.(?:table|coord)$",
    # the Vienna pipeline: ID_x01_y02_z03.table, or with capitals
    "vienna": r"(?:^|_)[xX](?P<x>\d+)_[yY](?P<y>\d+)_[zZ](?P<z>\d+)\.(?:table|coord)$",
}
AXES = (("x", "col"), ("y", "row"), ("z", "slice"))
FLIPS = ("x", "y", "xy")


@dataclass(frozen=True)
class VoxelNames:
    """A naming convention: file name -> voxel (x, y, z) of the scan's matrix, counted from 0."""

    pattern: str  # as the user gave it, for error texts
    expression: re.Pattern
    groups: tuple[str, str, str]
    flip: str
    matrix: tuple[int, int, int]

    def voxel(self, path: str) -> int | None:
        """Flat index (C order) of a file's voxel in the matrix, or None where the name does not match.

        A pattern with a slash is searched in the whole path below the scan's folder, any other in the file's name.
        Raises UserError for indices that are not numbers or lie outside the matrix.
        """
        found = self.expression.search(path if "/" in self.expression.pattern else path.rsplit("/", 1)[-1])
        if not found:
            return None
        try:
            x, y, z = (int(found[group]) - 1 for group in self.groups)
        except (TypeError, ValueError):
            raise UserError(
                f"the pattern {self.pattern!r} finds no number for one of {', '.join(self.groups)} in {path}\n"
                "  its named groups must match digits only: (?P<x>\\d+)"
            ) from None
        nx, ny, nz = self.matrix
        if not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):
            raise UserError(
                f"a voxel outside the matrix: {path}\n"
                f"  its name gives x={x + 1}, y={y + 1}, z={z + 1} (counted from 1); "
                f"the matrix is {nx} x {ny} x {nz}\n"
                "  is the reference image this scan's, and does the pattern read column as x and row as y? "
                f"(pattern {self.pattern!r})"
            )
        x = nx - 1 - x if "x" in self.flip else x
        y = ny - 1 - y if "y" in self.flip else y
        return (x * ny + y) * nz + z


def voxel_names(pattern: str, matrix: tuple[int, int, int], flip: str = "") -> VoxelNames:
    """Naming convention of a preset, or of a regular expression with the groups x or col, y or row, z or slice.

    flip: axes whose index is mirrored within the matrix: '', 'x', 'y' or 'xy'.
    Raises UserError for an invalid pattern, a missing group, and any other flip.
    """
    if flip and flip not in FLIPS:
        raise UserError(
            f"flip {flip!r} is not one of {', '.join(FLIPS)}\n  leave it empty to keep the indices of the file names"
        )
    text = PRESETS.get(pattern, pattern)
    try:
        expression = re.compile(text)
    except re.error as error:
        raise UserError(
            f"the pattern {pattern!r} is neither {' nor '.join(PRESETS)}, nor a regular expression: {error}"
        ) from None
    groups = [next((name for name in names if name in expression.groupindex), None) for names in AXES]
    lacking = [" or ".join(names) for names, group in zip(AXES, groups, strict=True) if group is None]
    if lacking:
        raise UserError(
            f"the pattern {pattern!r} is neither {' nor '.join(PRESETS)}, "
            f"and as a regular expression lacks the named group {', and '.join(lacking)}\n"
            r"  for example: _x(?P<x>\d+)_y(?P<y>\d+)_z(?P<z>\d+)\.(table|coord)$"
        )
    return VoxelNames(pattern, expression, tuple(groups), flip, tuple(int(size) for size in matrix))
