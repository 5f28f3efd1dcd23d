"""Agreement between readers: kappa against values by hand, and images that one of them could not rate."""

import numpy as np
import pandas as pd
import pytest

from mrsi_sr.reader_study.agreement import agreement, weighted_kappa


def by_hand(first, second) -> float:
    """Cohen 1968: 1 minus the mean squared difference over that of all pairs of one's scores with the other's."""
    first, second = np.array(first), np.array(second)
    return 1 - ((first - second) ** 2).mean() / ((first[:, None] - second[None]) ** 2).mean()


def test_kappa_is_the_value_by_hand():
    """Scores 10 30 50 70 90 against 10 30 50 90 70: squared differences sum to 800, those of all pairs to 40,000."""
    first, second = [10, 30, 50, 70, 90], [10, 30, 50, 90, 70]
    assert weighted_kappa(first, second) == pytest.approx(1 - (800 / 5) / (40_000 / 25))
    assert weighted_kappa(first, second) == pytest.approx(0.9)


def test_kappa_is_cohens_weighted_kappa_on_any_scores():
    random = np.random.default_rng(1)
    for _ in range(5):
        for used in ([10, 30, 50, 70, 90], [10, 30, 90]):  # a distance counts, whatever scores lie between
            first, second = random.choice(used, size=(2, 40)).tolist()
            assert weighted_kappa(first, second) == pytest.approx(by_hand(first, second))


@pytest.mark.parametrize("scores", [[], [50, 50, 50]])
def test_kappa_is_not_defined_of_no_images_and_of_one_score_alone(scores):
    assert np.isnan(weighted_kappa(scores, scores))


def test_unequal_constant_scores_agree_no_better_than_chance():
    assert weighted_kappa([50, 50], [70, 70]) == 0


def readings(**scores: list[str]) -> pd.DataFrame:
    """Scores of images of one metric, of readings named READER_SESSION; low-resolution and super-resolved in turn."""
    rows = []
    for name, given in scores.items():
        reader, session = name.split("_")
        for i, score in enumerate(given):
            role = ("low_resolution", "super_resolved")[i % 2]
            rows.append((reader, int(session), str(i // 2), "tCho", str(i % 2), role, score))
    return pd.DataFrame(rows, columns=["reader", "session", "case", "metric", "image", "role", "score"])


def row(table: pd.DataFrame, **wanted) -> pd.Series:
    found = table
    for name, value in wanted.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_images_that_one_reader_could_not_rate_are_left_out_and_counted():
    table = agreement(readings(
        a_1=["10", "90", "30", "NA", "NA", "70", "", "90", "10", "90"],
        b_1=["10", "70", "50", "NA", "50", "70", "30", "", "NA", "NA"],
    ))  # fmt: skip
    all_images = row(table, metric="tCho", images="all")
    assert all_images[["scored_by_both", "na_by_one", "na_by_both", "missing"]].tolist() == [4, 3, 1, 2]
    assert all_images.weighted_kappa == pytest.approx(by_hand([10, 90, 30, 70], [10, 70, 50, 70]))
    assert all_images.equal_scores == 0.5
    low = row(table, metric="tCho", images="LR")
    assert low.weighted_kappa == pytest.approx(by_hand([10, 30], [10, 50]))
    assert low[["scored_by_both", "na_by_one", "na_by_both", "missing"]].tolist() == [2, 2, 0, 1]
    assert row(table, metric="all", images="SR").scored_by_both == 2


def test_readers_are_compared_within_a_session_and_one_reader_with_another_session():
    scores = ["10", "90"]
    table = agreement(readings(a_1=scores, b_1=scores, A_2=scores, b_2=scores))
    compared = table[["first", "second", "between"]].drop_duplicates().itertuples(index=False)
    assert {tuple(each) for each in compared} == {
        ("a, session 1", "b, session 1", "readers"), ("A, session 2", "b, session 2", "readers"),
        ("A, session 2", "a, session 1", "sessions"), ("b, session 1", "b, session 2", "sessions"),
    }  # fmt: skip


def test_one_reader_alone_has_a_table_without_rows():
    table = agreement(readings(a_1=["10", "90"]))
    assert len(table) == 0 and "weighted_kappa" in table
