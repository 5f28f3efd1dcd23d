"""Laws of slices and of their grids."""

import numpy as np
import pytest
from synthetic_scan import METABOLITES, scan, write_mri

from mrsi_sr.cli import UserError
from mrsi_sr.scan import grid, slices, slicing
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.settings.cohort import SliceSettings

SETTINGS = SliceSettings.of()


@pytest.fixture
def taken(tmp_path):
    """make(shape, **settings) -> (slices of a synthetic scan, its volumes, its brain)."""

    def make(shape=(24, 24, 14), **settings):
        volumes, brain = scan(shape)
        t1, flair = write_mri(tmp_path, volumes, brain)
        write_nifti(tmp_path / "lesion.nii.gz", brain.astype(np.uint8), volumes.affine)
        valid = {metabolite: brain.copy() for metabolite in METABOLITES}
        settings = SliceSettings.of(**settings)
        return (
            slicing.make("sub-01", volumes, valid, brain, settings, "mM", t1, flair, tmp_path / "lesion.nii.gz"),
            volumes,
            brain,
        )

    return make


def world(affine, voxel):
    return affine[:3, :3] @ np.asarray(voxel, float) + affine[:3, 3]


@pytest.mark.parametrize("shape", [(24, 24, 14), (30, 21, 12), (64, 64, 12), (51, 64, 10)])
def test_any_matrix_is_centred_in_the_frame_and_keeps_its_place_in_space(shape, taken):
    s, volumes, brain = taken(shape)
    x, y = s.offset
    assert s.maps.shape == (len(s.slices), 2, 64, 64)
    assert 0 <= 64 - shape[0] - 2 * x <= 1 and 0 <= 64 - shape[1] - 2 * y <= 1
    for place, k in enumerate(s.slices):
        inside = s.maps[place, 1, x : x + shape[0], y : y + shape[1]]
        expected = np.where(brain[:, :, k], volumes.concentration["NAA"][:, :, k], 0)
        assert np.array_equal(inside, expected)
        assert s.maps[place, 1].sum(dtype=float) == pytest.approx(expected.sum(dtype=float))
    i, j, k = 5, 7, s.slices[0]
    assert np.allclose(world(s.affine, (i + x, j + y, k)), world(volumes.affine, (i, j, k)))


def test_a_matrix_larger_than_the_frame_is_refused():
    with pytest.raises(UserError, match="matrix is 72x64, larger than the frame of 64x64"):
        slicing.frame_offset((72, 64, 39), 64)


def test_the_mri_has_three_by_three_by_three_voxels_in_the_place_of_each_voxel(taken):
    s, _, _ = taken()
    assert s.t1.shape == s.flair.shape == (len(s.slices), 3, 192, 192)
    corner = [world(s.mri_affine, (3 * 10 + a, 3 * 20 + b, 3 * 5 + c)) for a in (0, 2) for b in (0, 2) for c in (0, 2)]
    assert np.allclose(np.mean(corner, axis=0), world(s.affine, (10, 20, 5)))
    assert np.allclose(np.ptp(corner, axis=0), 2 / 3 * grid.voxel_mm(s.affine))


def test_mri_and_maps_lie_on_each_other(taken):
    s, _, _ = taken((30, 21, 12))
    pooled = s.t1.reshape(len(s.slices), 3, 64, 3, 64, 3).mean(axis=(1, 3, 5))
    assert np.array_equal(pooled > 1e-3, s.brain)
    place = len(s.slices) // 2
    rows = np.flatnonzero(s.brain[place].any(axis=1))[2:-2]
    row = [pooled[place, i][s.brain[place, i]].mean() for i in rows]
    assert np.allclose(np.diff(row), np.diff(row)[0], rtol=0.02)  # the ramp of 100 per voxel, in order


