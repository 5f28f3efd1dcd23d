"""Lesions that are planted: profile, places in normal tissue, and what lies opposite in the other hemisphere."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.signal import fftconvolve
from scipy.special import erfc

from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices

COVERED = 0.9  # part of a lesion, and of its opposite, that has to be normal tissue with valid values
MARGIN_MM = 7.0  # between an existing lesion and what counts as normal tissue
SEEN = 0.5  # part of a disc, and of the ring around it, that has to be seen for a contrast
RING_GAP, RING_WIDTH = 1.0, 2.0  # voxels: from a lesion's edge to its surround, and the width of the surround


@dataclass(frozen=True)
class Plane:
    """Geometry of a participant's slices.

    frame: voxels along each edge. voxel_mm: edges of a voxel in plane. voxel_ml: volume of a voxel. axis: of the frame,
    0 or 1, that runs from left to right. mirror: index i along it lies opposite index mirror - i.
    """

    frame: int
    voxel_mm: tuple[float, float]
    voxel_ml: float
    axis: int
    mirror: int

    @property
    def thickness_mm(self) -> float:
        """Distance from one slice to the next."""
        return 1000 * self.voxel_ml / (self.voxel_mm[0] * self.voxel_mm[1])

    @classmethod
    def of(cls, slices: ParticipantSlices) -> "Plane":
        """Geometry of slices. The midline is where brain and mirrored brain overlap most, over all slices."""
        directions = np.asarray(slices.affine, float)[:3, :3]
        edges = np.linalg.norm(directions, axis=0)
        axis = int(np.argmax(np.abs(directions[0, :2])))
        frame = slices.maps.shape[-1]
        brain = np.moveaxis(slices.brain.astype(float), 1 + axis, 1)
        overlap = [(brain * _mirrored(brain, mirror)).sum() for mirror in range(2 * frame - 1)]
        return cls(frame, (float(edges[0]), float(edges[1])), float(edges.prod() / 1000), axis, int(np.argmax(overlap)))

    def opposite(self, image: np.ndarray, factor: int = 1) -> np.ndarray:
        """Images [..., X, Y] mirrored at the midline, zero where nothing lies opposite. factor: as in `profile`."""
        turned = np.moveaxis(image, image.ndim - 2 + self.axis, -2)
        mirrored = _mirrored(turned, factor * (self.mirror + 1) - 1, -2)
        return np.moveaxis(mirrored, -2, image.ndim - 2 + self.axis)

    def across(self, place: tuple[int, int]) -> tuple[int, int]:
        """Voxel opposite another one."""
        i, j = place
        return (self.mirror - i, j) if self.axis == 0 else (i, self.mirror - j)

    def midline_mm(self) -> np.ndarray:
        """Distance [X, Y] of the voxels from the midline."""
        line = np.abs(np.arange(self.frame) - self.mirror / 2) * self.voxel_mm[self.axis]
        return np.broadcast_to(line[:, None] if self.axis == 0 else line, (self.frame, self.frame))

    def radius_mm(self, place: tuple[float, float], factor: int = 1) -> np.ndarray:
        """Distance from a place (in voxels), on a grid that is `factor` times as fine as the map's."""
        voxels = (np.arange(self.frame * factor) - (factor - 1) / 2) / factor
        return np.hypot(
            (voxels[:, None] - place[0]) * self.voxel_mm[0], (voxels[None, :] - place[1]) * self.voxel_mm[1]
        )


def _mirrored(image: np.ndarray, mirror: int, axis: int = 1) -> np.ndarray:
    """Image in which index i along an axis has the values of index mirror - i; zero where there is none."""
    size = image.shape[axis]
    source = mirror - np.arange(size)
    inside = (source >= 0) & (source < size)
    taken = np.take(image, np.where(inside, source, 0), axis)
    shape = [1] * image.ndim
    shape[axis] = size
    return taken * inside.reshape(shape).astype(image.dtype)


