"""Glioma: necrosis, core and surrounding change, irregular, along white matter, with mass effect."""

from dataclasses import dataclass

import numpy as np

from mrsi_sr.phantom.anatomy import Head
from mrsi_sr.phantom.fields import smooth_field
from mrsi_sr.phantom.grid import to_mri_grid, to_mrsi_grid

LABELS = {"none": 0, "surrounding change": 1, "core": 2, "necrosis": 3}


@dataclass(frozen=True)
class Lesion:
    """Compartments of a glioma.

    necrosis, core (living tumour), change (oedema and infiltration as seen in MRI): fractions, float32, MRI grid.
    spread: density of infiltrating tumour cells, float32, MRSI grid; differs from what the MRI shows.
    centre_mm: position in the scan, RAS [3]. radius_mm: mean radius of the irregular core.
    """

    necrosis: np.ndarray
    core: np.ndarray
    change: np.ndarray
    spread: np.ndarray
    centre_mm: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True)
class LesionSite:
    """Site of a lesion: MRSI voxel of its centre, MNI position in mm, and radius of its core in mm."""

    voxel: tuple[int, int, int]
    mni_mm: np.ndarray
    radius_mm: float


def choose_site(rng: np.random.Generator, white: np.ndarray, mni_mm: np.ndarray, slices: tuple[int, int]) -> LesionSite:
    """Random site in the white matter of one hemisphere, in the middle of the fitted slices.

    white: white-matter fraction, MRSI grid [X, Y, Z]; mni_mm: [3, X, Y, Z].
    """
    first, last = slices
    margin = (last - first) // 4
    in_slices = np.zeros(white.shape, bool)
    in_slices[:, :, first + margin : last - margin + 1] = True
    lateral = (np.abs(mni_mm[0]) > 16) & (np.abs(mni_mm[0]) < 46) & (mni_mm[1] > -75) & (mni_mm[1] < 48)
    candidates = np.argwhere(in_slices & lateral & (white > 0.6))
    if not len(candidates):  # a field of view without deep white matter: the whitest voxel
        candidates = np.argwhere(in_slices & (white >= white[in_slices].max()))
    voxel = tuple(int(index) for index in candidates[rng.integers(len(candidates))])
    return LesionSite(voxel, mni_mm[:, *voxel].astype(float), float(rng.uniform(12.0, 20.0)))


def mass_effect(mni_mm: np.ndarray, site: LesionSite) -> np.ndarray:
    """MNI positions [3, X, Y, Z] of the voxels after the lesion has displaced the brain around it."""
    away = mni_mm - site.mni_mm.reshape(3, 1, 1, 1).astype(np.float32)
    nearness = np.exp(-(away**2).sum(axis=0) / (2 * (1.3 * site.radius_mm) ** 2))
    return mni_mm - 0.25 * nearness * away


def grow(rng: np.random.Generator, site: LesionSite, head: Head, position_mm: np.ndarray, voxel_mm) -> Lesion:
    """A random lesion at a site in a head.

    position_mm: scan positions of MRSI voxels [3, X, Y, Z]; voxel_mm: edges of an MRSI voxel.
    """
    centre = position_mm[:, *site.voxel]
    away = (position_mm - centre.reshape(3, 1, 1, 1)) / rng.uniform(0.8, 1.25, size=3).reshape(3, 1, 1, 1)
    radii = np.sqrt((away**2).sum(axis=0)) / site.radius_mm  # 1 at the core's edge

    def edge_at(radius: float, roughness: float, width: float, sigma_mm: float = 6.0) -> np.ndarray:
        rough = radius + roughness * smooth_field(rng, radii.shape, voxel_mm, sigma_mm) - radii
        return rough / width

    tumour = _sigmoid(to_mri_grid(edge_at(1.0, 0.16, 0.06)))
    necrosis = _sigmoid(to_mri_grid(edge_at(rng.uniform(0.55, 0.72), 0.14, 0.06))) * tumour
    # Oedema follows white matter, spares fluid, and hardly crosses the midline.
    across = _sigmoid(-np.sign(site.mni_mm[0]) * head.mni_mm[0] / 1.5)
    oedema = edge_at(rng.uniform(1.6, 2.1), 0.3, 0.12) - 5.0 * across
    change = _sigmoid(to_mri_grid(oedema) - 7.0 * (1.0 - head.white)) * (1.0 - head.fluid) * (1.0 - tumour)
    spread = _sigmoid(edge_at(rng.uniform(1.2, 1.8), 0.35, 0.25, 8.0) - 3.0 * across)
    return Lesion(
        necrosis=necrosis * head.brain_mri,
        core=(tumour - necrosis) * head.brain_mri,
        change=change * head.brain_mri,
        spread=spread.astype(np.float32),
        centre_mm=tuple(float(value) for value in centre),
        radius_mm=site.radius_mm,
    )


def labels(lesion: Lesion, brain: np.ndarray) -> np.ndarray:
    """Dominant compartment of each MRSI voxel, uint8 [X, Y, Z] with the numbers of LABELS. brain: bool, MRSI grid."""
    necrosis, core, change = (to_mrsi_grid(part) for part in (lesion.necrosis, lesion.core, lesion.change))
    result = np.zeros(brain.shape, np.uint8)
    result[necrosis + core + change > 0.5] = LABELS["surrounding change"]
    result[necrosis + core > 0.5] = LABELS["core"]
    result[(necrosis > 0.5) & (necrosis > core)] = LABELS["necrosis"]
    return result * brain


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0)))
