"""The phantom's settings, and the grids that follow from them."""

from dataclasses import dataclass

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.old_base import Settings, join

SLAB = (0.31, 0.8)  # part of the matrix, from its lowest slice, that the scan excites; no voxel is fitted outside


@dataclass(frozen=True)
class PhantomSettings(Settings):
    """What can be chosen about a participant; workflow/schemas/phantom*.schema.yaml explain the keys."""

    kinds = ("phantom", "phantom-scan")
    matrix: list[int]
    voxel_mm: list[float]
    slices: list[int] | None
    naming: str
    archive: bool
    lesion: bool

    @classmethod
    def complete(cls, given: dict, where: str = "") -> dict:
        """Check settings and fill in their defaults; the slices lie in the matrix."""
        settings = super().complete(given, where)
        check_fitted_slices(settings, where)
        return settings

    @property
    def fitted_slices(self) -> list[int]:
        """First and last fitted slice, counted from 0, both included."""
        if self.slices is not None:
            return self.slices
        return [round(SLAB[0] * self.matrix[2]), round(SLAB[1] * self.matrix[2]) - 1]

    @property
    def affine(self) -> np.ndarray:
        """[4, 4]: MRSI voxel (i, j, k) to mm (RAS); the origin is the centre of the matrix."""
        return _centred(self.matrix, self.voxel_mm)

    @property
    def mri_matrix(self) -> tuple[int, int, int]:
        """MRI voxels along x, y, z: three times the MRSI matrix over the same field of view."""
        return tuple(MRI_FACTOR * size for size in self.matrix)

    @property
    def mri_affine(self) -> np.ndarray:
        """[4, 4]: MRI voxel to mm (RAS)."""
        return _centred(self.mri_matrix, [edge / MRI_FACTOR for edge in self.voxel_mm])


def check_fitted_slices(settings: dict, where: str) -> None:
    """Raise UserError unless the slices to fit, where any are given, are in order and in the matrix."""
    slices, last = settings["slices"], settings["matrix"][2] - 1
    if slices is not None and not slices[0] <= slices[1] <= last:
        raise UserError(
            f"{join(where, 'slices')} is {slices}, expected null or [first, last] with first <= last <= {last}"
        )


def _centred(shape, edges_mm) -> np.ndarray:
    affine = np.diag([*edges_mm, 1.0])
    affine[:3, 3] = [-edge * (size - 1) / 2 for edge, size in zip(edges_mm, shape, strict=True)]
    return affine
