"""A phantom's scan with MRI as a scanner leaves it: heads with skull and scalp, to be moved by known transforms."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mrsi_sr.phantom.grid import mri_affine, mrsi_affine
from mrsi_sr.phantom.participant import simulate
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import PhantomSettings

METABOLITES = {"tCr": "Cr+PCr", "tCho": "GPC+PCh", "NAA": "NAA", "Glu": "Glu", "Ins": "Ins"}
LAYERS_MM = ((2.0, 150), (7.0, 40), (12.0, None))  # fluid, bone, scalp: outer distance from the brain, brightness
NOISE = 20.0


@dataclass(frozen=True)
class RawScan:
    """Volumes of a phantom, and its T1, FLAIR (heads) and brain mask where the scan is."""

    volumes: Volumes
    t1: Image
    flair: Image
    brain: Image


@cache
def raw_scan(matrix=(40, 40, 20), edge_mm: float = 5.0, lesion: bool = True, seed: int = 1) -> RawScan:
    """A phantom's scan, made once."""
    settings = PhantomSettings(matrix=list(matrix), voxel_mm=[edge_mm] * 3, lesion=lesion)
    made = simulate("sub-01", seed, settings)
    affine, brain = mri_affine(settings), made.head.brain_mri
    away = ndimage.distance_transform_edt(~brain, sampling=edge_mm / 3)
    noise = np.random.default_rng(seed)
    heads = [Image(_head(image, away, scalp, noise), affine) for image, scalp in ((made.t1, 1700), (made.flair, 900))]
    return RawScan(_volumes(made, mrsi_affine(settings)), *heads, Image(brain, affine))


def rigid(shift_mm, degrees) -> np.ndarray:
    """Transform [4, 4] that turns about the origin, by angles about x, y and z, and then shifts."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def largest_error_mm(matrix: np.ndarray, brain: Image) -> float:
    """Largest distance that a transform [4, 4], which should be none, moves a voxel of the brain."""
    places = np.argwhere(brain.values)[::20] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    moved = places @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.linalg.norm(moved - places, axis=1).max())


def _head(image: np.ndarray, away: np.ndarray, scalp: float, noise: np.random.Generator) -> np.ndarray:
    head, inner = image.astype(np.float32), 0.0
    for outer, brightness in LAYERS_MM:
        head[(away > inner) & (away <= outer)] = scalp if brightness is None else brightness
        inner = outer
    real, imaginary = NOISE * noise.standard_normal((2, *head.shape), dtype=np.float32)
    return np.hypot(head + real, imaginary)


def _volumes(made, affine: np.ndarray) -> Volumes:
    places, fits = tuple(made.fits.voxels.T), made.fits

    def volume(values, empty=np.nan, kind=np.float32) -> np.ndarray:
        result = np.full(made.head.brain.shape, empty, kind)
        result[places] = values
        return result

    return Volumes(
        concentration={name: volume(fits.concentration[fit]) for name, fit in METABOLITES.items()},
        sd={name: volume(fits.sd[fit]) for name, fit in METABOLITES.items()},
        snr=volume(fits.snr), fwhm=volume(fits.fwhm), status=volume(Status.OK, Status.MISSING, np.int16), affine=affine,
    )  # fmt: skip
