"""Laws of the skull: a head is told from a stripped brain whatever its air is."""

import numpy as np
import pytest
from phantom_scan import phantom
from scipy.ndimage import distance_transform_edt

from mrsi_sr.phantom.grid import mri_affine
from mrsi_sr.scan.skull import PERHAPS, SKULL_ON, has_skull, rays_with_skull

SLAB_MM = (-13.0, 20.0)


@pytest.fixture(scope="module")
def depth_mm():
    """Distance of each voxel of the phantom's MRI from the brain."""
    edges = np.diag(mri_affine(phantom(False).settings))[:3]
    return distance_transform_edt(phantom(False).t1 == 0, sampling=edges)


def head(image, depth_mm, bone_mm=6.0, scalp_mm=6.0, bone=0.05, scalp=0.9, air=0.0):
    """An image with 2 mm of fluid, bone and scalp around its brain; brightness as parts of white matter's."""
    rng = np.random.default_rng(0)
    white = np.percentile(image[image > 0], 90)
    around = np.select(
        [depth_mm <= 2, depth_mm <= 2 + bone_mm, depth_mm <= 2 + bone_mm + scalp_mm], [0.2, bone, scalp], air
    )
    noise = np.hypot(around + 0.02 * rng.standard_normal(image.shape), 0.02 * rng.standard_normal(image.shape))
    noise = np.where((around == 0) | (around == air), air * noise / 0.02, noise)
    return np.where(image > 0, image, white * noise).astype(np.float32)


def rays(image):
    return rays_with_skull(image, mri_affine(phantom(False).settings), SLAB_MM)


@pytest.mark.parametrize("lesion", [False, True])
def test_a_stripped_brain_has_no_skull(lesion):
    for image in (phantom(lesion).t1, phantom(lesion).flair):
        assert rays(image.astype(np.float32)) < PERHAPS / 2


@pytest.mark.parametrize("kind", [
    {}, {"air": 0.02}, {"scalp_mm": 3.5, "bone_mm": 4.0}, {"bone_mm": 9.0, "bone": 0.12, "scalp": 0.5},
])  # fmt: skip
def test_a_head_has_a_skull_whether_its_air_is_zero_or_noise(kind, depth_mm):
    assert rays(head(phantom(False).t1, depth_mm, **kind)) > (1 + SKULL_ON) / 2


def test_a_head_stored_in_another_order_of_axes_has_the_same_skull(depth_mm):
    image, affine = head(phantom(False).t1, depth_mm), mri_affine(phantom(False).settings)
    turned = rays_with_skull(image.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]], SLAB_MM)
    assert turned == rays(image)


@pytest.mark.parametrize(("dark_mm", "part"), [(1.0, 0.0), (4.0, 1.0)])
def test_a_crack_below_the_surface_is_no_bone(dark_mm, part):
    """A sulcus, or a resampled edge, is thinner than bone."""
    radius = np.hypot(*np.meshgrid(np.arange(-80, 81), np.arange(-80, 81))) * 0.5
    disc = np.where((radius < 35) & ~((radius > 28) & (radius <= 28 + dark_mm)), 100.0, 0.0)
    image = np.repeat(disc[:, :, None], 4, axis=2).astype(np.float32)
    assert rays_with_skull(image, np.diag([0.5, 0.5, 1.0, 1.0]), (0, 3)) == part


def test_where_an_image_is_empty_nothing_is_said():
    assert rays_with_skull(np.zeros((20, 20, 20), np.float32), np.eye(4), (-10, 10)) is None
    image = phantom(False).t1.astype(np.float32)
    assert rays_with_skull(image, mri_affine(phantom(False).settings), (500, 600)) is None
    assert not has_skull(None, 2.0)


def test_few_rays_are_a_skull_only_where_the_tissue_is_wider_than_the_fits():
    assert has_skull(SKULL_ON, 1.0) and has_skull(PERHAPS, 1.5)
    assert not has_skull(PERHAPS, 1.0) and not has_skull(PERHAPS / 2, 2.0)
