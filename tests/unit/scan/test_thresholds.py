"""Laws of what is inside a mask and a skull-stripped image: resampling moves no edge."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, zoom
from synthetic_scan import METABOLITES, ball, scan, write_mri

from mrsi_sr.scan import grid, slicing, thresholds
from mrsi_sr.scan.nifti import read_nifti, write_nifti
from mrsi_sr.settings.cohort import SliceSettings


@pytest.fixture
def brain_of(tmp_path):
    """brain_of(change): brain mask from a T1 whose values were changed, and the brain that it shows."""
    volumes, brain = scan()
    t1, _ = write_mri(tmp_path, volumes, brain)

    def read(change):
        values, affine = read_nifti(t1)
        write_nifti(tmp_path / "changed.nii.gz", change(values).astype(np.float32), affine)
        return grid.brain_mask(None, None, tmp_path / "changed.nii.gz", volumes.affine, volumes.shape), brain

    return read


def noise(scale):
    return lambda values: values + np.random.default_rng(0).normal(0, scale, values.shape)


@pytest.mark.parametrize("change", [
    noise(0.01), noise(1), noise(20), lambda values: np.abs(noise(5)(values)), lambda values: values + 1,
    lambda values: np.clip(noise(0.01)(values), 0, None), lambda values: np.where(values > 0, values, -1e-6),
])  # fmt: skip
def test_the_brain_of_a_t1_is_the_same_whether_its_air_is_exactly_zero_or_not(brain_of, change):
    mask, brain = brain_of(change)
    assert np.array_equal(mask, brain)


def test_noise_in_air_hides_no_dark_tissue(brain_of):
    """Fluid at the brain's edge, of 5 % of its brightness, beside noise of 0.01."""
    mask, brain = brain_of(lambda values: noise(0.01)(np.where((values > 0) & (values < 1500), 170, values)))
    assert np.array_equal(mask, brain)


def test_interpolation_moves_the_brains_edge_by_less_than_a_voxel(brain_of):
    for change in (
        lambda values: gaussian_filter(values, 1.0),
        lambda values: zoom(zoom(values, 0.5, order=3), 2, order=3),  # cubic: rings below and above zero
    ):
        mask, brain = brain_of(change)
        assert (mask <= binary_dilation(brain)).all() and (mask >= binary_erosion(brain)).all()


def test_air_that_is_exactly_zero_leaves_every_voxel_above_zero_to_the_brain(brain_of):
    """Also fluid nearly as dark as air, and the edge of a linear interpolation."""
    dark = np.random.default_rng(0).uniform(0, 0.05, 10**6)

    def with_dark_fluid(values):
        fluid = (values > 0) & (values < 1500)  # a tenth of the brain
        return np.where(fluid, np.resize(dark, values.shape) * 3000 + 1, values)

    mask, brain = brain_of(with_dark_fluid)
    assert np.array_equal(mask, brain)
    linear = zoom(ball((24, 24, 14)).astype(float) * 200, 3, order=1, mode="grid-constant", grid_mode=True)
    assert thresholds.of_brain(linear)[0] == 0


@pytest.mark.parametrize(("values", "above"), [
    ([0, 1], 0), ([0, 0.2], 0), ([0, 255], 0), ([0, 1, 2, 4], 0.5), ([0, 0.9999, 2.0001], 0.5),
    (range(21), 0.5),  # labels: twenty lesions
    (range(100), 0.5), ([0, 1, 2, 4, 4, 4], 0.5),  # a segmentation; lesions, the last one the largest
    ([0, 3e-7, 0.2, 0.999], 0.4995), ([-0.05, 0.0, 0.3, 1.08], 0.54), ([0, 0.5, 1], 0.5),
    ([*range(0, 256, 4), 255, 255, 255], 127.5), ([0, np.nan, np.inf, 1], 0), ([0, 0], 0), ([-1, -2], 0),
])  # fmt: skip
def test_a_mask_of_two_values_or_labels_is_inside_above_zero_and_any_other_above_half_of_its_maximum(values, above):
    assert thresholds.of_mask(np.array(values, np.float32))[0] == pytest.approx(above)


@pytest.mark.parametrize("tail", [1e-7, 0.01, 0.3])
def test_masks_and_lesions_with_tails_of_resampling_keep_their_size(tmp_path, tail, caplog):
    caplog.set_level("INFO")
    volumes, brain = scan()
    lesion = ball(volumes.shape, 0.2)
    for name, inside in (("brain", brain), ("lesion", lesion)):
        smooth = np.where(inside, 0.98, tail * np.random.default_rng(0).random(volumes.shape))
        write_nifti(tmp_path / f"{name}.nii.gz", smooth.astype(np.float32), volumes.affine)
    mask = grid.brain_mask(None, tmp_path / "brain.nii.gz", None, volumes.affine, volumes.shape)
    assert np.array_equal(mask, brain)
    assert "brain.nii.gz: inside is above 0.49 (half of its maximum" in caplog.text
    valid = {metabolite: brain.copy() for metabolite in METABOLITES}
    mri = write_mri(tmp_path, volumes, brain)
    s = slicing.make("sub-01", volumes, valid, brain, SliceSettings.of(), "mM", *mri, lesion=tmp_path / "lesion.nii.gz")
    assert s.lesion.sum() == lesion[:, :, s.slices].sum()
