"""Laws of the tests between methods: exact values, what few pairs cannot say, and pairing by identity."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mrsi_sr.cli import UserError
from mrsi_sr.report import statistics
from mrsi_sr.settings.experiment import TableSettings

SETTINGS = TableSettings.of(sizes=[8, 16], metrics=["nrmse", "psnr"], methods=["a", "b", "c"])


def long_table(participants=8, methods=("a", "b", "c"), samples=1, seed=0, protocol="clean"):
    """A long table in which method a is best in every map and c worst."""
    random = np.random.default_rng(seed)
    rows = []
    for p in range(participants):
        for k, name, size in [(k, name, size) for k in range(3) for name in ("tCr", "tCho") for size in (8, 16)]:
            for m, method in enumerate(methods):
                for sample in range(samples):
                    value = 0.2 + 0.1 * m + random.uniform(0, 0.05)
                    identity = (f"sub-{p:02d}", k, name, size, method, 1 + p % 2, sample)
                    for region in ("mask", "frame"):
                        rows.append((*identity, region, "nrmse", value, protocol, f"{method}.parquet"))
                        rows.append((*identity, region, "psnr", 40 - 30 * value, protocol, f"{method}.parquet"))
    columns = ["participant", "slice", "metabolite", "size", "method", "fold", "sample", "region", "metric", "value"]
    return pd.DataFrame(rows, columns=[*columns, "protocol", "file"]).assign(seed=1)


def test_the_unit_of_the_clean_protocol_is_the_participant_and_of_the_papers_the_map():
    table = long_table(participants=8)
    clean = statistics.compare(table, SETTINGS)
    assert set(clean.unit) == {"participant"} and set(clean.pairs) == {8} and set(clean.pairs_maps) == {48}
    paper = statistics.compare(table.assign(protocol="paper"), SETTINGS | {"protocol": "paper", "region": "frame"})
    assert set(paper.unit) == {"map"} and set(paper.pairs) == {48}
    assert set(paper.region) == {"frame"} and set(clean.region) == {"mask"}
    assert "p_adjusted" not in paper


def test_p_is_scipys_on_the_means_of_participants():
    table = long_table(seed=3)
    row = statistics.compare(table, SETTINGS).query("metric == 'psnr' and size == 16 and method_b == 'b'").iloc[0]
    chosen = table.query("metric == 'psnr' and size == 16 and region == 'mask'")
    means = chosen.groupby(["method", "participant"]).value.mean()
    assert row.p == pytest.approx(stats.wilcoxon(means["a"], means["b"]).pvalue)


def test_every_pair_size_and_metric_is_one_test_of_the_family():
    result = statistics.compare(long_table(), SETTINGS)
    assert len(result) == 3 * 2 * 2
    smallest = result.p.idxmin()
    assert result.p_adjusted[smallest] == pytest.approx(12 * result.p[smallest])


def test_holm_rejects_as_worked_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, np.nan]) == pytest.approx([0.03, 0.06, 0.06, np.nan], nan_ok=True)


def test_the_better_method_is_the_lower_nrmse_and_the_higher_psnr():
    assert set(statistics.compare(long_table(), SETTINGS | {"methods": ["c", "a"]}).better) == {"a"}


def test_repeated_samples_of_a_map_count_once():
    single = statistics.compare(long_table(), SETTINGS)
    table = long_table()
    repeated = pd.concat([table, table.assign(sample=1)])
    assert statistics.compare(repeated, SETTINGS).equals(single)


def test_the_rank_biserial_correlation_is_one_where_all_differences_are_positive_and_odd():
    differences = np.array([0.5, 1.5, 2.0, 0.1])
    assert statistics.rank_biserial(differences) == 1
    assert statistics.rank_biserial(-differences) == -1
    assert statistics.rank_biserial(np.array([1.0, -2.0, 3.0, 0.0])) == pytest.approx((1 - 2 + 3) / 6)


def test_the_hodges_lehmann_interval_is_the_textbooks():
    # Hollander and Wolfe, table 3.1 (depression scale, 9 patients): estimate -0.46, 96 % interval (-0.786, -0.010)
    x = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    assert statistics.hodges_lehmann(y - x) == pytest.approx((-0.46, -0.786, -0.010), abs=1e-9)


@pytest.mark.parametrize("pairs", [6, 20, 80])
def test_the_interval_covers_the_true_shift_at_least_as_often_as_it_says(pairs):
    random = np.random.default_rng(pairs)
    intervals = [statistics.hodges_lehmann(random.normal(1, 1, pairs)) for _ in range(400)]
    assert np.mean([low <= 1 <= high for _, low, high in intervals]) > 0.925  # 95 % minus the error of 400 trials


@pytest.mark.parametrize("pairs", [2, 5])
def test_few_pairs_say_that_they_cannot_be_significant(pairs):
    result = statistics.paired_test(np.arange(1.0, pairs + 1))
    assert result["p"] == pytest.approx(0.5 ** (pairs - 1)) and f"{pairs} pairs that differ: p cannot" in result["note"]
    assert np.isnan(result["ci_low"])


def test_six_pairs_can_be_significant_and_have_an_interval():
    result = statistics.paired_test(np.arange(1.0, 7))
    assert result["p"] == pytest.approx(0.03125) and result["note"] == ""
    assert (result["ci_low"], result["ci_high"]) == (1, 6)


def test_one_participant_is_no_test_and_says_so():
    result = statistics.compare(long_table(participants=1), SETTINGS)
    assert result.p.isna().all() and result.p_adjusted.isna().all()
    assert result.note.str.contains("not available: 1 pair").all()
    assert result.p_maps.notna().all()


def test_a_family_too_large_for_its_pairs_is_noted():
    result = statistics.compare(long_table(participants=8), SETTINGS)
    assert result.note.str.contains("12 tests in the family: p_adjusted cannot be below 0.0938").all()


def test_differences_of_zero_take_no_part_and_equal_methods_have_p_one():
    equal = statistics.paired_test(np.zeros(9))
    assert equal["p"] == 1 and equal["zeros"] == 9 and equal["rank_biserial"] == equal["median_difference"] == 0
    assert equal["note"] == "all differences are zero"
    some = np.array([0.0, 0, 0.3, 0.2, 0.5, -0.1, 0.7, 0.8])
    result = statistics.paired_test(some)
    assert result["zeros"] == 2 and result["p"] == pytest.approx(stats.wilcoxon(some[2:]).pvalue)


def test_a_metric_that_is_not_available_is_noted_and_leaves_the_family():
    table = long_table()
    table.loc[table.metric == "psnr", "value"] = np.nan
    result = statistics.compare(table, SETTINGS)
    missing = result[result.metric == "psnr"]
    assert missing.p.isna().all() and missing.note.str.startswith("not available: the metric has no values").all()
    assert result.p_adjusted.min() == pytest.approx(6 * result.p.min())


def test_a_map_that_one_method_lacks_is_named_with_the_files():
    table = long_table()
    table = table.query("not (method == 'b' and participant == 'sub-03' and slice == 2 and metabolite == 'tCho')")
    with pytest.raises(UserError, match="sub-03, slice 2, tCho") as error:
        statistics.compare(table, SETTINGS)
    assert "b has no values" in str(error.value) and "b.parquet" in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("sizes", [20]), ("metrics", ["ssim"]), ("methods", ["a", "d"])])
def test_what_the_files_do_not_have_is_named(key, value):
    with pytest.raises(UserError, match=f"have no .* {value[-1]}"):
        statistics.compare(long_table(), SETTINGS | {key: value})


def test_pooled_sizes_are_one_test_over_the_maps_of_all_sizes():
    table = long_table(protocol="paper").assign(protocol="paper")
    paper = SETTINGS | {"protocol": "paper", "region": "frame", "pool_sizes": True}
    result = statistics.compare(table, paper)
    assert len(result) == 3 * 2 and set(result["size"]) == {"all"} and set(result.pairs) == {8 * 3 * 2 * 2}
    row = result.query("metric == 'psnr' and method_a == 'a' and method_b == 'b'").iloc[0]
    psnr = table.query("metric == 'psnr' and region == 'frame'")
    maps = psnr.pivot(index=["participant", "slice", "metabolite", "size"], columns="method", values="value")
    assert row.p == pytest.approx(stats.wilcoxon(maps["a"], maps["b"]).pvalue)


def test_pooled_sizes_are_one_value_of_a_participant_in_the_clean_protocol():
    table = long_table(seed=3)
    row = (
        statistics.compare(table, SETTINGS | {"pool_sizes": True}).query("metric == 'psnr' and method_b == 'b'").iloc[0]
    )
    means = table.query("metric == 'psnr' and region == 'mask'").groupby(["method", "participant"]).value.mean()
    assert row.pairs == 8 and row.pairs_maps == 96
    assert row.p == pytest.approx(stats.wilcoxon(means["a"], means["b"]).pvalue)


@pytest.mark.parametrize("tied", [False, True])
def test_the_averages_of_pairs_are_ranked_without_being_listed(monkeypatch, tied):
    monkeypatch.setattr(statistics, "LISTED", 50)
    random = np.random.default_rng(0)
    for pairs in (1, 2, 15, 60, 121):
        values = random.normal(size=pairs)
        values = np.sort(np.round(values) / 2 if tied else values)
        first, second = np.triu_indices(pairs)
        averages = np.sort((values[first] + values[second]) / 2)
        ranks = random.integers(0, len(averages), 10).tolist()
        assert [statistics.walsh_average(values, k) for k in ranks] == pytest.approx(averages[ranks], abs=1e-12)


def test_equal_differences_need_no_list_however_many_they_are(monkeypatch):
    monkeypatch.setattr(statistics, "LISTED", 50)
    monkeypatch.setattr(np, "partition", lambda *_: pytest.fail("pairs are listed"))
    assert [statistics.walsh_average(np.full(60, 0.25), k) for k in (0, 900, 1829)] == [0.25] * 3


def test_one_method_has_no_pair():
    with pytest.raises(UserError, match="at least two methods"):
        statistics.compare(long_table(), SETTINGS | {"methods": ["a"]})
