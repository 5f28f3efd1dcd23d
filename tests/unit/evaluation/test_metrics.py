"""Laws of the metrics: they are scikit-image's, and the mask region sees nothing outside the mask."""

import numpy as np
import pytest
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from mrsi_sr.evaluation import metrics

MAPS = 4


@pytest.fixture
def maps():
    random = np.random.default_rng(7)
    x, y = np.mgrid[:64, :64]
    valid = ((x - 31) / 22) ** 2 + ((y - 33) / 27) ** 2 < 1
    valid = valid & (random.random((MAPS, 64, 64)) > 0.05)
    truth = np.where(valid, random.gamma(4, 2, (MAPS, 64, 64)), 0).astype(np.float32)
    estimate = (truth + random.normal(0, 1, truth.shape)).astype(np.float32)
    return estimate, truth, valid


@pytest.mark.parametrize("metric", ["nrmse", "psnr", "ssim"])
def test_each_metric_in_the_frame_is_scikit_images_map_by_map(maps, metric):
    estimate, truth, valid = maps
    values = metrics.score(estimate, truth, valid, "frame")[metric]
    for x, y, value in zip(estimate.astype(float), truth.astype(float), values, strict=True):
        span = y.max() - y.min()
        expected = {
            "nrmse": lambda x=x, y=y: normalized_root_mse(y, x),
            "psnr": lambda x=x, y=y, span=span: peak_signal_noise_ratio(y, x, data_range=span),
            "ssim": lambda x=x, y=y, span=span: structural_similarity(y, x, data_range=span),
        }[metric]()
        assert value == pytest.approx(expected, rel=1e-9)


def test_each_metric_in_the_mask_is_scikit_images_on_the_voxels_of_the_mask(maps):
    estimate, truth, valid = maps
    values = metrics.score(estimate, truth, valid, "mask")
    for i in range(MAPS):
        x, y = np.where(valid[i], estimate[i], 0).astype(float), truth[i].astype(float)
        span, inside = y.max() - y.min(), valid[i]
        _, similarity = structural_similarity(y, x, data_range=span, full=True)
        assert values["nrmse"][i] == pytest.approx(normalized_root_mse(y[inside], x[inside]), rel=1e-9)
        assert values["psnr"][i] == pytest.approx(peak_signal_noise_ratio(y[inside], x[inside], data_range=span))
        assert values["ssim"][i] == pytest.approx(similarity[inside].mean(), rel=1e-9)


def test_the_mask_region_does_not_see_what_an_estimate_says_outside_the_mask(maps):
    estimate, truth, valid = maps
    elsewhere = np.where(valid, estimate, 50)
    for metric, values in metrics.score(estimate, truth, valid, "mask").items():
        assert np.array_equal(values, metrics.score(elsewhere, truth, valid, "mask")[metric])
    assert (metrics.score(elsewhere, truth, valid, "frame")["nrmse"] > 1).all()


@pytest.mark.parametrize("region", ["frame", "mask"])
def test_the_unit_of_the_maps_does_not_matter(maps, region):
    estimate, truth, valid = maps
    millimolar = metrics.score(estimate, truth, valid, region)
    micromolar = metrics.score(estimate * 1000, truth * 1000, valid, region)
    for metric, values in millimolar.items():
        assert np.allclose(values, micromolar[metric], rtol=1e-5)


@pytest.mark.parametrize("region", ["frame", "mask"])
def test_the_truth_itself_scores_perfectly(maps, region):
    _, truth, valid = maps
    values = metrics.score(truth, truth, valid, region)
    assert np.array_equal(values["nrmse"], np.zeros(MAPS))
    assert np.isposinf(values["psnr"]).all()
    assert np.allclose(values["ssim"], 1)


def test_an_estimate_of_zero_has_an_nrmse_of_one(maps):
    _, truth, valid = maps
    assert np.allclose(metrics.score(np.zeros_like(truth), truth, valid, "frame")["nrmse"], 1)


def test_what_is_not_valid_is_zero_in_the_truth(maps):
    estimate, truth, valid = maps
    unmasked = np.where(valid, truth, 9)
    for metric, values in metrics.score(estimate, truth, valid, "frame").items():
        assert np.array_equal(values, metrics.score(estimate, unmasked, valid, "frame")[metric])


def test_a_true_map_of_zeros_gives_no_finite_nrmse_or_psnr(maps):
    estimate, truth, valid = maps
    values = metrics.score(estimate, np.zeros_like(truth), valid, "frame")
    for metric in ("nrmse", "psnr"):
        assert not np.isfinite(values[metric]).any()


def test_slope_and_offset_are_the_straight_line_through_the_valid_voxels(maps):
    estimate, truth, valid = maps
    bias = metrics.intensity_bias(np.where(valid, 0.7 * estimate + 2, 50), truth, valid)
    for i in range(MAPS):
        slope, offset = np.polyfit(truth[i][valid[i]], 0.7 * estimate[i][valid[i]] + 2, 1)
        assert (bias["slope"][i], bias["offset"][i]) == pytest.approx((slope, offset), rel=1e-5)


def test_a_method_that_halves_intensities_is_seen_by_the_slope_where_it_hides_from_a_correlation(maps):
    _, truth, valid = maps
    halved = metrics.intensity_bias(0.5 * truth, truth, valid)
    assert halved["slope"] == pytest.approx(np.full(MAPS, 0.5))
    assert halved["offset"] == pytest.approx(np.zeros(MAPS), abs=1e-5)


def test_the_best_value_is_the_lowest_the_highest_or_the_nearest_to_the_target():
    values = [0.2, 0.9, 1.3]
    best = {name: min(values, key=metrics.METRICS[name].badness) for name in ("nrmse", "psnr", "slope", "offset")}
    assert best == {"nrmse": 0.2, "psnr": 1.3, "slope": 0.9, "offset": 0.2}
    assert [metrics.METRICS[name].arrow for name in best] == ["↓", "↑", "→1", "→0"]
