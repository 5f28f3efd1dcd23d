"""What a probe measures: of methods that know the truth, of zero-filling, and of methods that invent."""

import numpy as np
import pandas as pd
import probed
import pytest
from probed import SETTINGS, Knowing, truth_of

from mrsi_sr.probing.measures import THRESHOLDS, edges_of
from mrsi_sr.probing.observer import dice, false_lesions
from mrsi_sr.probing.roc import Detection
from mrsi_sr.probing.spectrum import beyond_band, ring_correlation, split_error, window


def findings(probing, other=None) -> pd.DataFrame:
    return pd.DataFrame(probing.run(other or probed.other()).rows)


@pytest.fixture(scope="module")
def of_truth():
    return findings(Knowing(probed.participant(), truth_of, SETTINGS | {"lesions": 2}))


@pytest.fixture(scope="module")
def of_zero_filled():
    return findings(probed.probe(probed.participant()))


def values(rows, measure, kind="none"):
    return rows[(rows.measure == measure) & (rows.kind == kind)].value.to_numpy()


def test_a_method_that_returns_the_truth_detects_every_lesion_and_sees_no_other(of_truth):
    for kind in ("lesion", "hidden"):
        detection = Detection.of(of_truth, kind)
        assert len(detection.positive) >= 12 and detection.auc == 1
    assert values(of_truth, "false_lesions").max() == 0 and values(of_truth, "searched_ml").min() > 0
    assert values(of_truth, "score", "mri_only") == pytest.approx(0)


def test_a_method_that_returns_the_truth_has_no_error_and_all_detail(of_truth):
    for measure in ("error", "error_measured", "error_unmeasured"):
        assert values(of_truth, measure) == pytest.approx(0)
    for measure in ("frc", "frc_beyond", "sharpness"):
        assert values(of_truth, measure) == pytest.approx(1)
    for kind in ("lesion", "hidden"):
        assert values(of_truth, "dice", kind) == pytest.approx(1)
        assert np.array_equal(values(of_truth, "contrast_true", kind), values(of_truth, "contrast_estimated", kind))
    for kind in ("erased", "erased_in_map"):
        assert len(values(of_truth, "remaining", kind)) and values(of_truth, "remaining", kind) == pytest.approx(0)


def test_the_true_contrast_of_a_planted_lesion_is_its_contrast(of_truth):
    rows = of_truth[(of_truth.measure == "contrast_true") & (of_truth.kind == "lesion")]
    part = (rows.value - 1) / (rows.contrast - 1)  # not the whole: the edge is softened
    assert part.min() > 0.5 and part.max() < 1


def test_zero_filling_has_no_error_where_it_measured_and_adds_nothing_where_it_did_not():
    """Of a scan whose map is valid in the whole frame: a mask's edge cuts off what zero-filling has outside."""
    rows = findings(probed.probe(probed.participant(whole=True)))
    assert values(rows, "error_measured") == pytest.approx(0, abs=1e-6)
    assert values(rows, "error_unmeasured") == pytest.approx(values(rows, "error"))
    assert values(rows, "error").min() > 1e-3


def test_zero_filling_adds_no_detail_and_its_maps_know_no_mri(of_zero_filled):
    for measure in ("sharpness", "frc_beyond"):
        assert values(of_zero_filled, measure) == pytest.approx(0, abs=1e-9)
    for measure in ("leakage", "leakage_of_map"):
        assert (
            len(values(of_zero_filled, measure, "foreign")) and (values(of_zero_filled, measure, "foreign") == 0).all()
        )
    hidden, shown = (values(of_zero_filled, "score", kind) for kind in ("hidden", "lesion"))
    assert np.array_equal(hidden, shown)


def test_a_lesion_that_zero_filling_does_not_resolve_loses_contrast(of_zero_filled):
    rows = of_zero_filled[of_zero_filled.kind == "lesion"].pivot(
        index=["slice", "metabolite", "size", "number"], columns="measure", values="value"
    )
    small = rows.loc[(slice(None), slice(None), 8), :]
    assert (abs(small.contrast_estimated - 1) < abs(small.contrast_true - 1)).all()


def test_a_method_that_paints_what_mri_shows_is_found_out():
    """It multiplies the truth by the FLAIR: lesions of MRI alone appear, and erased ones remain."""

    def painted(slices, _size):
        return slices.maps * (1 + slices.flair.mean(axis=1)[:, None, 1::3, 1::3])

    rows = findings(Knowing(probed.participant(), painted))
    rises = rows[rows.metabolite == "tCho"]
    assert values(rises, "score", "mri_only").min() > 0.1 > abs(values(rises, "score")).max()
    assert values(rises, "contrast_estimated", "erased_in_map").shape == (2,)


