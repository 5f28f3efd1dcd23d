"""Phantom scans of 44 x 44 x 25 voxels in memory, for tests of what a scan's maps and MRI tell of each other."""

import functools

import numpy as np

from mrsi_sr.phantom.grid import mri_affine, mrsi_affine, to_mrsi_grid
from mrsi_sr.phantom.participant import Participant, simulate
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import PhantomSettings

EDGES_MM = (5.0, 5.0, 5.2)
ROWS = {"tCr": "Cr+PCr", "tCho": "GPC+PCh", "NAA": "NAA", "Glu": "Glu", "Ins": "Ins", "Gln": "Gln", "Gly": "Gly"}
WITHOUT_FIT = ("no_file", "never_written", "fatal", "header_only", "empty")


@functools.cache
def phantom(lesion: bool, seed: int = 1) -> Participant:
    """A participant, simulated once per process."""
    settings = PhantomSettings.of(matrix=[44, 44, 25], voxel_mm=list(EDGES_MM), slices=[10, 16], lesion=lesion)
    return simulate("sub-01", seed, settings)


def volumes_of(participant: Participant) -> Volumes:
    """The participant's fits as ingestion reads them."""
    fits, shape = participant.fits, participant.head.brain.shape
    good = np.ones(len(fits.voxels), bool)
    for kind in WITHOUT_FIT:
        good[fits.failures[kind]] = False
    place = tuple(fits.voxels[good].T)

    def volume(values) -> np.ndarray:
        result = np.full(shape, np.nan, np.float32)
        result[place] = np.asarray(values, np.float32)[good]
        return result

    sd = {name: np.where(fits.sd[row] == 999, np.nan, fits.sd[row]) for name, row in ROWS.items()}
    return Volumes(
        {name: volume(fits.concentration[row]) for name, row in ROWS.items()},
        {name: volume(values) for name, values in sd.items()},
        volume(fits.snr), volume(fits.fwhm),
        np.where(np.isfinite(volume(fits.snr)), Status.OK, Status.MISSING).astype(np.int16),
        mrsi_affine(participant.settings),
    )  # fmt: skip


def t1_in_voxels(participant: Participant) -> np.ndarray:
    """Mean T1 of the voxels that are mostly brain, float32 [X, Y, Z], zero elsewhere."""
    inside = to_mrsi_grid((participant.t1 > 0).astype(np.float32)) >= 0.5
    return np.where(inside, to_mrsi_grid(participant.t1.astype(np.float32)), 0)


def write_images(participant: Participant, folder) -> tuple[str, str]:
    """Paths of t1.nii.gz and flair.nii.gz, written into a folder."""
    affine = mri_affine(participant.settings)
    write_nifti(folder / "t1.nii.gz", participant.t1, affine)
    write_nifti(folder / "flair.nii.gz", participant.flair, affine)
    return str(folder / "t1.nii.gz"), str(folder / "flair.nii.gz")
