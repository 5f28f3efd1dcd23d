"""Rigid registration of two images by mutual information: from many starts, on grids from coarse to fine (SimpleITK).

The result is a transform. An image that it moves keeps its values and gets another affine: nothing is interpolated.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.scan.image import Image, coarser, of_itk, one_thread

FINEST_MM = 2.0  # finest grid: detail below it decides no rigid transform of a brain, and costs eight times the voxels
COARSENING = (4, 2, 1)  # edges of the levels' grids, as multiples of the finest's
COARSEST_MM = 12.0  # unless the finest is coarser: a brain of some hundred voxels has no shape
FOLLOWED = (4, 2, 1)  # most promising starts that are followed at each level
TURN_DEGREES, SHIFT_MM = 8.0, 10.0  # of the starts, about and along each axis
BINS = (8, 32)  # smallest and largest number of histogram bins of an image
LEAST_VOXELS, MOST_VOXELS = 50, 15_000  # of the region: fewer fill no histogram, more tell nothing new
LEAST_SLICES = 4  # of the moving image along any axis, for the derivatives of SimpleITK's metric
SEED = 1  # of the choice of voxels where there are more
RADIUS_MM = 70.0  # a rotation by one radian moves the surface of a brain so far: the scale of the optimiser's angles
STEP_TOLERANCE, VALUE_TOLERANCE, ITERATIONS = 0.01, 1e-5, 100  # of Powell's method; steps as parts of a grid's edge
UNUSUAL_DEGREES = 25.0  # a head is hardly turned by more between two images of one session
UNUSUAL_MM = 50.0  # nor moved by more, unless a header is wrong
UNMOVED = (0.0,) * 6  # three angles in radians, three translations in mm
Parameters = tuple[float, ...]


@dataclass(frozen=True)
class Registration:
    """A rigid transform between two images, and how it was found.

    matrix: [4, 4], the moving image's mm to the fixed image's. degrees, shift_mm: its rotation, and how far it moves
    the centre of the region. before, after: mutual information in nats where the headers put the images, and where
    they come to lie. agree: number of the starts followed that ended within a voxel of the best, and of all followed.
    The last three are None where another program found the transform.
    """

    matrix: np.ndarray
    degrees: float
    shift_mm: float
    before: float | None
    after: float | None
    agree: tuple[int, int] | None


def rigid(fixed: Image, moving: Image, region: np.ndarray | None = None, what: str = "the images") -> Registration:
    """Transform that maximises the mutual information of two images (Mattes et al. 2003), by Powell's method.

    region: bool, on the fixed image's grid, the voxels that count; None: all. what: the images' names, for messages.
    Starts are where the headers put the images and where their centres of mass agree, turned and shifted. Equal images
    give equal bits. Raises UserError where the images do not overlap or the region has too few voxels.
    """
    region = np.ones(fixed.values.shape, bool) if region is None else region
    if np.count_nonzero(region) < LEAST_VOXELS:
        raise UserError(f"{what} cannot be registered: fewer than {LEAST_VOXELS} voxels of the fixed image count")
    with one_thread():
        levels = _levels(fixed, moving, region)
        candidates = sorted(_starts(levels[-1]), key=levels[0].value)
        agree = (0, 0)
        for level, number in zip(levels, FOLLOWED, strict=True):
            found = sorted(level.optimised(each) for each in dict.fromkeys(candidates[:number]))
            if level is levels[0]:
                near = [level.apart_mm(each, found[0][1]) < level.edge_mm for _, each in found]
                agree = (sum(near), len(near))
            candidates = [each for _, each in found]
        value, best = found[0]
        if not np.isfinite(value):
            raise UserError(f"{what} cannot be registered: {_why_not(levels[-1])}")
        result = _registration(levels[-1], best, value, agree)
    if result.degrees > UNUSUAL_DEGREES:
        log.warning("%s: registered with a rotation of %.0f degrees, look at the picture", what, result.degrees)
    if result.shift_mm > UNUSUAL_MM:
        log.warning("%s: registered with a shift of %.0f mm, look at the picture", what, result.shift_mm)
    if agree[0] == 1 < agree[1]:
        log.warning("%s: the registration ended elsewhere from each start, look at the picture", what)
    return result


def _why_not(finest: "_Level") -> str:
    """Why no start led anywhere, in words."""
    slices = min(finest.moving.values.shape)
    if slices < LEAST_SLICES:
        return (
            f"the image to be moved has {slices} slices, at least {LEAST_SLICES} are needed\n  give one of the"
            " whole head, or register it yourself and give prepared images"
        )
    return "they do not overlap\n  do they show one head?"


def given(matrix: np.ndarray, fixed: Image) -> Registration:
    """A transform [4, 4] that comes from elsewhere; fixed: the image that it leads to."""
    middle = np.array([*(np.array(fixed.values.shape) - 1) / 2, 1.0])
    end = fixed.affine @ middle
    shift = np.linalg.norm((end - np.linalg.inv(matrix) @ end)[:3])
    return Registration(matrix, _degrees(matrix), float(shift), None, None, None)


def _degrees(matrix: np.ndarray) -> float:
    """Angle of the rotation of a rigid transform [4, 4]."""
    return float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))


def _registration(level: "_Level", best: Parameters, value: float, agree: tuple[int, int]) -> Registration:
    matrix, before = np.linalg.inv(level.matrix(best)), level.value(UNMOVED)
    return Registration(
        matrix=matrix,
        degrees=_degrees(matrix),
        shift_mm=float(np.linalg.norm(best[3:])),
        before=-before if np.isfinite(before) else 0.0,
        after=-value,
        agree=agree,
    )


@dataclass(frozen=True)
class _Level:
    """Two images and a region on grids of one fineness. centre: of rotations, in mm."""

    fixed: Image
    region: np.ndarray
    moving: Image
    centre: np.ndarray
    edge_mm: float

    def value(self, parameters: Parameters) -> float:
        """Negative mutual information in nats; infinite where the images do not overlap."""
        method = self._method()
        method.SetInitialTransform(self._transform(parameters))
        try:
            return method.MetricEvaluate(*self._images)
        except RuntimeError:
            return np.inf

    def optimised(self, start: Parameters) -> tuple[float, Parameters]:
        """Value and parameters of the maximum of mutual information near a start."""
        method, transform = self._method(), self._transform(start)
        tolerance = STEP_TOLERANCE * self.edge_mm
        method.SetOptimizerAsPowell(ITERATIONS, ITERATIONS, self.edge_mm / 2, tolerance, VALUE_TOLERANCE)
        method.SetOptimizerScales([RADIUS_MM] * 3 + [1.0] * 3)
        method.SetInitialTransform(transform, inPlace=True)
        try:
            method.Execute(*self._images)
        except RuntimeError:  # the images do not overlap at the start, or on the way
            return np.inf, start
        end = tuple(transform.GetParameters())
        return self.value(end), end

    def matrix(self, parameters: Parameters) -> np.ndarray:
        """Transform [4, 4] from the fixed image's mm to the moving image's."""
        rotation = np.reshape(self._transform(parameters).GetMatrix(), (3, 3))
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = self.centre + parameters[3:] - rotation @ self.centre
        return matrix

    def apart_mm(self, one: Parameters, other: Parameters) -> float:
        """Largest distance between the places where two transforms put a point of the brain's surface."""
        surface = self.centre + RADIUS_MM * np.array([*np.eye(3), *-np.eye(3)])
        between = self.matrix(one) - self.matrix(other)
        return float(np.linalg.norm(surface @ between[:3, :3].T + between[:3, 3], axis=1).max())

    @cached_property
    def _images(self) -> tuple:
        return of_itk(self.fixed), of_itk(self.moving)

    @cached_property
    def _mask(self):
        import SimpleITK as sitk

        return sitk.Cast(of_itk(Image(self.region, self.fixed.affine)), sitk.sitkUInt8)

    def _method(self):
        import SimpleITK as sitk

        method = sitk.ImageRegistrationMethod()
        # The number of voxels decides how many bins of a joint histogram are filled.
        bins = np.clip(round(np.count_nonzero(self.region) ** (1 / 3)), *BINS)
        method.SetMetricAsMattesMutualInformation(int(bins))
        part = MOST_VOXELS / self.region.size
        method.SetMetricSamplingStrategy(method.RANDOM if part < 1 else method.NONE)
        method.SetMetricSamplingPercentage(min(part, 1.0), SEED)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMetricFixedMask(self._mask)
        return method

    def _transform(self, parameters: Parameters):
        import SimpleITK as sitk

        transform = sitk.Euler3DTransform()
        transform.SetCenter(self.centre.tolist())
        transform.SetParameters(parameters)
        return transform


