"""Laws of what is inside a mask and a skull-stripped image: resampling moves no edge."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, shift, zoom
from scipy.spatial import cKDTree
from synthetic_scan import METABOLITES, ball, scan, write_mri

from mrsi_sr.cli import UserError
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
    ([0, 1], 0), ([0, 0.2], 0), ([0, 255], 0), ([0, np.nan, np.inf, 1], 0), ([0, 0], 0), ([-1, -2], 0),
    ([1, 2, 4], 0.5), ([0.9999, 2.0001], 0.5), (range(21), 0.5),  # lesions, apart from each other
    (range(100), 0.5), ([1, 2, 4, 4, 4], 0.5), ([100, 255], 0.5),
    ([0, 3e-7, 0.2, 0.999], 0.4995), ([-0.05, 0.0, 0.3, 1.08], 0.54), ([0, 0.5, 1], 0.5),
])  # fmt: skip
def test_a_mask_of_two_values_or_separate_labels_is_inside_above_zero_and_fractions_above_half_of_their_maximum(
    values, above
):
    apart = [value for label in values for value in (label, 0, 0)]
    assert thresholds.of_mask(np.array(apart, np.float32))[0] == pytest.approx(above)


@pytest.mark.parametrize("radius", [0.42, 0.15, 0.1])
@pytest.mark.parametrize("by", [(0.5, 0, 0), (0.3, 0.4, 0.2), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("scale", [1, 100, 255])
def test_a_resampled_mask_is_inside_above_half_whatever_whole_number_was_its_inside(radius, by, scale):
    values = scale * shift(ball((24, 24, 14), radius).astype(float), by, order=1)
    if scale > 1:
        values = np.rint(values)
    assert thresholds.of_mask(values)[0] == thresholds.of_brain_mask(values, "mask")[0] == pytest.approx(scale / 2)


@pytest.mark.parametrize("radius", [0.42, 0.15])
@pytest.mark.parametrize("levels", [10, 20, 100])
def test_a_probability_in_percent_is_inside_above_half_of_its_maximum(radius, levels):
    smooth = gaussian_filter(ball((24, 24, 14), radius).astype(float), 1.5)
    percent = np.rint(smooth * levels) * 100 / levels
    assert thresholds.of_brain_mask(percent, "mask")[0] == percent.max() / 2


def test_the_votes_of_raters_are_inside_where_more_than_half_of_them_agree():
    votes = np.sum([ball((24, 24, 14), radius) for radius in (0.38, 0.4, 0.42, 0.44)], axis=0)
    assert thresholds.of_brain_mask(votes, "mask")[0] == 2


def parcels(number, shape=(48, 48, 28)):
    """Labels of the regions of a ball that are nearest to random points."""
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    points = np.random.default_rng(0).uniform(0, 1, (number, 3)) * shape
    return ball(shape) * (1 + cKDTree(points).query(places)[1])


def tissues(radii, shape=(48, 48, 28)):
    """Fluid, grey and white matter as shells of a ball: 1 outermost, 3 innermost."""
    return np.sum([ball(shape, radius) for radius in radii], axis=0)


@pytest.mark.parametrize("labels", [
    parcels(2), parcels(10), parcels(60), tissues((0.42, 0.34, 0.26)), 4 - tissues((0.42, 0.38, 0.3)),
    np.where(ball((48, 48, 28), 0.36), 2, 1000 + parcels(30)),  # white matter in a ribbon of cortex
], ids=["hemispheres", "10 regions", "60 regions", "tissues", "tissues from inside", "cortex"])  # fmt: skip
def test_every_label_of_a_segmentation_is_inside(labels):
    labels = np.where(ball(labels.shape), labels, 0)
    for values in (labels, labels[::2, ::2, ::2]):
        assert thresholds.of_mask(values)[0] == thresholds.of_brain_mask(values, "mask")[0] == 0.5


def test_a_brain_mask_that_may_be_thin_tissues_or_three_raters_is_refused_with_how_to_save_it(tmp_path):
    volumes, _ = scan()
    write_nifti(tmp_path / "brain.nii.gz", tissues((0.42, 0.4, 0.38), volumes.shape).astype(np.uint8), volumes.affine)
    with pytest.raises(UserError, match=r"brain.nii.gz has values up to 3"):
        grid.brain_mask(None, tmp_path / "brain.nii.gz", None, volumes.affine, volumes.shape)
    with pytest.raises(UserError, match=r"mask\.nii has values up to 3, which may be labels.*\n.*-bin OUT"):
        thresholds.of_brain_mask(tissues((0.42, 0.4, 0.38), (24, 24, 14)), "mask.nii")
    with pytest.raises(UserError, match="values up to 4"):
        thresholds.of_brain_mask(tissues((0.38, 0.41, 0.44, 0.46), (60, 60, 40)), "mask.nii")
    assert thresholds.of_mask(tissues((0.42, 0.4, 0.38), (24, 24, 14))) == (0.5, "its values are labels or grades")


def z_scored(image, brain, air=0.0):
    scores = np.where(brain, (image - 1.01 * image[brain].mean()) / image[brain].std(), air)
    scores[36, 36, 20] = 0  # inside the brain: its mean
    return scores


@pytest.mark.parametrize("change", [
    z_scored, lambda image, brain: z_scored(image, brain, np.nan),
    lambda image, brain: np.rint(1000 * z_scored(image, brain)),
    lambda image, brain: (image - image.mean()) / image.std(), lambda image, brain: 2 * image / image.max() - 1,
], ids=["air 0", "air NaN", "whole numbers", "air normalised too", "from -1 to 1"])  # fmt: skip
def test_a_normalised_t1_shows_the_brain_and_the_contrast_of_the_t1_itself(tmp_path, change):
    volumes, brain = scan()
    valid = {metabolite: brain.copy() for metabolite in METABOLITES}

    def sliced(*mri):
        return slicing.make("sub-01", volumes, valid, brain, SliceSettings.of(), "mM", *mri)

    mri = write_mri(tmp_path, volumes, brain)
    own = sliced(*mri)
    for path in mri:
        image, affine = read_nifti(path)
        write_nifti(path, change(image.astype(float), image > 0).astype(np.float32), affine)
    assert np.array_equal(grid.brain_mask(None, None, mri[0], volumes.affine, volumes.shape), brain)
    again = sliced(*mri)
    inside = own.t1 > 1e-3
    for name in ("t1", "flair"):
        assert np.corrcoef(getattr(own, name)[inside], getattr(again, name)[inside])[0, 1] > 0.99
        assert getattr(again, name)[inside].min() > 1e-3 > getattr(again, name)[~inside].max()


def test_a_normalised_t1_with_noise_in_air_is_refused(tmp_path):
    volumes, brain = scan()
    t1, _ = write_mri(tmp_path, volumes, brain)
    image, affine = read_nifti(t1)
    image = (noise(20)(image) - 1000) / 500
    write_nifti(t1, image.astype(np.float32), affine)
    with pytest.raises(UserError, match=r"t1.nii.gz has values around zero .*\n.*set air to exactly zero"):
        grid.brain_mask(None, None, t1, volumes.affine, volumes.shape)


def test_an_image_without_negative_values_is_used_as_it_is():
    image = np.random.default_rng(0).uniform(0, 1, (12, 12, 12)) * ball((12, 12, 12))
    assert thresholds.above_air(image, "t1") is image


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
