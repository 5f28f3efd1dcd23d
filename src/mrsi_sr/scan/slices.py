"""Slices of a participant: maps and masks in a square frame, with T1 and FLAIR three times as fine, in one file."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing

MRI_FACTOR = 3  # number of MRI voxels along each edge of an MRSI voxel, and of MRI slices in one slice of a map
UNREADABLE = (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error)  # raised by np.load for other files


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
        """Slices in a file that `save` wrote. Raises UserError for any other file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                content = {key: file[key] for key in cls.__dataclass_fields__}
        except FileNotFoundError:
            raise UserError(f"no file of slices {path}\n  slices.py --out writes it") from None
        except UNREADABLE as error:
            raise UserError(f"{path} cannot be read as a file of slices: {error}\n  run slices.py again") from error
        content |= {key: str(content[key]) for key in ("participant", "unit")}
        return cls(**content | {"metabolites": tuple(content["metabolites"].tolist())})


def participant_of(path: str | Path) -> str:
    """Participant of a slices or low-resolution file. Raises UserError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return str(arrays["participant"])
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as a file of slices: {error}\n  run slices.py again") from error


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