def _levels(fixed: Image, moving: Image, region: np.ndarray) -> list[_Level]:
    """The images from coarse to fine; each grid is made of the finer one."""
    finest = max(FINEST_MM, float(np.linalg.norm(fixed.affine[:3, :3], axis=0).min()))
    centre = fixed.affine[:3, :3] @ np.argwhere(region).mean(axis=0) + fixed.affine[:3, 3]
    inside, levels = Image(region.astype(np.float32), fixed.affine), []
    for factor in reversed(COARSENING):
        edge = max(finest, min(factor * finest, COARSEST_MM))
        fixed, moving, inside = (coarser(each, edge) for each in (fixed, moving, inside))
        counts = inside.values > 0.5
        counts = counts if np.count_nonzero(counts) >= LEAST_VOXELS else np.ones_like(counts)
        levels.append(_Level(*_cropped(fixed, counts), moving, centre, edge))
    return levels[::-1]


def _cropped(image: Image, region: np.ndarray) -> tuple[Image, np.ndarray]:
    """An image and a region in the smallest box around the region: what lies outside only costs time."""
    kept = [np.flatnonzero(np.moveaxis(region, axis, 0).any(axis=(1, 2))) for axis in range(3)]
    box = tuple(slice(along[0], along[-1] + 1) for along in kept)
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [along[0] for along in kept]
    return Image(image.values[box], affine), region[box]


def _starts(level: _Level) -> Iterator[Parameters]:
    """Where the headers put the images and where their centres of mass agree, each turned and shifted."""
    between = _centre_of_mass(level.moving) - level.centre
    turns = TURN_DEGREES / 180 * np.pi * np.array([*np.eye(3), *-np.eye(3)])
    shifts = SHIFT_MM * np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    for base in (np.zeros(3), between):
        yield from ((0.0, 0.0, 0.0, *map(float, base + shift)) for shift in shifts)
        yield from ((*map(float, turn), *map(float, base)) for turn in turns)


def _centre_of_mass(image: Image) -> np.ndarray:
    """Centre of an image's values in mm, [3]."""
    weights = np.clip(image.values, 0, None)
    total = max(float(weights.sum()), np.finfo(float).tiny)
    voxel = [(np.moveaxis(weights, axis, 0).sum(axis=(1, 2)) @ np.arange(size)) / total
             for axis, size in enumerate(weights.shape)]  # fmt: skip
    return image.affine[:3, :3] @ voxel + image.affine[:3, 3]
