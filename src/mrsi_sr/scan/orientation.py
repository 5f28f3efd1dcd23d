"""Orientation of a scan's maps: mutual information with the T1 as configured, mirrored, reversed and shifted.

A map that is mirrored, or shifted by a voxel, fits its T1 worse: the mean over the voxels of

    log p(m, t) / (p(m) p(t))

is smaller, where m is the class of a map's value (quantiles; one more for voxels that are not well fitted) and t that
of the T1's mean in the voxel (quantiles; one more for air), and p are frequencies over the scan's voxels near the
brain. The mean is taken over several maps as well. The margin of one place over another is the sum of the differences
in cubes of the T1's space over its standard error, as if cubes were independent. It is no probability: WINS_CLEARLY
comes from phantoms (docs/check.md). Left and right are the hard ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

AXES = "xyz"
MIRRORS = ["".join(axes) for number in range(4) for axes in combinations(AXES, number)]  # "", "x", .. "xyz"
WINS_CLEARLY = 4.0  # standard errors by which another place of the map is better, to be proposed
REACH = (3, 3, 1)  # largest shift along x, y, z that is tried, in voxels
NEAR_MM = 10.0  # distance from the T1's foreground, in plane, up to which voxels count
CUBE_MM = 14.0  # edge of the cubes whose differences are taken as independent
MOST_CLASSES = {"map": 8, "t1": 12}
VOXELS_PER_CLASS = 100  # of a pair of classes, on average: with fewer, a joint histogram is mostly chance
LEAST_VOXELS = 50  # well fitted, below which nothing is compared


@dataclass(frozen=True)
class Place:
    """A place of the maps in space: index axes that are mirrored within the matrix, then a shift in voxels.

    information: mean mutual information with the T1, nats per voxel and map. by_cube: its parts in cubes of space.
    """

    mirrored: str
    shift: tuple[int, int, int]
    information: float = field(compare=False)
    by_cube: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class Orientation:
    """Places of a scan's maps compared with their T1.

    unmoved: as configured. places: the best shift of each mirroring, by its axes ("" for none).
    """

    unmoved: Place
    places: dict[str, Place]

    def margin(self, mirrored: str) -> float:
        """Standard errors by which a mirroring is better than none, each at its best shift; below zero: worse."""
        return margin(self.places[mirrored], self.places[""])

    @property
    def best(self) -> Place:
        """The place that wins clearly, or else the unmoved one."""
        rivals = [place for mirrored, place in self.places.items() if mirrored]
        best = max(rivals, key=lambda place: place.information, default=self.places[""])
        if not best.mirrored or self.margin(best.mirrored) < WINS_CLEARLY:
            best = self.places[""]
        unshifted = self.unmoved if not best.mirrored else None
        if unshifted and margin(best, unshifted) < WINS_CLEARLY:
            return unshifted
        return best

    @property
    def sides_told(self) -> bool:
        """Whether left and right are told: the best place is clearly better than that mirrored along x as well."""
        other = "".join(axis for axis in AXES if (axis in self.best.mirrored) != (axis == "x"))
        return margin(self.best, self.places[other]) >= WINS_CLEARLY


def orientation(maps: Sequence[np.ndarray], t1: np.ndarray, edges_mm: Sequence[float]) -> Orientation | None:
    """Places of a scan's maps compared with their T1; None where too few voxels are well fitted or show brain.

    maps: float [X, Y, Z] each, NaN where not well fitted. t1: mean T1 in each voxel, float [X, Y, Z], zero in air.
    edges_mm: edges of a voxel. Axes are those closest to x, y and z; a mirroring along z needs two fitted slices.
    """
    comparison = _Comparison(maps, t1, edges_mm)
    if min(comparison.fitted, np.count_nonzero(t1 > 0)) < LEAST_VOXELS:
        return None
    unmoved = comparison.place("", (0, 0, 0))
    mirrors = [mirrored for mirrored in MIRRORS if comparison.slices > 1 or "z" not in mirrored]
    return Orientation(unmoved, {mirrored: comparison.best_shift(mirrored) for mirrored in mirrors})


def margin(place: Place, other: Place) -> float:
    """Standard errors by which a place is better than another; below zero: worse."""
    by_cube = place.by_cube - other.by_cube
    by_cube = by_cube[(place.by_cube != 0) | (other.by_cube != 0)]
    if by_cube.size < 2 or not by_cube.any():
        return 0.0
    return float(by_cube.sum() / (by_cube.std(ddof=1) * np.sqrt(by_cube.size)))


def mirrored_array(volume: np.ndarray, axes: str) -> np.ndarray:
    """A volume [X, Y, Z] whose index runs backwards along some of the axes x, y and z."""
    return np.flip(volume, [AXES.index(axis) for axis in axes])


def shifted_array(volume: np.ndarray, shift: Sequence[int]) -> np.ndarray:
    """A volume [X, Y, Z] moved by whole voxels, zero where nothing moves in."""
    result = np.zeros_like(volume)
    target = tuple(slice(max(0, step), size + min(0, step)) for step, size in zip(shift, volume.shape, strict=True))
    source = tuple(slice(max(0, -step), size - max(0, step)) for step, size in zip(shift, volume.shape, strict=True))
    result[target] = volume[source]
    return result


class _Comparison:
    """Classes of a scan's voxels, and the mutual information at any place, each computed once."""

    def __init__(self, maps: Sequence[np.ndarray], t1: np.ndarray, edges_mm: Sequence[float]):
        anywhere = np.any([np.isfinite(values) for values in maps], axis=0)
        self.fitted = int(np.count_nonzero(anywhere))
        self.slices = int(anywhere.any(axis=(0, 1)).sum())
        most = int(np.sqrt(self.fitted / VOXELS_PER_CLASS))
        numbers = {kind: int(np.clip(most, 3, number)) for kind, number in MOST_CLASSES.items()}
        self._maps = [_classes(values, np.isfinite(values), numbers["map"]) for values in maps]
        self._t1 = _classes(t1, t1 > 0, numbers["t1"])
        self._numbers = numbers
        self._near = _near(t1 > 0, edges_mm)
        self._cubes, self._count = _cubes(t1.shape, edges_mm)
        self._places: dict[tuple, Place] = {}

    def place(self, mirrored: str, shift: tuple[int, int, int]) -> Place:
        if (mirrored, shift) not in self._places:
            self._places[mirrored, shift] = self._compared(mirrored, shift)
        return self._places[mirrored, shift]

    def best_shift(self, mirrored: str) -> Place:
        """The place with the most information that steps of one voxel lead to, from no shift on."""
        best = self.place(mirrored, (0, 0, 0))
        while True:
            around = [self.place(mirrored, shift) for shift in self._around(best.shift)]
            better = max(around, key=lambda place: place.information)
            if better.information <= best.information:
                return best
            best = better

    def _around(self, shift: tuple[int, int, int]) -> list[tuple[int, int, int]]:
        reach = REACH if self.slices > 1 else (*REACH[:2], 0)
        steps = [tuple(sign * (axis == number) for number in range(3)) for axis in range(3) for sign in (-1, 1)]
        moved = [tuple(a + b for a, b in zip(shift, step, strict=True)) for step in steps]
        return [each for each in moved if all(abs(a) <= most for a, most in zip(each, reach, strict=True))]

    def _compared(self, mirrored: str, shift: tuple[int, int, int]) -> Place:
        moved = [shifted_array(mirrored_array(classes, mirrored), shift) for classes in self._maps]
        slices = np.any([(classes > 0).any(axis=(0, 1)) for classes in moved], axis=0)
        here = self._near & slices
        t1, cubes = self._t1[here], self._cubes[here]
        pointwise = sum(self._pointwise(classes[here], t1) for classes in moved) / len(moved)
        by_cube = np.bincount(cubes, pointwise, self._count) / max(1, t1.size)
        return Place(mirrored, shift, float(by_cube.sum()), by_cube)

    def _pointwise(self, map_classes: np.ndarray, t1_classes: np.ndarray) -> np.ndarray:
        """log p(m, t) / (p(m) p(t)) of each voxel, [N]; the mean over them is the mutual information in nats."""
        size = self._numbers["t1"] + 1
        pairs = map_classes * size + t1_classes
        joint = np.bincount(pairs, minlength=(self._numbers["map"] + 1) * size).reshape(-1, size)
        with np.errstate(divide="ignore", invalid="ignore"):
            table = np.log(joint * pairs.size / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)))
        return table.ravel()[pairs]


