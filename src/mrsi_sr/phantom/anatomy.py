"""Anatomy of a participant: the MNI152 maps bundled with nilearn, in a random pose and smoothly deformed."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from mrsi_sr.phantom.fields import smooth_field
from mrsi_sr.phantom.grid import mrsi_affine, positions_mm, to_mri_grid, to_mrsi_grid
from mrsi_sr.settings.cohort import PhantomSettings

FIELD_CENTRE_MM = np.array([0.0, -18.0, 10.0])  # MNI point at the centre of the field of view
VENTRICLES_MM = np.array([0.0, -12.0, 14.0])  # MNI
MAP_FILE = "datasets/data/mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"  # in nilearn's folder
IN_BRAIN = 0.2  # least value of the T1 map, of its maximum: nilearn's threshold of the whole-brain mask
MEAN_SCALE = 0.89  # MNI152 brains are larger than most: 1.9 litres


@dataclass(frozen=True)
class Template:
    """The MNI152 maps at 1 mm, float32 [197, 233, 189] each, and the affine [4, 4] from MNI mm to their voxels."""

    t1: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    to_voxels: np.ndarray

    def sample(self, name: str, mni_mm: np.ndarray) -> np.ndarray:
        """One of the maps at MNI positions [3, ...] in mm: float32 [...], linearly interpolated, zero outside."""
        linear = self.to_voxels[:3, :3].diagonal().reshape([3] + [1] * (mni_mm.ndim - 1)).astype(np.float32)
        offset = self.to_voxels[:3, 3].reshape(linear.shape).astype(np.float32)
        return ndimage.map_coordinates(getattr(self, name), mni_mm * linear + offset, order=1, output=np.float32)


@dataclass(frozen=True)
class Head:
    """Tissue fractions of one participant's head, float32 in [0, 1], zero outside the brain.

    grey, white, fluid, t1_texture: MRI grid; brain_mri: bool, MRI grid.
    brain: bool, MRSI grid. mni_mm: MNI position of each MRSI voxel [3, X, Y, Z].
    """

    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray
    t1_texture: np.ndarray
    brain_mri: np.ndarray
    brain: np.ndarray
    mni_mm: np.ndarray


@functools.cache
def load_template() -> Template:
    """MNI152 maps bundled with nilearn, read once per process; nothing is downloaded.

    As nilearn.datasets.load_mni152_* have them, whose import takes longer than a phantom.
    """
    import nibabel
    import nilearn

    folder = Path(nilearn.__file__).parent
    images = {name: nibabel.load(folder / MAP_FILE.format(name=name)) for name in ("t1", "gm", "wm")}
    t1, grey, white = (_up_to_one(np.asanyarray(image.dataobj)) for image in images.values())
    brain = (t1 > IN_BRAIN).astype(np.float32)
    return Template(t1, grey, white, brain, to_voxels=np.linalg.inv(images["t1"].affine))


def _up_to_one(values: np.ndarray) -> np.ndarray:
    """Values of a map, float32, as parts of the largest."""
    values = values.astype(np.float32)
    return values / values.max()


def place(rng: np.random.Generator, settings: PhantomSettings) -> np.ndarray:
    """MNI position of each MRSI voxel of a participant, float32 [3, X, Y, Z], mm."""
    scan_mm = positions_mm(settings.matrix, mrsi_affine(settings))
    angles = np.radians(rng.uniform(-6, 6, size=3))
    scale = MEAN_SCALE * rng.uniform(0.96, 1.04) * rng.uniform(0.97, 1.03, size=3)
    shift_mm = FIELD_CENTRE_MM + rng.uniform(-4, 4, size=3)
    pose = _rotation(angles) / scale
    mni_mm = np.einsum("ab,bxyz->axyz", pose, scan_mm).astype(np.float32) + shift_mm.reshape(3, 1, 1, 1)
    return (mni_mm + deformation(rng, mni_mm, settings.voxel_mm)).astype(np.float32)


def deformation(rng: np.random.Generator, mni_mm: np.ndarray, voxel_mm) -> np.ndarray:
    """Individual deformation: displacement in mm [3, X, Y, Z] at MNI positions [3, X, Y, Z].

    Smooth noise at two scales (lobes: 3 mm over 20 mm; gyri: 1.3 mm over 7 mm), wider or narrower ventricles, and the
    asymmetry of real brains, which the symmetric template lacks: hemispheres sheared along y (torque), midline bent.
    """
    shape = mni_mm.shape[1:]
    displacement = np.stack(
        [
            3.0 * smooth_field(rng, shape, voxel_mm, 20.0) + 1.3 * smooth_field(rng, shape, voxel_mm, 7.0)
            for _ in range(3)
        ]
    )
    from_ventricles = mni_mm - VENTRICLES_MM.reshape(3, 1, 1, 1)
    near_ventricles = np.exp(-(from_ventricles**2).sum(axis=0) / (2 * 22.0**2))
    displacement += rng.uniform(-0.25, 0.12) * near_ventricles * from_ventricles
    displacement[1] += rng.uniform(1.5, 4.0) * np.tanh(mni_mm[0] / 30.0)
    displacement[0] += rng.uniform(-2.5, 2.5) * np.sin(np.pi * (mni_mm[1] - FIELD_CENTRE_MM[1]) / 170.0)
    return displacement.astype(np.float32)


def build_head(template: Template, mni_mm: np.ndarray) -> Head:
    """The head of a participant whose MRSI voxels lie at the MNI positions mni_mm [3, X, Y, Z]."""
    fine_mm = to_mri_grid(mni_mm)
    brain_mri = template.sample("brain", fine_mm) > 0.5
    inside_mm = fine_mm[:, brain_mri]
    grey, white = (template.sample(name, inside_mm) for name in ("grey", "white"))
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0)
    # The template averages 152 brains: squaring its probabilities restores edges as sharp as those of a single brain.
    squares = np.stack([grey, white, fluid]) ** 2
    grey, white, fluid = squares / np.maximum(squares.sum(axis=0), 1e-6)

    def on_grid(values: np.ndarray) -> np.ndarray:
        volume = np.zeros(brain_mri.shape, np.float32)
        volume[brain_mri] = values
        return volume

    return Head(
        grey=on_grid(grey),
        white=on_grid(white),
        fluid=on_grid(fluid),
        t1_texture=on_grid(template.sample("t1", inside_mm)),
        brain_mri=brain_mri,
        brain=to_mrsi_grid(brain_mri) > 0.5,
        mni_mm=mni_mm,
    )


def _rotation(angles: np.ndarray) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
