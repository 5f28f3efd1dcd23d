"""Laws of the tests between methods: unit, family, what few pairs cannot say, and pairing by identity."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.scores import select
from mrsi_sr.report import statistics
from mrsi_sr.report.collect import Collected
from mrsi_sr.report.presence import Absent
from mrsi_sr.settings.report import TableSettings

SETTINGS = TableSettings.of(sizes=[8, 16], metrics=["nrmse", "psnr"], methods=["a", "b", "c"])
PAPER = SETTINGS | {"protocol": "paper", "region": "frame", "test_unit": "map"}


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


def compare(table, settings=SETTINGS, absent=(), **changes):
    methods = list(settings.methods)
    return statistics.compare(Collected(settings, methods, select(table, settings), [], list(absent), []), **changes)


def test_the_unit_of_the_clean_protocol_is_the_participant_and_of_the_papers_the_map():
    table = long_table(participants=8)
    clean = compare(table, SETTINGS)
    assert set(clean.unit) == {"participant"} and set(clean.pairs) == {8} and set(clean.pairs_maps) == {48}
    paper = compare(table.assign(protocol="paper"), PAPER)
    assert set(paper.unit) == {"map"} and set(paper.pairs) == {48}
    assert set(paper.region) == {"frame"} and set(clean.region) == {"mask"}
    assert not {"p_adjusted", "ci_low"} & set(paper)


def test_p_is_scipys_on_the_means_of_participants():
    table = long_table(seed=3)
    row = compare(table, SETTINGS).query("metric == 'psnr' and size == 16 and method_b == 'b'").iloc[0]
    chosen = table.query("metric == 'psnr' and size == 16 and region == 'mask'")
    means = chosen.groupby(["method", "participant"]).value.mean()
    assert row.p == pytest.approx(stats.wilcoxon(means["a"], means["b"]).pvalue)


def test_every_pair_size_and_metric_is_one_test_of_the_family():
    result = compare(long_table(), SETTINGS)
    assert len(result) == 3 * 2 * 2
    smallest = result.p.idxmin()
    assert result.p_adjusted[smallest] == pytest.approx(12 * result.p[smallest])


def test_the_better_method_is_the_lower_nrmse_and_the_higher_psnr():
    assert set(compare(long_table(), SETTINGS | {"methods": ["c", "a"]}).better) == {"a"}


def test_repeated_samples_of_a_map_count_once():
    single = compare(long_table(), SETTINGS)
    table = long_table()
    repeated = pd.concat([table, table.assign(sample=1)])
    assert compare(repeated, SETTINGS).equals(single)


@pytest.mark.parametrize("pairs", [2, 5])
def test_few_pairs_say_that_they_cannot_be_significant(pairs):
    result = statistics.paired_test(np.arange(1.0, pairs + 1))
    assert result["p"] == pytest.approx(0.5 ** (pairs - 1)) and f"{pairs} pairs that differ: p cannot" in result["note"]
    assert np.isnan([result[end] for end in ("ci_low", "exact_low", "rank_biserial_low")]).all()


def test_six_pairs_can_be_significant_and_have_an_interval():
    result = statistics.paired_test(np.arange(1.0, 7))
    assert result["p"] == pytest.approx(0.03125) and result["note"] == ""
    assert (result["exact_low"], result["exact_high"]) == (1, 6)
    assert 1 <= result["ci_low"] < result["median_difference"] < result["ci_high"] <= 6
    assert (result["rank_biserial_low"], result["rank_biserial_high"]) == (1, 1)


def test_one_participant_is_no_test_and_says_so():
    result = compare(long_table(participants=1), SETTINGS)
    assert result.p.isna().all() and result.p_adjusted.isna().all()
    assert result.note.str.contains("not available: 1 pair").all()
    assert result.p_maps.notna().all()


def test_a_family_too_large_for_its_pairs_is_noted():
    result = compare(long_table(participants=8), SETTINGS)
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
    result = compare(table, SETTINGS)
    missing = result[result.metric == "psnr"]
    assert missing.p.isna().all() and missing.note.str.startswith("not available: the metric has no values").all()
    assert result.p_adjusted.min() == pytest.approx(6 * result.p.min())


def test_a_map_that_one_method_lacks_is_named_with_the_files():
    table = long_table()
    table = table.query("not (method == 'b' and participant == 'sub-03' and slice == 2 and metabolite == 'tCho')")
    with pytest.raises(UserError, match="sub-03, slice 2, tCho") as error:
        compare(table, SETTINGS)
    assert "b has no values" in str(error.value) and "b.parquet" in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("sizes", [20]), ("metrics", ["ssim"])])
def test_what_the_files_do_not_have_is_named(key, value):
    with pytest.raises(UserError, match=f"have no .* {value[-1]}"):
        compare(long_table(), SETTINGS | {key: value})


def test_pooled_sizes_are_one_test_over_the_maps_of_all_sizes():
    table = long_table(protocol="paper").assign(protocol="paper")
    result = compare(table, PAPER | {"pool_sizes": True})
    assert len(result) == 3 * 2 and set(result["size"]) == {"all"} and set(result.pairs) == {8 * 3 * 2 * 2}
    row = result.query("metric == 'psnr' and method_a == 'a' and method_b == 'b'").iloc[0]
    psnr = table.query("metric == 'psnr' and region == 'frame'")
    maps = psnr.pivot(index=["participant", "slice", "metabolite", "size"], columns="method", values="value")
    assert row.p == pytest.approx(stats.wilcoxon(maps["a"], maps["b"]).pvalue)


def test_pooled_sizes_are_one_value_of_a_participant_in_the_clean_protocol():
    table = long_table(seed=3)
    row = compare(table, SETTINGS | {"pool_sizes": True}).query("metric == 'psnr' and method_b == 'b'").iloc[0]
    means = table.query("metric == 'psnr' and region == 'mask'").groupby(["method", "participant"]).value.mean()
    assert row.pairs == 8 and row.pairs_maps == 96
    assert row.p == pytest.approx(stats.wilcoxon(means["a"], means["b"]).pvalue)


def test_one_method_has_no_pair():
    with pytest.raises(UserError, match="at least two methods"):
        compare(long_table(), SETTINGS | {"methods": ["a"]})


def test_with_a_reference_every_other_method_is_tested_against_it_and_they_are_the_family():
    result = compare(long_table(), SETTINGS | {"reference": "b"})
    assert set(zip(result.method_a, result.method_b, strict=True)) == {("a", "b"), ("c", "b")} and len(result) == 2 * 4
    smallest = result.p.idxmin()
    assert result.p_adjusted[smallest] == pytest.approx(8 * result.p[smallest])
    nrmse = result[result.metric == "nrmse"].set_index(["method_a", "size"]).median_difference
    assert (nrmse["a"] < 0).all() and (nrmse["c"] > 0).all()  # minus the reference
    with pytest.raises(UserError, match="the reference is d, expected one of a, b, c"):
        compare(long_table(), SETTINGS | {"reference": "d"})


def test_the_effect_sizes_of_known_differences_are_known():
    table = long_table(methods=("a", "b"))
    table["value"] = np.where(table.method == "a", 1.0, 0.0) * (1 + table.participant.str[-2:].astype(int))
    row = compare(table, SETTINGS | {"methods": ["a", "b"], "metrics": ["psnr"]}).iloc[0]
    assert (row.mean_difference, row.median_difference, row.rank_biserial) == (4.5, 4.5, 1)  # 1 to 8
    assert 1 <= row.ci_low < 4.5 < row.ci_high <= 8 and row.better == "a"


def test_the_paired_t_test_is_students_over_the_same_pairs():
    table = long_table(seed=3)
    result = compare(table, PAPER | {"test": "paired_t"})
    row = result.query("metric == 'psnr' and size == 16 and method_b == 'b'").iloc[0]
    chosen = table.query("metric == 'psnr' and size == 16 and region == 'frame'")
    maps = chosen.pivot(index=["participant", "slice", "metabolite"], columns="method", values="value")
    assert row.test == "paired_t" and row.p == pytest.approx(stats.ttest_rel(maps["a"], maps["b"]).pvalue)
    few = statistics.paired_test(np.array([1.0, 1.1, 0.9]), "paired_t")
    assert few["p"] < 0.05 and few["note"] == ""  # three pairs can be significant here


def test_the_unit_of_the_tests_may_be_the_other_protocols():
    result = compare(long_table(), PAPER | {"test_unit": "participant"})
    assert set(result.unit) == {"participant"} and set(result.pairs) == {8} and result.p_adjusted.notna().all()
    assert set(result.region) == {"frame"}


def test_where_values_are_best_near_a_target_the_nearer_method_is_better():
    table = long_table(methods=("a", "b"))
    table["value"] = np.where(table.method == "a", 0.9, 1.4) + 0.01 * table.slice
    slopes = table[table.metric == "nrmse"].assign(metric="slope")
    result = compare(slopes, SETTINGS | {"methods": ["a", "b"], "metrics": ["slope"]})
    assert set(result.better) == {"a"} and set(result.median_difference.round(9)) == {-0.5}


def test_seeds_are_repeated_measurements_and_no_further_pairs():
    table = long_table()
    shifted = table.assign(seed=2, value=table.value + 0.1)
    result = compare(pd.concat([table, shifted]), SETTINGS)
    assert set(result.pairs) == {8} and set(result.pairs_maps) == {48}
    assert result.median_difference.to_numpy() == pytest.approx(compare(table, SETTINGS).median_difference.to_numpy())


def test_tests_of_a_partial_table_are_of_the_folds_that_both_methods_have():
    table = long_table()
    lacking = table[(table.method != "b") | (table.fold == 1)]
    result = compare(lacking, SETTINGS | {"allow_partial": True}, [Absent("b", 2, 1, "missing", "b.parquet")])
    with_b = (result.method_a == "b") | (result.method_b == "b")
    assert set(result.pairs[with_b]) == {4} and set(result.pairs[~with_b]) == {8}
    assert result.note[with_b].str.contains("b lacks fold 2 \\(missing\\)").all()
    assert not result.note[~with_b].str.contains("lacks").any()


def null_table(trials=100, participants=12, maps=12, seed=11):
    """Two equal methods; their difference has a part of the participant, as maps of one scan have. Sizes are trials."""
    random = np.random.default_rng(seed)
    shape = (trials, participants, maps)
    difference = random.normal(0, 1, (*shape[:2], 1)) + random.normal(0, 1, shape)
    size, participant, k = (index.ravel() for index in np.indices(shape))
    one = pd.DataFrame({"participant": np.char.add("sub-", participant.astype(str)), "slice": k, "size": 2 + 2 * size})
    one = one.assign(metabolite="tCr", fold=1, seed=1, sample=0, region="mask", metric="nrmse", file="x")
    both = [one.assign(method=name, value=sign * difference.ravel() / 2) for name, sign in (("a", 1), ("b", -1))]
    return pd.concat(both), [2 + 2 * trial for trial in range(trials)]


def test_maps_of_one_participant_are_no_independent_pairs():
    table, sizes = null_table()
    settings = TableSettings.of(sizes=sizes, metrics=["nrmse"], methods=["a", "b"])
    result = compare(table, settings, intervals=False)
    assert len(result) == 100
    assert np.mean(result.p_maps < 0.05) > 0.35  # far above 5 % of false alarms
    assert np.mean(result.p < 0.05) < 0.12  # 5 % and the error of 100 trials
    assert np.mean(result.p < 0.5) > 0.35  # and yet a test
    assert (result.p_adjusted >= 0.05).all()
