"""Laws of proper scores and of spread: closed forms of normal ensembles, and what cannot matter."""

import numpy as np
import pytest
from scipy.stats import norm
from scoringrules import crps_ensemble, es_ensemble

from mrsi_sr.calibration import scores
from mrsi_sr.calibration.ensembles import Ensemble
from mrsi_sr.calibration.maps import rows_of

MEMBERS, VOXELS = 8, 40_000


@pytest.fixture(scope="module")
def ideal():
    """Members and truth that are drawn alike: normal, about a mean that neither shows."""
    random = np.random.default_rng(3)
    centre, deviation = random.normal(5, 1, VOXELS), random.uniform(0.5, 2, VOXELS)
    members = centre + deviation * random.normal(size=(MEMBERS, VOXELS))
    return members, centre + deviation * random.normal(size=VOXELS), centre, deviation


@pytest.mark.parametrize("members", [2, 8])
def test_the_fair_crps_of_few_members_is_that_of_their_distribution(ideal, members):
    """Closed form of a normal distribution (Gneiting and Raftery 2007, equation 21); within 4 standard errors."""
    few, truth, centre, deviation = ideal
    z = (truth - centre) / deviation
    closed = deviation * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    difference = scores.crps(few[:members], truth) - closed
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(VOXELS)


def test_the_fair_crps_is_the_formula_also_in_parts(ideal, monkeypatch):
    members, truth = ideal[0][:, :50], ideal[1][:50]
    expected = [
        np.mean(np.abs(x - y)) - sum(abs(a - b) for a in x for b in x) / (2 * MEMBERS * (MEMBERS - 1))
        for x, y in zip(members.T, truth, strict=True)
    ]
    assert scores.crps(members, truth) == pytest.approx(expected)
    monkeypatch.setattr(scores, "AT_A_TIME", 5 * MEMBERS**2)
    assert scores.crps(members, truth) == pytest.approx(expected)
    assert not np.allclose(crps_ensemble(truth, members, m_axis=0), expected)  # the library's default is another one


def test_the_energy_score_is_the_fair_one_of_the_library_and_of_one_voxel_the_crps(ideal):
    members, truth = ideal[0][:, :60], ideal[1][:60]
    assert scores.energy_score(members, truth) == pytest.approx(es_ensemble(truth, members, estimator="fair"))
    one = members[:, :1], truth[:1]
    assert scores.energy_score(*one) == pytest.approx(scores.crps(*one)[0])


def test_one_member_has_its_absolute_error_as_crps_and_no_spread(ideal):
    members, truth = ideal[0][:1, :60], ideal[1][:60]
    assert scores.crps(members, truth) == pytest.approx(np.abs(members[0] - truth))
    assert scores.energy_score(members, truth) == pytest.approx(np.linalg.norm(members[0] - truth))
    assert not scores.spread(members).any()


@pytest.mark.parametrize("members", [2, 8])
def test_the_spread_of_an_ideal_ensemble_is_its_skill_whatever_its_size(ideal, members):
    few, truth = ideal[0][:members], ideal[1]
    spread = scores.root_mean_square(scores.spread(few))
    assert spread / scores.root_mean_square(few.mean(axis=0) - truth) == pytest.approx(1, abs=0.02)


def ensemble(members, truth, valid=None, shape=(20, 30)) -> Ensemble:
    number = np.prod(shape)
    valid = np.ones(shape, bool) if valid is None else valid
    return Ensemble(
        "sub-1", 10, 0, "NAA", 8, members[:, :number].reshape(-1, *shape), truth[:number].reshape(shape), valid
    )


def test_the_order_of_voxels_and_of_members_changes_no_score(ideal):
    members, truth = ideal[:2]
    order, others = np.random.default_rng(1).permutation(600), np.random.default_rng(2).permutation(MEMBERS)
    (one,) = rows_of(ensemble(members, truth), {}, [50, 80, 90], "raw")
    (other,) = rows_of(ensemble(members[others][:, order], truth[order]), {}, [50, 80, 90], "raw")
    assert one.keys() == other.keys() and len(one) > 20
    assert {name: other[name] for name in one if name not in ("participant", "metabolite", "scaling", "tissue")} == {
        name: pytest.approx(value) for name, value in one.items() if not isinstance(value, str)
    }


def test_the_unit_of_the_maps_changes_scores_by_its_factor_and_no_share(ideal):
    members, truth = ideal[:2]
    (one,) = rows_of(ensemble(members, truth), {}, [50], "raw")
    (other,) = rows_of(ensemble(1000 * members, 1000 * truth), {}, [50], "raw")
    scaled = ("crps", "energy", "spread", "skill", "truth_rms")
    for name, value in one.items():
        if not isinstance(value, str):
            assert other[name] == pytest.approx(1000 * value if name in scaled else value), name


def test_a_map_of_one_valid_voxel_has_scores_of_that_voxel(ideal):
    members, truth = ideal[:2]
    valid = np.zeros((20, 30), bool)
    valid[4, 7] = True
    (row,) = rows_of(ensemble(members, truth, valid), {"lesion": ~valid}, [50, 90], "raw")  # no valid voxel: no row
    at = 4 * 30 + 7
    assert row["voxels"] == 1 and row["crps"] == pytest.approx(scores.crps(members[:, [at]], truth[[at]])[0])
    assert row["skill"] == pytest.approx(abs(members[:, at].mean() - truth[at]))
    assert sum(value for name, value in row.items() if name.startswith("rank_")) == pytest.approx(1)


def test_members_that_are_all_equal_have_the_scores_of_one(ideal):
    members, truth = np.repeat(ideal[0][:1], MEMBERS, axis=0), ideal[1]
    (row,) = rows_of(ensemble(members, truth), {}, [50, 90], "raw")
    (one,) = rows_of(ensemble(members[:1], truth), {}, [50, 90], "raw")
    assert {name: row[name] for name in one} == {
        name: value if isinstance(value, str) else pytest.approx(value) for name, value in one.items()
    }
    assert row["spread"] == 0 and row["normal_90"] == 0
    assert row["rank_0"] + row[f"rank_{MEMBERS}"] == pytest.approx(1)
