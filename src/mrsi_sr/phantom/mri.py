"""T1-weighted and FLAIR images of a head with its lesion: individual contrast, 7 T bias field, Rician noise."""

import numpy as np

from mrsi_sr.phantom.anatomy import Head
from mrsi_sr.phantom.fields import smooth_field
from mrsi_sr.phantom.grid import to_mri_grid
from mrsi_sr.phantom.lesion import Lesion

# Relative intensities: grey matter, white matter, fluid, necrosis, core, surrounding change.
T1_INTENSITIES = (0.66, 1.0, 0.20, 0.18, 0.48, 0.72)
FLAIR_INTENSITIES = (0.60, 0.46, 0.08, 0.28, 0.82, 1.0)
# Weight in each image of the template's T1, for details that three tissue classes lack (deep nuclei, vessels).
T1_DETAIL, FLAIR_DETAIL = 0.32, -0.07
NOISE = 0.02  # standard deviation in each channel, as a part of white matter's intensity in T1
FULL_SCALE = 1500  # stored value of intensity 1


def t1_and_flair(
    rng: np.random.Generator, head: Head, lesion: Lesion | None, voxel_mm
) -> tuple[np.ndarray, np.ndarray]:
    """Skull-stripped T1 and FLAIR, int16 [3X, 3Y, 3Z], zero outside the brain. voxel_mm: edges of an MRSI voxel."""
    texture = head.t1_texture[head.brain_mri]
    detail = np.where(head.brain_mri, head.t1_texture - texture.mean(dtype=np.float64), 0.0).astype(np.float32)
    images = []
    for intensities, detail_weight in ((T1_INTENSITIES, T1_DETAIL), (FLAIR_INTENSITIES, FLAIR_DETAIL)):
        grey, white, fluid, necrosis, core, change = np.array(intensities) * rng.uniform(0.93, 1.07, size=6)
        image = grey * head.grey + white * head.white + fluid * head.fluid
        image += np.float32(detail_weight) * detail
        if lesion is not None:
            healthy = 1.0 - lesion.necrosis - lesion.core - lesion.change
            image = image * healthy + necrosis * lesion.necrosis + core * lesion.core + change * lesion.change
        images.append(_as_scanned(rng, image, head, voxel_mm))
    return images[0], images[1]


def _as_scanned(rng: np.random.Generator, image: np.ndarray, head: Head, voxel_mm) -> np.ndarray:
    bias = np.exp(rng.uniform(0.08, 0.16) * smooth_field(rng, head.brain.shape, voxel_mm, 35.0))
    image = np.maximum(image, 0.02) * to_mri_grid(bias)
    inside = image[head.brain_mri]
    real, imaginary = NOISE * rng.standard_normal((2, inside.size), dtype=np.float32)
    scanned = np.zeros(image.shape, np.int16)
    scanned[head.brain_mri] = np.rint(FULL_SCALE * np.hypot(inside + real, imaginary)).clip(1, 32000)
    return scanned