def _classes(values: np.ndarray, valid: np.ndarray, number: int) -> np.ndarray:
    """Classes of values, int [X, Y, Z]: 1 to `number` by quantiles of the valid ones, 0 of the others."""
    result = np.zeros(values.shape, int)
    if valid.any():
        edges = np.quantile(values[valid], np.arange(1, number) / number)
        result[valid] = 1 + np.searchsorted(edges, values[valid])
    return result


def _near(foreground: np.ndarray, edges_mm: Sequence[float]) -> np.ndarray:
    """Voxels within NEAR_MM of the foreground in their slice, bool [X, Y, Z]; all where there is no other."""
    from scipy.ndimage import distance_transform_edt

    if foreground.all():
        return foreground
    far = [distance_transform_edt(~foreground[:, :, k], sampling=edges_mm[:2]) for k in range(foreground.shape[2])]
    filled = foreground.any(axis=(0, 1))
    return (np.stack(far, axis=2) <= max(NEAR_MM, *edges_mm[:2])) & filled


def _cubes(shape: Sequence[int], edges_mm: Sequence[float]) -> tuple[np.ndarray, int]:
    """Number of each voxel's cube, int [X, Y, Z], and the number of cubes."""
    voxels = [max(1, round(CUBE_MM / edge)) for edge in edges_mm]
    places = [np.arange(size) // step for size, step in zip(shape, voxels, strict=True)]
    counts = [place[-1] + 1 for place in places]
    numbers = np.arange(np.prod(counts)).reshape(counts)
    return numbers[np.ix_(*places)], int(np.prod(counts))
