"""Target grid of a new scan: the voxels that its maps are super-resolved to, and the operators between the two grids.

Along each in-plane axis the target has the same field of view as the acquired matrix, and a number of voxels for which
they are closest to the size that the networks have learned. So the acquired k-space is the middle of the target's. Both
grids have their values at the centres of their own voxels: a cosine kernel moves them without interpolation.
Slices stay as they were acquired.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan import grid


@dataclass(frozen=True)
class Axis:
    """One in-plane axis: `acquired` voxels of one field of view, `target` voxels of the same, in a frame of `frame`.

    offset: voxel of the frame where the target begins.
    """

    acquired: int
    target: int
    frame: int

    @property
    def offset(self) -> int:
        return (self.frame - self.target) // 2

    @property
    def highest(self) -> int:
        """Highest frequency k, in cycles per field of view, that both grids have with its conjugate.

        The window abs(k) <= highest is that of protocol 'clean': of an even number n, k = -n/2 lacks its conjugate.
        """
        return (min(self.acquired, self.target) - 1) // 2

    @property
    def factor(self) -> float:
        """Upscaling factor along this axis: the target's voxels over the width of the window and its missing line."""
        return self.target / (2 * (self.highest + 1))

    def to_target(self) -> np.ndarray:
        """Zero-filling, float64 [frame, acquired]: band-limited values at the target's centres, zero outside."""
        matrix = np.zeros((self.frame, self.acquired))
        matrix[self.inside] = self._kernel(_centres(self.target), _centres(self.acquired)) / self.acquired
        return matrix

    def to_acquired(self) -> np.ndarray:
        """Measurement, float64 [acquired, frame]: what a scan of this matrix shows of a map on the target grid."""
        matrix = np.zeros((self.acquired, self.frame))
        matrix[:, self.inside] = self._kernel(_centres(self.acquired), _centres(self.target)) / self.target
        return matrix

    def projector(self) -> np.ndarray:
        """Truncation, float64 [frame, frame]: the part of a map on the target grid that the scan measures."""
        matrix = np.zeros((self.frame, self.frame))
        matrix[self.inside, self.inside] = self._kernel(_centres(self.target), _centres(self.target)) / self.target
        return matrix

    @property
    def inside(self) -> slice:
        """Voxels of the frame that are the target's."""
        return slice(self.offset, self.offset + self.target)

    def _kernel(self, to: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Sum of the window's frequencies between two sets of positions in fields of view: [to, of]."""
        k = np.arange(-self.highest, self.highest + 1)
        return np.cos(2 * np.pi * (to[:, None] - of[None, :])[..., None] * k).sum(-1)


def _centres(number: int) -> np.ndarray:
    """Centres of the voxels of a grid, in fields of view."""
    return (np.arange(number) + 0.5) / number


@dataclass(frozen=True)
class TargetGrid:
    """Target grid of a scan, centred in the networks' frame.

    x, y: in-plane axes. slices: number of slices. acquired_affine: of the acquired voxels, voxel to mm, [4, 4].
    """

    x: Axis
    y: Axis
    slices: int
    acquired_affine: np.ndarray

    @classmethod
    def of(cls, shape: Sequence[int], affine: np.ndarray, voxel_mm: float, frame: int) -> "TargetGrid":
        """The target of a scan's matrix (X, Y, Z), for voxels of about voxel_mm, the networks' in-plane size.

        A field of view that has more such voxels than the frame gets the frame's number of larger ones.
        Raises UserError for a matrix without room for a single frequency.
        """
        if min(shape[:2]) < 3:
            raise UserError(
                f"the scan's matrix is {shape[0]}x{shape[1]} in its axial plane\n  expected at least 3x3 voxels:"
                " networks learned axial slices, in which this scan has no detail"
            )
        edges = grid.voxel_mm(affine)
        numbers = [
            min(frame, max(1, round(size * edge / voxel_mm))) for size, edge in zip(shape[:2], edges, strict=False)
        ]
        x, y = (Axis(size, number, frame) for size, number in zip(shape[:2], numbers, strict=True))
        return cls(x, y, shape[2], affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the target grid (X, Y, Z), without the frame around it."""
        return self.x.target, self.y.target, self.slices

    @property
    def affine(self) -> np.ndarray:
        """Affine of the target grid: voxel to mm, [4, 4]."""
        result = self.acquired_affine.copy()
        for column, axis in enumerate((self.x, self.y)):
            ratio = axis.acquired / axis.target
            result[:3, column] = self.acquired_affine[:3, column] * ratio
            result[:3, 3] += self.acquired_affine[:3, column] * (ratio - 1) / 2  # edges agree, centres do not
        return result

    @property
    def framed_affine(self) -> np.ndarray:
        """Affine of the frame around the target grid: voxel to mm, [4, 4]."""
        return grid.translated(self.affine, [-self.x.offset, -self.y.offset, 0])

    @property
    def factor(self) -> float:
        """Upscaling factor: the geometric mean of both axes'."""
        return math.sqrt(self.x.factor * self.y.factor)

    @property
    def size(self) -> float:
        """Low-resolution size that networks are conditioned on: that of an equal factor in the whole frame."""
        return self.x.frame / self.factor

    @property
    def voxel_mm(self) -> np.ndarray:
        """Edges of a target voxel in mm, [3]."""
        return grid.voxel_mm(self.affine)

    @property
    def is_finer(self) -> bool:
        """Whether the acquired voxels are as fine as the target's, or finer: nothing is left to super-resolve."""
        return self.x.acquired >= self.x.target and self.y.acquired >= self.y.target

    def crop(self, framed: np.ndarray) -> np.ndarray:
        """The target grid's part of arrays in the frame, [..., frame, frame] -> [..., X, Y]."""
        return framed[..., self.x.inside, self.y.inside]

    def frame(self, cropped: np.ndarray) -> np.ndarray:
        """Arrays on the target grid [..., X, Y] in the frame [..., frame, frame], zero around them."""
        room = [(axis.offset, axis.frame - axis.target - axis.offset) for axis in (self.x, self.y)]
        return np.pad(cropped, [(0, 0)] * (cropped.ndim - 2) + room)

    def refined(self, acquired: np.ndarray) -> np.ndarray:
        """The acquired voxel that each target voxel's centre lies in: [..., x, y] of arrays -> [..., X, Y]."""
        x, y = ((np.arange(axis.target) * 2 + 1) * axis.acquired // (2 * axis.target) for axis in (self.x, self.y))
        return acquired[..., x[:, None], y[None, :]]
