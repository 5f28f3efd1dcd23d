"""Laws of paired differences: textbook values, SciPy's p-values, coverage of the intervals."""

import numpy as np
import pytest
from scipy import stats

from mrsi_sr.report import paired


def test_holm_rejects_as_worked_by_hand():
    assert paired.holm([0.01, 0.04, 0.03, np.nan]) == pytest.approx([0.03, 0.06, 0.06, np.nan], nan_ok=True)


def test_the_rank_biserial_correlation_is_one_where_all_differences_are_positive_and_odd():
    differences = np.array([0.5, 1.5, 2.0, 0.1])
    assert paired.rank_biserial(differences) == 1
    assert paired.rank_biserial(-differences) == -1
    assert paired.rank_biserial(np.array([1.0, -2.0, 3.0, 0.0])) == pytest.approx((1 - 2 + 3) / 6)


def test_the_rank_biserial_correlation_of_many_sets_is_that_of_each():
    sets = np.array([[0.5, -1.0, 2.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, -1.0]])
    assert paired.rank_biserial(sets).tolist() == [paired.rank_biserial(each) for each in sets]
    assert paired.rank_biserial(sets).tolist() == pytest.approx([(1 - 2 + 3) / 6, -1, 0, 1 / 3])


# Hollander and Wolfe, table 3.1 (depression scale, 9 patients): estimate -0.46, 96 % interval (-0.786, -0.010)
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_the_hodges_lehmann_difference_and_its_exact_interval_are_the_textbooks():
    assert paired.hodges_lehmann(AFTER - BEFORE) == pytest.approx(-0.46, abs=1e-9)
    assert paired.exact_interval(AFTER - BEFORE) == pytest.approx((-0.786, -0.010), abs=1e-9)


def test_p_values_are_scipys_and_the_t_test_is_students():
    differences = AFTER - BEFORE
    assert paired.signed_rank_p(differences) == stats.wilcoxon(AFTER, BEFORE).pvalue
    assert paired.paired_t_p(differences) == pytest.approx(stats.ttest_rel(AFTER, BEFORE).pvalue, rel=1e-12)
    t = differences.mean() / (differences.std(ddof=1) / 3)
    assert paired.paired_t_p(differences) == pytest.approx(2 * stats.t.sf(abs(t), 8), rel=1e-12)
    assert paired.paired_t_p(np.zeros(4)) == 1 and np.isnan(paired.paired_t_p(np.full(4, 0.5)))


def test_the_bootstrap_interval_is_scipys_percentile_interval():
    def statistic(values, axis):
        return np.apply_along_axis(paired.hodges_lehmann, axis, values)

    differences = np.random.default_rng(4).normal(0.3, 1, 20)
    theirs = stats.bootstrap(
        (differences,), statistic, n_resamples=999, method="percentile", axis=-1, rng=np.random.default_rng(5)
    ).confidence_interval
    ours = paired.bootstrap_interval(differences, paired.hodges_lehmann_of_each)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.15 * (theirs.high - theirs.low))


def test_the_hodges_lehmann_difference_of_many_sets_is_that_of_each():
    sets = np.random.default_rng(1).normal(size=(7, 12))
    assert paired.hodges_lehmann_of_each(sets) == pytest.approx([paired.hodges_lehmann(each) for each in sets])


@pytest.mark.parametrize("pairs", [6, 20, 80])
def test_the_exact_interval_covers_the_true_shift_at_least_as_often_as_it_says(pairs):
    random = np.random.default_rng(pairs)
    intervals = [paired.exact_interval(random.normal(1, 1, pairs)) for _ in range(400)]
    assert np.mean([low <= 1 <= high for low, high in intervals]) > 0.925  # 95 % minus the error of 400 trials


def test_the_bootstrap_interval_covers_the_true_shift_of_25_participants():
    random = np.random.default_rng(25)
    intervals = [paired.bootstrap_interval(random.normal(1, 1, 25), paired.hodges_lehmann_of_each) for _ in range(40)]
    assert np.mean([low <= 1 <= high for low, high in intervals]) > 0.8  # 93 % minus the error of 40 trials


@pytest.mark.parametrize("statistic", [paired.hodges_lehmann_of_each, paired.rank_biserial])
def test_a_bootstrap_interval_is_the_same_in_every_run_and_needs_six_pairs(statistic):
    differences = np.random.default_rng(2).normal(size=6)
    assert paired.bootstrap_interval(differences, statistic) == paired.bootstrap_interval(differences, statistic)
    assert np.isnan(paired.bootstrap_interval(differences[:5], statistic)).all()


@pytest.mark.parametrize("tied", [False, True])
def test_the_averages_of_pairs_are_ranked_without_being_listed(monkeypatch, tied):
    monkeypatch.setattr(paired, "LISTED", 50)
    random = np.random.default_rng(0)
    for pairs in (1, 2, 15, 60, 121):
        values = random.normal(size=pairs)
        values = np.sort(np.round(values) / 2 if tied else values)
        first, second = np.triu_indices(pairs)
        averages = np.sort((values[first] + values[second]) / 2)
        ranks = random.integers(0, len(averages), 10).tolist()
        assert [paired.walsh_average(values, k) for k in ranks] == pytest.approx(averages[ranks], abs=1e-12)


def test_equal_differences_need_no_list_however_many_they_are(monkeypatch):
    monkeypatch.setattr(paired, "LISTED", 50)
    monkeypatch.setattr(np, "partition", lambda *_: pytest.fail("pairs are listed"))
    assert [paired.walsh_average(np.full(60, 0.25), k) for k in (0, 900, 1829)] == [0.25] * 3
