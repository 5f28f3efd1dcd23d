"""Laws of ranks and coverage: exact for ideal ensembles of any size and distribution, ties shared evenly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrsi_sr.calibration.ranks import coverage, normal_coverage, rank_shares
from mrsi_sr.calibration.rescaling import spread_factor

VOXELS = 60_000
DRAWN = {
    "normal": lambda random, shape: random.normal(size=shape),
    "skewed": lambda random, shape: random.exponential(size=shape),
    "heavy": lambda random, shape: random.standard_t(2, shape),
}


def drawn(kind: str, members: int, seed: int = 5):
    random = np.random.default_rng(seed)
    both = DRAWN[kind](random, (members + 1, VOXELS))
    return both[1:], both[0]


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("members", [2, 8])
def test_an_ideal_ensemble_of_any_distribution_has_a_flat_histogram_and_nominal_coverage(kind, members):
    shares = rank_shares(*drawn(kind, members))
    error = np.sqrt(0.25 / VOXELS)  # at most, of a share
    assert shares == pytest.approx(1 / (members + 1), abs=4 * error)
    for level in (0.5, 0.8, 0.9):
        assert coverage(shares, level) == pytest.approx(level, abs=4 * error)


@pytest.mark.parametrize("members", [2, 3, 8, 20])
def test_the_ideal_coverage_is_exact_for_every_number_of_members_and_level(members):
    flat = np.full(members + 1, 1 / (members + 1))
    for level in (0.01, 0.5, 0.8, 0.9, 0.99):
        assert coverage(flat, level) == pytest.approx(level)


def test_an_interval_between_two_members_counts_the_ranks_between_them():
    """Of 8 members, 7/9 is the interval from the lowest to the highest, and 5/9 from the second to the last but one."""
    shares = np.random.default_rng(1).dirichlet(np.ones(9))
    assert coverage(shares, 7 / 9) == pytest.approx(shares[1:-1].sum())
    assert coverage(shares, 5 / 9) == pytest.approx(shares[2:-2].sum())
    assert coverage(shares, 0.9) == pytest.approx(shares[1:-1].sum() + 0.55 * (shares[0] + shares[-1]))


@pytest.mark.parametrize("members", [2, 8])
def test_the_normal_interval_is_exact_for_normal_members_of_any_number(members):
    for level in (0.5, 0.9):
        assert normal_coverage(*drawn("normal", members), level) == pytest.approx(level, abs=0.01)


def test_the_normal_interval_sees_how_far_outside_the_truth_lies():
    members, truth = drawn("normal", 8)
    shares = [rank_shares(members, factor * truth) for factor in (100, 1000)]
    assert coverage(shares[0], 0.9) == pytest.approx(coverage(shares[1], 0.9), abs=0.02)  # counts what is outside
    assert normal_coverage(members, 1000 * truth, 0.9) < 0.02 < 0.5 < coverage(shares[1], 0.9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=3, max_size=6), st.integers(0, 3))
def test_ties_have_on_average_the_rank_that_they_get_when_broken_at_random(members, truth):
    members, random = np.array(members, float), np.random.default_rng(1)
    shares = rank_shares(members[:, None], np.array([float(truth)]))
    jitter = random.uniform(-0.1, 0.1, (len(members) + 1, 4000))
    ranks = (members[:, None] + jitter[1:] < truth + jitter[0]).sum(axis=0)
    broken = np.bincount(ranks, minlength=len(members) + 1) / 4000
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(broken, abs=0.05)


@pytest.mark.parametrize("members", [8, 60])
@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0])
def test_the_factor_of_the_spread_is_the_planted_one(planted, members):
    """Members that deviate from what is known by the planted part of what the truth does.

    The mean of K members has an error of its own, which goes into the interval: the truth's variance about it is
    1 + 1/(K planted^2), the members' 1/planted^2, times 1 + 1/K.
    """
    own, truth = drawn("normal", members)
    expected = planted * np.sqrt((1 + 1 / (members * planted**2)) / (1 + 1 / members))
    found = spread_factor([(own[:, :6000] / planted, truth[:6000])], [0.5, 0.8, 0.9])
    assert found == pytest.approx(expected, rel=0.05)


def test_the_minimum_of_the_fair_crps_is_not_at_one_for_an_ideal_ensemble():
    """Why the factor is not found there: members that are moved about their mean share its error."""
    from scipy.optimize import minimize_scalar

    from mrsi_sr.calibration.scores import crps

    members, truth = (each[..., :20_000] for each in drawn("normal", 8))
    centre = members.mean(axis=0)

    def mean(factor):
        return crps(centre + factor * (members - centre), truth).mean()

    best = minimize_scalar(mean, bounds=(0.5, 2), method="bounded", options={"xatol": 1e-2}).x
    assert best == pytest.approx(np.sqrt((1 + 1 / 8) / ((1 - 1 / 8) * (1 - 2 / 8))), abs=0.05)


@pytest.mark.parametrize("members", [1, 8])
def test_where_nothing_can_be_scaled_the_factor_is_one(members):
    equal = np.repeat(np.arange(5.0)[None], members, axis=0)
    assert spread_factor([(equal, np.arange(5.0) + 1)], [0.5]) == 1
    assert spread_factor([], [0.5]) == 1
