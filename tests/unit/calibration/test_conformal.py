"""Laws of split-conformal prediction over participants: what n of them support, and the coverage that follows."""

import numpy as np
import pytest

from mrsi_sr.calibration import conformal
from mrsi_sr.calibration.voxels import participant_score
from mrsi_sr.cli import UserError


@pytest.mark.parametrize(("participants", "highest"), [(5, 83), (10, 90), (19, 95), (99, 99), (1, 50)])
def test_n_participants_support_n_of_n_plus_one(participants, highest):
    assert conformal.is_supported(highest, participants)
    assert highest == 99 or not conformal.is_supported(highest + 1, participants)
    assert conformal.highest_level(participants) == pytest.approx(100 * participants / (participants + 1))
    assert conformal.needed(highest) <= participants


@pytest.mark.parametrize("level", range(1, 100))
def test_the_number_that_a_level_needs_is_the_smallest_that_supports_it(level):
    for pooled in (False, True):
        number = conformal.needed(level, pooled)
        assert conformal.is_supported(level, number, pooled) and not conformal.is_supported(level, number - 1, pooled)


def test_twenty_pooled_residuals_support_90_percent_and_no_more():
    assert conformal.is_supported(90, 20, pooled=True) and not conformal.is_supported(91, 20, pooled=True)
    assert conformal.highest_level(20, pooled=True) == pytest.approx(100 * (1 - 2 / 21))
    assert conformal.pooled_guarantee(90, 20, folds=20) == 90  # one participant a fold
    assert conformal.pooled_guarantee(90, 20, folds=5) == pytest.approx(90 - 100 * 0.75 / 6)
    assert conformal.pooled_guarantee(90, 100, folds=2) == pytest.approx(90 - 100 / 51)  # few large folds lose less


@pytest.mark.parametrize(
    ("levels", "participants", "pooled", "words"),
    [
        ([80, 90], 5, False, "has 90 %, but 5 calibration participants support at most 5/6 = 83.3 %"),
        ([90, 95], 10, False, "has 95 %, but 10 calibration participants support at most 10/11 = 90.9 %"),
        ([95], 20, True, r"has 95 %, but 20 calibration participants support at most 1 - 2/21 = 90.5 %"),
    ],
)
def test_a_level_that_is_not_supported_is_refused_with_the_arithmetic(levels, participants, pooled, words):
    with pytest.raises(UserError, match=words) as error:
        conformal.check_levels(levels, participants, "levels", pooled)
    assert f"{levels[-1]} % needs {conformal.needed(levels[-1], pooled)}" in str(error.value)
    conformal.check_levels([50], participants, "levels", pooled)


@pytest.mark.parametrize(("participants", "level"), [(5, 80), (10, 90), (10, 50), (19, 95)])
def test_the_promise_is_kept_and_is_not_loose(participants, level):
    """Of exchangeable scores without ties the coverage is k / (n + 1) exactly: a new one has any rank alike."""
    random, repetitions = np.random.default_rng(4), 20_000
    scores = random.standard_t(2, (repetitions, participants + 1)) ** 2  # of any distribution
    bounds = np.array([conformal.bound(own[:-1], level) for own in scores])
    rank = np.ceil((participants + 1) * level / 100)
    error = np.sqrt(0.25 / repetitions)
    assert (scores[:, -1] <= bounds).mean() == pytest.approx(rank / (participants + 1), abs=4 * error)
    assert rank / (participants + 1) >= level / 100


def test_voxels_of_a_participant_do_not_count_as_participants():
    """Errors that all voxels of a participant share: a bound over voxels misses new participants, ours does not."""
    random, level, missed = np.random.default_rng(6), 90, []
    for _ in range(2000):
        scale = random.exponential(size=11)
        errors = np.sort(scale[:, None] * np.abs(random.normal(size=(11, 40))), axis=1)
        bound = conformal.bound([participant_score(own, 90) for own in errors[:-1]], level)
        over_voxels = conformal.bound(errors[:-1].ravel(), level)
        missed.append([participant_score(errors[-1], 90) > each for each in (bound, over_voxels)])
    ours, theirs = np.mean(missed, axis=0)
    assert ours <= 0.1 + 4 * np.sqrt(0.1 * 0.9 / 2000) and theirs > 0.13


def test_a_bound_that_is_not_supported_is_infinite():
    assert conformal.bound([1.0, 2.0, 3.0], 90) == np.inf
    assert conformal.bound([3.0, 1.0, 2.0], 75) == 3


@pytest.mark.parametrize("number", [1, 7, 10])
def test_a_participants_score_is_the_lowest_factor_with_enough_voxels_inside(number):
    errors = np.sort(np.random.default_rng(number).exponential(size=number))
    score = participant_score(errors, 90)
    assert (errors <= score).mean() >= 0.9 > (errors < score).mean()
