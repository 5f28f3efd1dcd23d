"""Slicing of a scan's volumes: choice of the axial slices, and maps and MRI in one frame.

A module of its own beside `slices`, which trainings read: so a change here does not count as a change of their code.
"""

from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.scan import grid
from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import SliceSettings

MRI_WHITE_PERCENTILE = 99.5  # percentile of the brain's voxels that becomes 1 in T1 and FLAIR


def make(
    participant: str, volumes: Volumes, valid: dict[str, np.ndarray], brain: np.ndarray, settings: SliceSettings,
    unit: str, t1: str | Path, flair: str | Path, lesion: str | Path | None = None,
) -> ParticipantSlices:  # fmt: skip
    """Slices of a participant, made from the volumes.

    valid: quality mask by metabolite, bool [X, Y, Z], in the order of the file. unit: unit of the concentrations.
    brain: bool [X, Y, Z]. t1, flair, lesion: NIfTI files.
    Raises UserError where the matrix exceeds the frame, too few slices qualify, or an image does not overlap the scan.
    """
    offset = frame_offset(volumes.shape, settings.frame)
    masks = np.stack(list(valid.values()))
    taken = choose(masks.sum(axis=(1, 2)).mean(axis=0), settings, participant)
    framed_affine = grid.translated(volumes.affine, [*(-offset), 0])
    empty = _empty_maps(masks, taken, list(valid), settings, participant)
    masks = _framed(masks, taken, offset, settings.frame).astype(bool) & ~empty[..., None, None]
    values = np.stack([volumes.concentration[metabolite] for metabolite in valid])
    inside = _framed(brain, taken, offset, settings.frame)
    images = [mri_on_slices(path, framed_affine, taken, inside, name) for path, name in ((t1, "T1"), (flair, "FLAIR"))]
    lesion_mask = grid.resample_mask(lesion, volumes.affine, volumes.shape) if lesion else np.zeros(volumes.shape, bool)
    return ParticipantSlices(
        maps=np.where(masks, _framed(values, taken, offset, settings.frame), 0).astype(np.float32),
        valid=masks,
        brain=inside,
        lesion=_framed(lesion_mask, taken, offset, settings.frame),
        t1=images[0],
        flair=images[1],
        affine=framed_affine,
        mri_affine=grid.finer(framed_affine),
        slices=taken.astype(np.int16),
        metabolites=tuple(valid),
        participant=participant,
        offset=offset.astype(np.int16),
        unit=unit,
    )


def frame_offset(shape, frame: int) -> np.ndarray:
    """First voxel, int [2], of a matrix [X, Y, ...] centred in the frame; an odd voxel is left after the matrix."""
    if max(shape[:2]) > frame:
        raise UserError(
            f"the scan's matrix is {shape[0]}x{shape[1]}, larger than the frame of {frame}x{frame}\n"
            "  crop the volumes, or set slices.frame to at least the matrix and train networks of that size"
        )
    return (frame - np.array(shape[:2])) // 2


def choose(counts: np.ndarray, settings: SliceSettings, participant: str) -> np.ndarray:
    """Indices of the chosen slices: the longest contiguous run that qualifies, cut to its fullest max_slices.

    counts [Z]: valid voxels per slice. Raises UserError where the run is shorter than min_slices.
    """
    needed = max(settings.min_valid_voxels, settings.min_valid_fraction * counts.max(initial=0))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], counts >= needed, [False]])))
    runs = [np.arange(first, end) for first, end in edges.reshape(-1, 2)]
    best = max(runs, key=lambda run: (len(run), counts[run].sum()), default=np.arange(0))
    if len(best) < settings.min_slices:
        raise UserError(
            f"{participant} has {len(best)} contiguous slices with enough valid voxels, but min_slices is"
            f" {settings.min_slices}\n  a slice needs {needed:.0f} valid voxels: min_valid_voxels is"
            f" {settings.min_valid_voxels}, min_valid_fraction {settings.min_valid_fraction:g} of the fullest slice's"
            f" {counts.max(initial=0):.0f}\n  the slices have {', '.join(f'{count:.0f}' for count in counts)}\n"
            "  look at the montage of the quality mask; lower min_slices or these two limits, relax the quality rules,"
            " or exclude the participant"
        )
    starts = range(len(best) - min(len(best), settings.max_slices) + 1)
    start = max(starts, key=lambda s: counts[best[s : s + settings.max_slices]].sum())
    return best[start : start + settings.max_slices]


def _empty_maps(
    masks: np.ndarray, taken: np.ndarray, metabolites: list[str], settings: SliceSettings, participant: str
) -> np.ndarray:
    """Maps with too few valid voxels, bool [S, M]; each is logged."""
    counts = masks.sum(axis=(1, 2))[:, taken].T
    for s, m in np.argwhere(counts < settings.min_valid_voxels):
        log.warning(
            "%s: %s of slice %d is left empty, %d valid voxels are fewer than %d",
            participant, metabolites[m], taken[s], counts[s, m], settings.min_valid_voxels,
        )  # fmt: skip
    return counts < settings.min_valid_voxels


def _framed(volume: np.ndarray, taken: np.ndarray, offset: np.ndarray, frame: int) -> np.ndarray:
    """Slices of a volume [..., X, Y, Z] in the frame: [S, ..., frame, frame], zero around the scan's matrix."""
    chosen = np.moveaxis(volume[..., taken], -1, 0)
    around = [(start, frame - start - size) for start, size in zip(offset, volume.shape[-3:-1], strict=True)]
    return np.pad(chosen, [(0, 0)] * (chosen.ndim - 2) + around)


def mri_on_slices(path: str | Path, affine: np.ndarray, taken: np.ndarray, brain: np.ndarray, name: str) -> np.ndarray:
    """An image on the MRI grid of the slices, float32 [S, 3, 3N, 3N] in [0, 1].

    Linear interpolation, since higher orders ring at the edge of a stripped skull. 1 is the 99.5th percentile of the
    brain in all these slices; brighter voxels (vessels, residual fat) are clipped.
    """
    fine, side = MRI_FACTOR, MRI_FACTOR * brain.shape[-1]
    first = grid.finer(grid.translated(affine, [0, 0, taken[0]]))
    image = grid.resample_mri(path, first, (side, side, fine * len(taken)))
    image = np.moveaxis(image.reshape(side, side, len(taken), fine), (2, 3), (0, 1)).clip(min=0)
    inside = brain.repeat(fine, axis=1).repeat(fine, axis=2)
    values = image[np.broadcast_to(inside[:, None], image.shape) & (image > 0)]
    if not values.size:
        raise UserError(f"the {name} {path} is zero in the brain of the slices\n  check that it belongs to this scan")
    return (image / np.percentile(values, MRI_WHITE_PERCENTILE)).clip(max=1).astype(np.float32)
