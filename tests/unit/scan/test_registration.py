"""Registration finds known transforms of phantoms to below half a voxel of the scan, and twice the same."""

import itertools

import numpy as np
import pytest
from raw_mri import largest_error_mm, raw_scan, rigid

from mrsi_sr.cli import UserError
from mrsi_sr.scan import registration
from mrsi_sr.scan.image import Image, coarser
from mrsi_sr.scan.preparation import scan_image
from mrsi_sr.settings.cohort import MriSettings

SHIFTS_MM = ((15, 0, 0), (0, -15, 0), (0, 0, 15), (-8, 9, -8), (0, 0, 0))
TURNS_DEGREES = ((0, 0, 0), (10, 0, 0), (0, -10, 0), (0, 0, 10), (-5, 6, 6))
SMALL = {"matrix": (32, 32, 18), "edge_mm": 5.0}


def error_of_t1(scan, shift_mm, degrees) -> float:
    """Largest error in mm of a voxel of the brain whose stripped T1 was moved by a known transform."""
    target, region = scan_image(scan.volumes, MriSettings.of())
    stripped = Image(np.where(scan.brain.values, scan.t1.values, 0), scan.t1.affine)
    moved = rigid(shift_mm, degrees)
    found = registration.rigid(target, stripped.moved(moved), region)
    return largest_error_mm(found.matrix @ moved, scan.brain)


@pytest.mark.parametrize(
    ("shift_mm", "degrees"), [((15, 0, 0), (0, 0, 0)), ((0, 0, 0), (0, 0, 10)), ((-8, 9, 8), (6, -6, 5))]
)
def test_a_t1_with_a_lesion_that_is_moved_from_a_scan_of_5_mm_is_found_to_half_a_voxel(shift_mm, degrees):
    assert error_of_t1(raw_scan(**SMALL), shift_mm, degrees) < 2.5


@pytest.mark.slow
@pytest.mark.parametrize("lesion", [True, False])
@pytest.mark.parametrize(("matrix", "edge_mm"), [((44, 44, 26), 5.0), ((64, 64, 39), 3.4)])
def test_every_shift_and_turn_is_found_to_half_a_voxel(matrix, edge_mm, lesion):
    scan = raw_scan(matrix, edge_mm, lesion)
    errors = {place: error_of_t1(scan, *place) for place in itertools.product(SHIFTS_MM, TURNS_DEGREES)}
    assert max(errors.values()) < edge_mm / 2, errors


@pytest.mark.slow
@pytest.mark.parametrize(("shift_mm", "degrees"), [((10, -6, 4), (4, 6, -5)), ((0, 15, 0), (0, 0, 10))])
@pytest.mark.parametrize("thickness", [1, 3])
def test_a_flair_in_thick_slices_is_found_to_half_a_voxel_of_its_own(shift_mm, degrees, thickness):
    scan = raw_scan((44, 44, 26), 5.0)
    slices = scan.flair.values.shape[2] // thickness * thickness
    values = scan.flair.values[:, :, :slices].reshape(*scan.flair.values.shape[:2], -1, thickness).mean(axis=3)
    thick = np.diag([1.0, 1.0, thickness, 1.0])
    thick[2, 3] = (thickness - 1) / 2
    moved = rigid(shift_mm, degrees)
    found = registration.rigid(scan.t1, Image(values, moved @ scan.flair.affine @ thick))
    assert largest_error_mm(found.matrix @ moved, scan.brain) < 5.0 / 3 / 2


def blob(shape=(16, 16, 10), edge_mm=6.0) -> Image:
    """An image without symmetry: two balls of different brightness."""
    i, j, k = np.indices(shape)
    values = 2.0 * ((i - 6) ** 2 + (j - 8) ** 2 + 2 * (k - 5) ** 2 < 20) + ((i - 10) ** 2 + (j - 5) ** 2 + k**2 < 30)
    return Image(values.astype(np.float32), np.diag([edge_mm] * 3 + [1.0]))


def test_two_runs_give_equal_bits_and_count_what_they_found(monkeypatch):
    monkeypatch.setattr(registration, "MOST_VOXELS", 2000)  # of 2560: the rest is left out at random
    fixed, moving = blob(), blob().moved(rigid((4, -5, 3), (0, 0, 5)))
    first, second = (registration.rigid(fixed, moving) for _ in range(2))
    assert first.matrix.tobytes() == second.matrix.tobytes()
    assert first.after > first.before > 0
    assert first.shift_mm > 1 and 1 < first.degrees < 10
    assert 1 <= first.agree[0] <= first.agree[1]


def test_a_grid_far_from_the_t1_is_found_by_the_centres_of_mass_and_the_shift_is_said(caplog):
    away = rigid((130, -90, 60), (0, 0, 0))
    found = registration.rigid(blob(), blob().moved(away))
    assert "registered with a shift of" in caplog.text
    assert np.allclose((found.matrix @ away)[:3, 3], 0, atol=1.0)


def test_a_mirrored_or_permuted_storage_of_the_t1_changes_nothing():
    fixed, moving = blob(), blob().moved(rigid((4, -5, 3), (0, 0, 5)))
    flip = np.array([[0, 0, -1, 15], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])  # stored (j, k, mirrored i)
    stored = Image(moving.values.transpose(1, 2, 0)[:, :, ::-1], moving.affine @ flip)
    one, other = (registration.rigid(fixed, each).matrix for each in (moving, stored))
    assert np.allclose(one[:3, 3], other[:3, 3], atol=0.5) and np.allclose(one[:3, :3], other[:3, :3], atol=0.02)


def test_an_image_of_three_slices_is_refused_as_what_it_is():
    """SimpleITK's metric fails on it, as on images that do not overlap."""
    whole = blob()
    with pytest.raises(UserError, match="the image to be moved has 3 slices"):
        registration.rigid(whole, Image(whole.values[:, :, :3], whole.affine))


def test_too_few_voxels_are_refused():
    region = np.zeros((16, 16, 10), bool)
    region[:4, :4, 0] = True
    with pytest.raises(UserError, match="T1 and the scan cannot be registered: fewer than 50 voxels"):
        registration.rigid(blob(), blob(), region, "T1 and the scan")


def test_a_coarser_grid_keeps_the_place_and_the_sum():
    fine = blob((24, 24, 18), 2.0)
    coarse = coarser(fine, 6.0)
    assert np.allclose(np.linalg.norm(coarse.affine[:3, :3], axis=0), 6.0)

    def centre(image):
        return image.affine @ [
            *(np.argwhere(image.values > 0).T @ image.values[image.values > 0] / image.values.sum()),
            1,
        ]

    assert np.allclose(centre(coarse), centre(fine), atol=0.5)
    assert coarse.values.sum() * 27 == pytest.approx(fine.values.sum(), rel=0.05)