def test_mri_of_another_resolution_and_place_is_brought_onto_the_grid(tmp_path):
    volumes, brain = scan()
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [-60, -70, -30]
    x = np.arange(140)[:, None, None] - 60.0
    write_nifti(tmp_path / "t1.nii.gz", np.broadcast_to(200 + x, (140, 140, 90)).astype(np.float32), affine)
    on_grid = grid.resample(tmp_path / "t1.nii.gz", volumes.affine, volumes.shape, "linear")
    expected = 200 + world(volumes.affine, (7, 0, 0))[0]
    assert np.allclose(on_grid[7][brain[7]], expected, atol=1e-2)


def test_mri_is_scaled_to_the_brains_own_brightness(taken):
    s, _, _ = taken()
    for image in (s.t1, s.flair):
        assert image.dtype == np.float32
        assert image.min() == 0 and image.max() == 1
        assert (image == 1).mean() < 0.006


def test_maps_are_zero_where_invalid_and_a_fitted_zero_stays_valid(tmp_path):
    volumes, brain = scan()
    volumes.concentration["NAA"][12, 12, 7] = 0
    valid = {metabolite: brain.copy() for metabolite in METABOLITES}
    valid["NAA"][13, 12, 7] = False
    s = slicing.make("sub-01", volumes, valid, brain, SETTINGS, "mM", *write_mri(tmp_path, volumes, brain))
    place = list(s.slices).index(7)
    x, y = s.offset
    assert s.valid[place, 1, 12 + x, 12 + y] and s.maps[place, 1, 12 + x, 12 + y] == 0
    assert not s.valid[place, 1, 13 + x, 12 + y] and s.maps[place, 1, 13 + x, 12 + y] == 0
    assert not s.maps[~s.valid].any() and np.isfinite(s.maps).all()
    assert not s.lesion.any()


def test_a_lesion_on_the_scans_own_grid_is_kept_voxel_by_voxel(taken):
    s, _, _ = taken()
    assert np.array_equal(s.lesion, s.brain)


def test_a_map_with_too_few_valid_voxels_is_left_empty_and_the_slice_stays(tmp_path, caplog):
    volumes, brain = scan()
    valid = {metabolite: brain.copy() for metabolite in METABOLITES}
    valid["NAA"][:, :, 6] = False
    valid["NAA"][12, 10:15, 6] = True
    s = slicing.make("sub-01", volumes, valid, brain, SETTINGS, "mM", *write_mri(tmp_path, volumes, brain))
    place = list(s.slices).index(6)
    assert s.valid[place, 0].any() and not s.valid[place, 1].any() and not s.maps[place, 1].any()
    assert "NAA of slice 6 is left empty, 5 valid voxels are fewer than 50" in caplog.text


def choose(counts, **settings):
    return slicing.choose(
        np.array(counts, float), SliceSettings.of(**{"min_valid_voxels": 1} | settings), "sub-01"
    ).tolist()


def test_chosen_slices_are_contiguous_and_the_longest_run():
    counts = [0, 90, 90, 0, *[50] * 9, 0, 100, 100]
    assert choose(counts) == list(range(4, 13))


def test_a_run_that_is_too_long_is_cut_to_its_fullest_part():
    assert choose([*range(10, 30), 12, 11, 10], max_slices=9, min_valid_fraction=0) == list(range(11, 20))


def test_a_slice_qualifies_by_its_part_of_the_fullest_one_and_by_its_voxels():
    counts = [29, *[30] * 9, 29, 100]
    assert choose(counts, min_slices=1) == list(range(1, 10))
    assert choose(counts, min_slices=1, min_valid_voxels=40) == [11]


def test_too_few_slices_are_refused_with_the_limit_and_what_to_do():
    with pytest.raises(UserError, match="sub-01 has 3 contiguous slices") as error:
        choose([0, 80, 100, 90, 0, 70])
    for part in ("min_slices is 9", "a slice needs 30 valid voxels", "0, 80, 100, 90, 0, 70", "lower min_slices"):
        assert part in str(error.value)
    with pytest.raises(UserError, match="sub-01 has 0 contiguous slices"):
        choose([0, 0, 0])


