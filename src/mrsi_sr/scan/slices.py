"""A participant's slices: maps and masks in one square frame, with T1 and FLAIR three times as fine, in one file."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing

MRI_FACTOR = 3  # MRI voxels along each edge of an MRSI voxel, and MRI slices inside one slice of a map
UNREADABLE = (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error)  # what np.load raises for other files


@dataclass(frozen=True)
class ParticipantSlices:
    """S slices of M metabolites in a frame of N x N voxels. Axes [..., x, y] are the NIfTI file's (i, j).

    maps float32 [S, M, N, N], in `unit`, zero where invalid; valid bool, the same shape: the stored quality mask.
    brain, lesion bool [S, N, N]. t1, flair float32 [S, 3, 3N, 3N] in [0, 1].
    slices int16 [S]: index k in the scan's matrix. offset int16 [2]: where the scan's matrix starts in the frame.
    affine float64 [4, 4]: voxel (i, j, k) to mm, with i, j in the frame and k in the scan's matrix; mri_affine: the
    same for the finer grid, where slice k of the scan is MRI slices 3k, 3k + 1, 3k + 2.
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
        """Write the file, whole or not at all."""
        arrays = {key: np.asarray(value) for key, value in vars(self).items()}
        with writing(path) as temporary:
            np.savez_compressed(temporary, **arrays)


def load(path: str | Path) -> ParticipantSlices:
    """Read what `ParticipantSlices.save` wrote. Raises UserError where it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in ParticipantSlices.__dataclass_fields__}
    except FileNotFoundError:
        raise UserError(f"no file of slices {path}\n  slices.py --out writes it") from None
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as a file of slices: {error}\n  make it anew with slices.py") from error
    content |= {key: str(content[key]) for key in ("participant", "unit")}
    return ParticipantSlices(**content | {"metabolites": tuple(content["metabolites"].tolist())})


def participant_of(path: str | Path) -> str:
    """The participant that a slices or low-resolution file belongs to. Raises UserError when it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return str(arrays["participant"])
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as a file of slices: {error}") from error


def files_of(participants: Sequence[str], paths: Sequence[str | Path]) -> dict[str, Path]:
    """The file of each participant, in the participants' order.

    Raises UserError when a participant has none or two, or a file cannot be read.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        participant = participant_of(path)
        if participant in found:
            raise UserError(f"two files of {participant}: {found[participant]} and {path}\n  give one of them")
        found[participant] = path
    missing = [name for name in participants if name not in found]
    if missing:
        raise UserError(
            f"no file of participant {', '.join(missing)} among those given\n"
            f"  they are of {', '.join(found) or 'nobody'}: add the file, or make the folds without the participant"
        )
    return {name: found[name] for name in participants}
