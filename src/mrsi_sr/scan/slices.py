"""Slices of a participant: maps and masks in a square frame, with T1 and FLAIR three times as fine, in one file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.results.names import METABOLITE, check_name
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.reading import reading

MRI_FACTOR = 3  # number of MRI voxels along each edge of an MRSI voxel, and of MRI slices in one slice of a map
WHAT, TO_DO = "a file of slices", "run slices.py again"
ARRAYS = {  # kinds (NumPy's letters) and number of axes of each array in the file
    "maps": "f4", "valid": "bui4", "brain": "bui3", "lesion": "bui3", "t1": "f4", "flair": "f4", "affine": "fiu2",
    "mri_affine": "fiu2", "slices": "iu1", "metabolites": "U1", "participant": "U0", "offset": "iu1", "unit": "U0",
}  # fmt: skip
TYPES = {"f4": np.float32, "bui4": bool, "bui3": bool}  # types that arrays of these kinds and axes are brought to


def adjacent(slices: np.ndarray) -> np.ndarray:
    """Positions of the slices below and above each of S slices, int [S, 2]; its own where there is none.

    slices: index of each in the scan's matrix, int [S].
    """
    places = {int(number): place for place, number in enumerate(slices)}
    return np.array([[places.get(k + step, place) for step in (-1, 1)] for k, place in places.items()])


@dataclass(frozen=True)
class ParticipantSlices:
    """S slices of a participant with M metabolites in a frame of N x N voxels; axes [..., x, y] are the NIfTI (i, j).

    maps float32 [S, M, N, N], in `unit`, zero where invalid. valid bool [S, M, N, N]: the quality mask.
    brain, lesion bool [S, N, N]. t1, flair float32 [S, 3, 3N, 3N] in [0, 1].
    slices int16 [S]: index k in the scan's matrix. offset int16 [2]: voxel of the frame where the matrix starts.
    affine float64 [4, 4]: voxel (i, j, k) to mm, with i, j in the frame and k in the scan's matrix. mri_affine: the
    same for the MRI grid, where slice k of the scan is MRI slices 3k, 3k + 1, 3k + 2.
    """

    maps: np.ndarray
    valid: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    t1: np.ndarray
    flair: np.ndarray
    affine: np.ndarray
    mri_affine: np.ndarray
    slices: np.ndarray
    metabolites: tuple[str, ...]
    participant: str
    offset: np.ndarray
    unit: str

    def save(self, path: str | Path) -> None:
        """Write slices.npz; an interrupted write leaves no file."""
        arrays = {key: np.asarray(value) for key, value in vars(self).items()}
        with writing(path) as temporary:
            np.savez_compressed(temporary, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "ParticipantSlices":
        """Slices in a file that `save` wrote.

        Raises UserError for any other file: damaged, with arrays that do not fit together, or names that are no names.
        """
        if not Path(path).exists():
            raise UserError(f"no file of slices {path}\n  slices.py --out writes it")
        content = read_npz(path, ARRAYS, WHAT, TO_DO)
        for name, kind in ARRAYS.items():
            content[name] = content[name].astype(TYPES.get(kind, content[name].dtype), copy=False)
        content |= {key: str(content[key]) for key in ("participant", "unit")}
        content["metabolites"] = tuple(content["metabolites"].tolist())
        slices = cls(**content)
        with reading(path, WHAT, TO_DO):
            slices._check_shapes()
        check_name(slices.participant, f"the participant of {path}")
        for name in slices.metabolites:
            check_name(name, f"a metabolite of {path}", METABOLITE)
        return slices

    def usable(self, protocol: str) -> tuple[np.ndarray, np.ndarray]:
        """The maps that are used, bool [S, M], and their valid voxels, bool [S, M, N, N].

        Valid voxels are those where the map is not zero (protocol 'paper'), or those of the stored quality mask
        ('clean'). Maps with a positive value in a valid voxel are used; slices.py has emptied those with too few valid
        voxels. Raises UserError for values that are not finite.
        """
        for name in ("maps", "t1", "flair"):
            if not np.isfinite(getattr(self, name)).all():
                raise UserError(
                    f"{self.participant}: the {name} hold values that are not finite\n  run slices.py again"
                )
        valid = self.maps != 0 if protocol == "paper" else self.valid
        return np.where(valid, self.maps, 0).max(axis=(2, 3)) > 0, valid

    def _check_shapes(self) -> None:
        """Raise ValueError unless the arrays are of equal numbers of slices, metabolites and voxels."""
        number, metabolites, frame, _ = self.maps.shape
        mri = (number, MRI_FACTOR, MRI_FACTOR * frame, MRI_FACTOR * frame)
        maps, masks = (number, metabolites, frame, frame), (number, frame, frame)
        expected = {
            "maps": maps, "valid": maps, "brain": masks, "lesion": masks, "t1": mri, "flair": mri, "affine": (4, 4),
            "mri_affine": (4, 4), "slices": (number,), "offset": (2,),
        }  # fmt: skip
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, expected {shape}")
        if len(self.metabolites) != metabolites or 0 in self.maps.shape:
            raise ValueError(f"maps is {self.maps.shape}, and there are {len(self.metabolites)} names of metabolites")
        for name in ("slices", "metabolites"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise ValueError(f"{name} has one twice")


@dataclass(frozen=True)
class Anatomy:
    """Brain and lesion of a participant's slices, without maps and MRI; fields as in ParticipantSlices."""

    brain: np.ndarray
    lesion: np.ndarray
    slices: np.ndarray
    metabolites: tuple[str, ...]

    @classmethod
    def load(cls, path: str | Path) -> "Anatomy":
        """Anatomy in a file of slices. Raises UserError for any other file."""
        content = read_npz(path, {name: ARRAYS[name] for name in cls.__dataclass_fields__}, WHAT, TO_DO)
        return cls(**content | {"metabolites": tuple(content["metabolites"].tolist())})


@dataclass(frozen=True)
class SlicesInFiles:
    """Slices of some participants in files, of which one participant at a time is in memory."""

    paths: Sequence[Path]

    def __iter__(self) -> Iterator[ParticipantSlices]:
        """Slices of each participant, read when it is the participant's turn."""
        return map(ParticipantSlices.load, self.paths)

    @property
    def number(self) -> int:
        """Number of slices of all participants, whose maps and MRI are not read for it."""
        return sum(len(read_npz(path, {"slices": "iu1"}, WHAT, TO_DO, whole=False)["slices"]) for path in self.paths)


def participant_of(path: str | Path) -> str:
    """Participant of a slices or low-resolution file. Raises UserError for any other file."""
    name = str(read_npz(path, {"participant": "U0"}, WHAT, TO_DO, whole=False)["participant"])
    return check_name(name, f"the participant of {path}")


def files_of(participants: Sequence[str], paths: Sequence[str | Path]) -> dict[str, Path]:
    """File of each participant, in the participants' order; files of other participants are ignored.

    Raises UserError where a participant has no file or two, or a file cannot be read.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        participant = participant_of(path)
        if participant in found:
            raise UserError(f"two files of {participant}: {found[participant]} and {path}\n  give one of them only")
        found[participant] = path
    missing = [name for name in participants if name not in found]
    if missing:
        raise UserError(
            f"no file of participant {', '.join(missing)} among those given\n"
            f"  those are of {', '.join(found) or 'nobody'}: add the file, or leave the participant out of the folds"
        )
    return {name: found[name] for name in participants}
