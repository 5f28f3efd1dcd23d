"""A small scan for tests: a ball of brain in a matrix of any shape, with T1 and FLAIR files three times as fine."""

import numpy as np

from mrsi_sr.scan import grid
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.volumes import Volumes

METABOLITES = ("tCho", "NAA")
VOXEL_MM = 3.4


def ball(shape, radius=0.42):
    """Voxels within `radius` of the matrix in plane, around its centre; bool."""
    i, j, k = np.meshgrid(*[(np.arange(size) - (size - 1) / 2) / size for size in shape], indexing="ij")
    return np.sqrt(i**2 + j**2 + 0.5 * k**2) < radius


def scan(shape=(24, 24, 14), seed=0):
    """Volumes that are good everywhere in the ball, and the ball: the brain."""
    brain = ball(shape)
    rng = np.random.default_rng(seed)
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = [-40.0, -50.0, -20.0]

    def field(mean):
        return np.where(brain, mean * rng.uniform(0.8, 1.2, shape), np.nan).astype(np.float32)

    volumes = Volumes(
        concentration={"tCho": field(1.5), "NAA": field(8.0)},
        sd={"tCho": field(5.0), "NAA": field(4.0)},
        snr=field(20.0),
        fwhm=field(0.04),
        status=brain.astype(np.int16),
        affine=affine,
    )
    return volumes, brain


def write_mri(folder, volumes, brain):
    """t1.nii.gz and flair.nii.gz on the three times finer grid: brightness rises with i, 100 per voxel."""
    fine = grid.finer(volumes.affine)
    inside = brain.repeat(3, 0).repeat(3, 1).repeat(3, 2)
    ramp = 100 + 100 * (np.arange(inside.shape[0]) - 1)[:, None, None] / 3
    for name in ("t1", "flair"):
        write_nifti(folder / f"{name}.nii.gz", np.where(inside, 1000 + ramp, 0).astype(np.float32), fine)
    return folder / "t1.nii.gz", folder / "flair.nii.gz"