def test_the_file_is_read_as_it_was_written(taken, tmp_path):
    s, _, _ = taken()
    s.save(tmp_path / "slices.npz")
    again = slices.ParticipantSlices.load(tmp_path / "slices.npz")
    for name, value in vars(s).items():
        assert np.array_equal(getattr(again, name), value), name
        assert type(getattr(again, name)) is type(value), name
    kinds = dict.fromkeys(("maps", "t1", "flair"), "float32") | dict.fromkeys(("valid", "brain", "lesion"), "bool")
    kinds |= dict.fromkeys(("affine", "mri_affine"), "float64") | dict.fromkeys(("slices", "offset"), "int16")
    assert {name: str(getattr(again, name).dtype) for name in kinds} == kinds


def test_a_file_that_holds_no_slices_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", maps=np.zeros(3))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut short")
    for name, message in (("none", "no file of slices"), ("other", "cannot be read"), ("broken", "cannot be read")):
        with pytest.raises(UserError, match=message):
            slices.ParticipantSlices.load(tmp_path / f"{name}.npz")


def test_a_mask_on_three_times_the_grid_counts_where_half_of_a_voxel_is_inside(tmp_path):
    volumes, _ = scan((6, 6, 4))
    fine = np.zeros((18, 18, 12), np.uint8)
    fine[3:6, 3:6, 3:6].flat[:14] = 1
    fine[9:12, 9:12, 3:6].flat[:13] = 1
    write_nifti(tmp_path / "mask.nii.gz", fine, grid.finer(volumes.affine))
    assert np.argwhere(grid.resample_mask(tmp_path / "mask.nii.gz", volumes.affine, (6, 6, 4))).tolist() == [[1, 1, 1]]


def test_the_brain_comes_from_a_mask_file_then_the_volumes_then_the_t1(tmp_path):
    volumes, brain = scan()
    t1, _ = write_mri(tmp_path, volumes, brain)
    smaller = brain.copy()
    smaller[12:] = False
    write_nifti(tmp_path / "mask.nii.gz", smaller.astype(np.uint8), volumes.affine)
    grids = (volumes.affine, volumes.shape)
    assert np.array_equal(grid.brain_mask(~brain, tmp_path / "mask.nii.gz", t1, *grids), smaller)
    assert np.array_equal(grid.brain_mask(smaller, None, t1, *grids), smaller)
    assert np.array_equal(grid.brain_mask(None, None, t1, *grids), brain)
    with pytest.raises(UserError, match="no brain mask"):
        grid.brain_mask(None, None, None, *grids)
    with pytest.raises(UserError, match="no voxel inside"):
        grid.brain_mask(np.zeros(volumes.shape, bool), None, None, *grids)


@pytest.mark.parametrize("wrong", [
    {"min_slices": 0}, {"max_slices": 8}, {"frame": 64.5}, {"frame": 72}, {"min_slices": 9.0},
    {"min_valid_fraction": 1.1}, {"min_valid_voxels": 0},
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        SliceSettings.of(**wrong)


def test_a_mask_that_fills_the_scans_own_grid_has_every_voxel(tmp_path):
    volumes, _ = scan((6, 7, 4))
    full = np.ones((6, 7, 4), np.uint8)
    write_nifti(tmp_path / "mask.nii.gz", full, volumes.affine)
    assert grid.resample_mask(tmp_path / "mask.nii.gz", volumes.affine, full.shape).all()
    fine = [3 * size for size in full.shape]
    for interpolation in ("nearest", "linear"):
        image = grid.resample(tmp_path / "mask.nii.gz", grid.finer(volumes.affine), fine, interpolation)
        assert np.allclose(image, 1)


def test_an_image_ends_half_a_voxel_beyond_its_outermost_centres(tmp_path):
    volumes, _ = scan((6, 7, 4))
    write_nifti(tmp_path / "ones.nii.gz", np.ones((2, 3, 2), np.uint8), grid.translated(volumes.affine, [2, 2, 1]))
    fine = grid.resample(tmp_path / "ones.nii.gz", grid.finer(volumes.affine), (18, 21, 12), "linear")
    expected = np.zeros((18, 21, 12))
    expected[6:12, 6:15, 3:9] = 1
    assert np.allclose(fine, expected)