def profile(plane: Plane, place: tuple[float, float], diameter_mm: float, edge_mm: float) -> np.ndarray:
    """Profile of a lesion on the MRI's grid, float32 [3N, 3N]: 1 inside, 0 far outside, one half at its edge.

    A step whose edge is softened by a Gaussian of standard deviation edge_mm. `on_map` gives it on the map's grid.
    """
    beyond = plane.radius_mm(place, MRI_FACTOR) - diameter_mm / 2
    return (0.5 * erfc(beyond / (2**0.5 * edge_mm))).astype(np.float32)


def on_map(fine: np.ndarray) -> np.ndarray:
    """Means of a fine image [3N, 3N] over the voxels of the map [N, N]."""
    n = fine.shape[-1] // MRI_FACTOR
    return fine.reshape(n, MRI_FACTOR, n, MRI_FACTOR).mean(axis=(1, 3))


def normal_tissue(slices: ParticipantSlices, valid: np.ndarray, plane: Plane) -> np.ndarray:
    """Voxels of normal brain with valid values, bool [S, X, Y], away from the participant's own lesion.

    valid: bool [S, M, X, Y] of the metabolites that count; all have to be valid.
    """
    margin = int(np.ceil(MARGIN_MM / min(plane.voxel_mm)))
    near = [binary_dilation(lesion, iterations=margin) if lesion.any() else lesion for lesion in slices.lesion]
    return slices.brain & valid.all(axis=1) & ~np.stack(near)


def disc(plane: Plane, diameter_mm: float) -> np.ndarray:
    """Kernel of a lesion's inside: weights [K, K] of a disc, centred, with an odd number of voxels along each edge."""
    return (_kernel_radius(plane, diameter_mm) <= diameter_mm / 2).astype(float)


def ring(plane: Plane, diameter_mm: float) -> np.ndarray:
    """Kernel of a lesion's surround: a ring that begins a voxel from its edge; as `disc`."""
    radius, voxel = _kernel_radius(plane, diameter_mm), max(plane.voxel_mm)
    inner = diameter_mm / 2 + RING_GAP * voxel
    return ((radius > inner) & (radius <= inner + RING_WIDTH * voxel)).astype(float)


def _kernel_radius(plane: Plane, diameter_mm: float) -> np.ndarray:
    reach = diameter_mm / 2 + (RING_GAP + RING_WIDTH) * max(plane.voxel_mm)
    half = [int(np.ceil(reach / edge)) for edge in plane.voxel_mm]
    x, y = (np.arange(-h, h + 1) * edge for h, edge in zip(half, plane.voxel_mm, strict=True))
    return np.hypot(x[:, None], y[None, :])


def around(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sums of images [..., X, Y] over a kernel centred on each voxel; nothing lies outside the frame."""
    kernel = kernel.reshape((1,) * (images.ndim - 2) + kernel.shape)
    return fftconvolve(images, kernel, mode="same", axes=(-2, -1))


def places(plane: Plane, normal: np.ndarray, diameter_mm: float) -> np.ndarray:
    """Voxels [P, 2] where a lesion of a diameter lies in normal tissue [X, Y], and its opposite too, apart from it.

    Its surround is seen as well.
    """
    kernel = disc(plane, diameter_mm + 2 * max(plane.voxel_mm))
    covered = around(normal.astype(float), kernel) >= COVERED * kernel.sum() - 1e-6
    surround = ring(plane, diameter_mm)
    covered &= around(normal.astype(float), surround) >= SEEN * surround.sum() + 1e-6
    apart = plane.midline_mm() > diameter_mm / 2 + max(plane.voxel_mm)
    return np.argwhere(covered & plane.opposite(covered) & apart & normal)


def soft(lesion: np.ndarray, plane: Plane, edge_mm: float, factor: int = 1) -> np.ndarray:
    """Mask [X, Y] with a soft edge outside, float32: 1 in the mask, falling to 0 around it as a Gaussian."""
    edges = [edge / factor for edge in plane.voxel_mm]
    away = distance_transform_edt(~lesion, sampling=edges)
    return np.exp(-((away / edge_mm) ** 2) / 2).astype(np.float32)
