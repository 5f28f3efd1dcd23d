"""Detection: ROC, thresholds, methods at equal detection, agreement of contrasts, resolution."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mrsi_sr.probing import roc
from mrsi_sr.probing.measures import THRESHOLDS
from mrsi_sr.probing.roc import Detection


def rows_of(lesions, normal, false_above: float, searched_ml: float = 50.0) -> pd.DataFrame:
    """Findings with these scores, and two false lesions at all thresholds up to one."""
    found = [("lesion", "score", np.nan, value) for value in lesions]
    found += [("none", "score", np.nan, value) for value in normal]
    found += [("none", "false_lesions", at, 2.0 * (at <= false_above)) for at in THRESHOLDS]
    return pd.DataFrame(
        [*found, ("none", "searched_ml", np.nan, searched_ml)], columns=["kind", "measure", "at", "value"]
    )


def test_the_area_under_the_roc_is_that_of_the_reference():
    random = np.random.default_rng(1)
    positive, negative = random.normal(0.7, 1, 40).round(1), random.normal(0, 1, 90).round(1)  # with ties
    expected = roc_auc_score([1] * 40 + [0] * 90, np.concatenate([positive, negative]))
    assert roc.auc(positive, negative) == pytest.approx(expected)
    false_positive, sensitivity = roc.roc(positive, negative)
    assert np.trapezoid(sensitivity, false_positive) == pytest.approx(expected)


def test_scores_that_tell_nothing_have_an_area_of_one_half():
    assert roc.auc(np.zeros(5), np.zeros(7)) == 0.5 and np.isnan(roc.auc(np.zeros(0), np.zeros(7)))


def test_sensitivity_at_a_rate_takes_no_more_normal_places_than_that():
    positive, negative = np.array([0.1, 0.5, 0.9]), np.linspace(0, 0.45, 10)
    assert roc.sensitivity_at(positive, negative, 0.1) == pytest.approx(2 / 3)
    assert roc.sensitivity_at(positive, negative, 0.8) == 1


def test_two_methods_are_compared_at_the_thresholds_where_they_detect_the_same():
    """The faint method shows lesions at half the contrast, and its false ones at half of theirs: it is no better."""
    strong = rows_of([0.2, 0.4, 0.6, 0.8], [0, 0.1], false_above=0.5)
    faint = rows_of([0.1, 0.2, 0.3, 0.4], [0, 0.05], false_above=0.26)
    assert Detection.of(strong).threshold_at(0.5) == pytest.approx(0.58)
    assert Detection.of(faint).threshold_at(0.5) == pytest.approx(0.28)
    assert roc.false_at_equal_detection(strong, faint, 0.5) == (0, 0)
    assert roc.false_at_equal_detection(strong, faint, 0.75) == (4, 4)  # 2 in 50 ml
    never = roc.false_at_equal_detection(strong, rows_of([-0.1, 0.4], [0], 0.3), 0.9)
    assert never[0] == 4 and np.isnan(never[1])


def test_a_region_that_grows_together_at_a_low_threshold_counts_on():
    rows = rows_of([0.5], [0], false_above=0.5)
    rows.loc[(rows.measure == "false_lesions") & (rows["at"] < 0.1), "value"] = 1.0
    assert Detection.of(rows).false_per_100_ml[0] == 4


def test_bias_and_limits_are_bland_and_altmans():
    true, estimated = np.random.default_rng(2).random((2, 30))
    difference = estimated - true
    bias, low, high = roc.bias_and_limits(true, estimated)
    assert bias == pytest.approx(np.mean(difference))
    assert (low, high) == pytest.approx([np.mean(difference) + k * 1.96 * np.std(difference, ddof=1) for k in (-1, 1)])


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([1, 1, 0.75, 0.25], 10 / 0.7), ([1, 0.9, 0.8, 0.7], 10 / 0.8), ([0.4, 1, 1, 1], np.nan)],
)
def test_the_resolution_is_where_the_correlation_first_falls_below_the_threshold(curve, expected):
    frequency = np.array([0.2, 0.4, 0.6, 0.8])
    assert roc.resolution_mm(frequency, np.array(curve), 0.5) == pytest.approx(expected, nan_ok=True)