def test_leakage_is_the_change_by_foreign_mri_over_the_error_and_correlates_with_its_edges():
    slices, foreign = probed.participant(), probed.other()
    edges = [np.hypot(*(edges_of(getattr(foreign, name)[0]) for name in ("t1", "flair")))] * 2

    def leaking(changed, _size):
        has_foreign = not np.array_equal(changed.t1, slices.t1)
        return changed.maps + changed.valid * (0.5 + has_foreign * np.stack(edges)[:, None])

    rows = findings(Knowing(slices, leaking), foreign)
    valid = slices.valid[0, 0]
    expected = np.linalg.norm(edges[0][valid]) / (0.5 * valid.sum() ** 0.5)
    assert values(rows, "leakage", "foreign") == pytest.approx(expected, rel=1e-4)
    assert values(rows, "foreign_edges", "foreign") == pytest.approx(1, abs=1e-4)
    assert abs(values(rows, "own_edges", "foreign")).max() < 0.5


def test_a_method_that_leaves_half_of_an_erased_lesion_is_told_so():
    slices = probed.participant()

    def sluggish(changed, _size):
        return (changed.maps + slices.maps) / 2

    rows = findings(Knowing(slices, sluggish))
    assert values(rows, "remaining", "erased") == pytest.approx(0.5, abs=0.01)


def test_false_lesions_are_regions_of_normal_tissue_above_the_threshold():
    score = np.zeros((12, 12))
    score[2:4, 2:4], score[4, 4], score[8, 8], score[10, 1], score[6, 6] = 0.5, 0.5, 0.3, 0.9, np.nan
    normal = np.ones((12, 12), bool)
    normal[10, 1] = False
    assert false_lesions(score, normal, [0.1, 0.4, 0.6]) == ([2, 1, 0], 142)


def test_a_blot_on_the_truth_is_one_false_lesion_at_low_thresholds_and_none_above_its_contrast():
    def blotted(slices, _size):
        maps = slices.maps.copy()
        maps[1, 0, 8:11, 10:13] *= 1.4
        return maps

    rows = findings(Knowing(probed.participant(lesion=False), blotted, SETTINGS | {"diameters_mm": [20.0]}))
    found = rows[(rows.measure == "false_lesions") & (rows.slice == 11) & (rows.metabolite == "tCho")]
    counts = found[found["size"] == 8].set_index("at").value
    assert counts[0.2] == 1 and counts[0.5] == 0
    assert rows[(rows.measure == "false_lesions") & (rows.slice == 10)].value.max() == 0
    assert Detection.of(rows[rows["size"] == 8]).false_per_100_ml[THRESHOLDS == 0.2] > 0


def test_the_parts_of_an_error_add_up_and_are_those_of_the_window():
    random = np.random.default_rng(3)
    truth, estimate = random.random((2, 16, 16))
    parts = split_error(estimate, truth, window(8, "clean", 16))
    assert parts["error"] == pytest.approx(np.linalg.norm(estimate - truth) / np.linalg.norm(truth))
    assert parts["error"] ** 2 == pytest.approx(parts["error_measured"] ** 2 + parts["error_unmeasured"] ** 2)
    level = split_error(truth + 1, truth, window(8, "clean", 16))
    assert level["error_unmeasured"] == pytest.approx(0) and level["error_measured"] > 0


def test_the_fourier_correlation_of_equal_maps_is_one_and_that_of_independent_noise_nearly_none():
    one, other = np.random.default_rng(4).standard_normal((2, 64, 64))
    mask, measured = np.ones((64, 64), bool), window(16, "clean", 64)
    assert ring_correlation(one, one, mask) == pytest.approx(1)
    assert abs(ring_correlation(one, other, mask)[8:]).mean() < 0.2
    assert ring_correlation(one, -one, mask) == pytest.approx(-1)
    apart = beyond_band(one, other, mask, measured)
    assert abs(apart["frc_beyond"]) < 0.1 and 0.8 < apart["sharpness"] < 1.25
    assert beyond_band(2 * one, one, mask, measured) == pytest.approx({"sharpness": 4, "frc_beyond": 1})


def test_dice_of_masks():
    one, other = np.zeros((2, 4, 4), bool)
    one[0, :2], other[0, 1:3] = True, True
    assert dice(one, one) == 1 and dice(one, other) == pytest.approx(0.5) and dice(one, ~one) == 0
    assert np.isnan(dice(one & other & ~one, other & ~other))
