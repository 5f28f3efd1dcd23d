"""The phantom's settings: defaults, allowed values, and a clear refusal of anything else."""

import difflib
import json
from dataclasses import dataclass, fields

import numpy as np

from mrsi_sr.cli import UserError

NAMINGS = ("multivoxel", "vienna")
SLAB = (0.31, 0.8)  # part of the matrix, from its lowest slice, that the scan excites; no voxel is fitted outside
MRI_PER_VOXEL = 3  # MRI voxels along each edge of an MRSI voxel


@dataclass(frozen=True)
class PhantomSettings:
    """What can be chosen about a participant.

    matrix: MRSI voxels along x, y, z, each 4 to 128. voxel_mm: their edges, each 1 to 20 mm.
    naming: 'multivoxel' (LCModel's own sl1_3-5.table) or 'vienna' (sub-01_x01_y02_z03.table).
    archive: tables in lcmodel.tar.gz instead of a folder. lesion: with a glioma or without.
    slices: None fits the excited slab; [first, last] (counted from 0, both included) fits only those slices.
    """

    matrix: tuple[int, int, int] = (64, 64, 39)
    voxel_mm: tuple[float, float, float] = (3.4, 3.4, 3.4)
    naming: str = "multivoxel"
    archive: bool = False
    lesion: bool = True
    slices: tuple[int, int] | None = None

    def __post_init__(self):
        self._check("matrix", _are_numbers(self.matrix, 3, int, 4, 128), "three whole numbers from 4 to 128")
        self._check("voxel_mm", _are_numbers(self.voxel_mm, 3, (int, float), 1, 20), "three numbers of mm from 1 to 20")
        self._check("naming", self.naming in NAMINGS, " or ".join(NAMINGS))
        self._check("archive", isinstance(self.archive, bool), "true or false")
        self._check("lesion", isinstance(self.lesion, bool), "true or false")
        last = self.matrix[2] - 1
        allowed = f"null, or [first, last] with 0 <= first <= last <= {last}"
        in_matrix = self.slices is None or (
            _are_numbers(self.slices, 2, int, 0, last) and self.slices[0] <= self.slices[1]
        )
        self._check("slices", in_matrix, allowed)

    def _check(self, key: str, is_allowed: bool, allowed: str) -> None:
        if not is_allowed:
            value = json.dumps(getattr(self, key))
            raise UserError(f"phantom setting {key} is {value}\n  allowed: {allowed}")

    @property
    def fitted_slices(self) -> tuple[int, int]:
        """First and last fitted slice, counted from 0, both included."""
        if self.slices is not None:
            return self.slices
        return round(SLAB[0] * self.matrix[2]), round(SLAB[1] * self.matrix[2]) - 1

    @property
    def affine(self) -> np.ndarray:
        """[4, 4]: MRSI voxel (i, j, k) to mm (RAS); the origin is the centre of the matrix."""
        return _centred(self.matrix, self.voxel_mm)

    @property
    def mri_matrix(self) -> tuple[int, int, int]:
        """MRI voxels along x, y, z: three times the MRSI matrix over the same field of view."""
        return tuple(MRI_PER_VOXEL * size for size in self.matrix)

    @property
    def mri_affine(self) -> np.ndarray:
        """[4, 4]: MRI voxel to mm (RAS)."""
        return _centred(self.mri_matrix, [edge / MRI_PER_VOXEL for edge in self.voxel_mm])


def from_json(text: str) -> PhantomSettings:
    """Settings from a JSON object; keys left out keep their defaults. UserError for what is not allowed."""
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"--settings is not JSON: {error}\n  expected an object such as '{{\"lesion\": false}}'"
        ) from error
    if not isinstance(given, dict):
        raise UserError(f"--settings is {text}\n  expected a JSON object such as '{{\"lesion\": false}}'")
    known = [field.name for field in fields(PhantomSettings)]
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "remove it"
            raise UserError(
                f"unknown phantom setting {key} (value {json.dumps(given[key])}): {hint}\n  allowed: {', '.join(known)}"
            )
    return PhantomSettings(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def _are_numbers(values, count: int, kind, lowest: float, highest: float) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(
            isinstance(value, kind) and not isinstance(value, bool) and lowest <= value <= highest for value in values
        )
    )


def _centred(shape, edges_mm) -> np.ndarray:
    affine = np.diag([*edges_mm, 1.0])
    affine[:3, 3] = [-edge * (size - 1) / 2 for edge, size in zip(edges_mm, shape, strict=True)]
    return affine
