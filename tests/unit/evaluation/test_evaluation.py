"""Laws of scoring: samples meet the truth that is theirs, and nothing bad is averaged."""

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import evaluated
import numpy as np
import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile
from tiny_cohort import participant

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import samples as evaluation
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.fold import score_fold
from mrsi_sr.evaluation.metrics import score
from mrsi_sr.results.outputs import read_record
from mrsi_sr.settings.report import TableSettings

METRICS = ["nrmse", "psnr", "ssim"]


@pytest.fixture
def truth():
    return participant("sub-3", seed=3)


@pytest.fixture
def samples(truth):
    """Two samples of every map at one size, in an order that is not the truth's."""
    random = np.random.default_rng(0)
    rows = [(s, m, sample) for sample in range(2) for m in (1, 0) for s in (2, 0, 1)]
    maps = np.stack([truth.maps[s, m] + random.normal(0, 0.3, truth.maps.shape[2:]) for s, m, _ in rows])
    return evaluation.Samples(
        Path("munet/sub-3.npz"), "sub-3", maps.astype(np.float32),
        slice=truth.slices[[s for s, _, _ in rows]], metabolite=np.array(["tCr", "tCho"])[[m for _, m, _ in rows]],
        size=np.full(len(rows), 8, np.int16), sample=np.array([sample for *_, sample in rows], np.int16),
        point=np.full(len(rows), ""),
    )  # fmt: skip


def test_each_sample_is_compared_with_the_true_map_of_its_slice_and_metabolite(samples, truth):
    table = evaluation.evaluate(samples, truth, "clean", METRICS, {})
    row = table.query("slice == 12 and metabolite == 'tCho' and sample == 1 and region == 'mask' and metric == 'psnr'")
    i = np.flatnonzero((samples.slice == 12) & (samples.metabolite == "tCho") & (samples.sample == 1))
    expected = score(samples.maps[i], truth.maps[2, 1][None], truth.valid[2, 1][None], "mask")["psnr"]
    assert row.value.tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(("protocol", "regions"), [("paper", {"frame"}), ("clean", {"mask", "frame"})])
def test_the_protocol_decides_where_metrics_count(samples, truth, protocol, regions):
    table = evaluation.evaluate(samples, truth, protocol, METRICS, {})
    scored, bias = table[table.metric.isin(METRICS)], table[~table.metric.isin(METRICS)]
    assert set(scored.region) == regions
    assert len(scored) == len(samples.maps) * len(METRICS) * len(regions)
    assert set(bias.region) == {"mask"} and len(bias) == len(samples.maps) * 2


def test_the_bias_of_every_sample_is_scored_in_the_mask(samples, truth):
    scaled = replace(samples, maps=(0.8 * evaluation.truth_of(samples, truth)[0] + 0.5).astype(np.float32))
    values = evaluation.evaluate(scaled, truth, "paper", [], {}).groupby("metric").value
    assert values.min().to_dict() == pytest.approx({"slope": 0.8, "offset": 0.5}, rel=1e-4)
    assert values.max().to_dict() == pytest.approx({"slope": 0.8, "offset": 0.5}, rel=1e-4)
    with pytest.raises(UserError, match="unknown metric 'slope'"):
        evaluation.check_metrics(["slope"])


def test_each_region_has_its_own_lpips_of_the_same_truth(samples, truth):
    """The sum of an estimate stands in for its distance: outside the mask it counts in the frame alone."""
    asked = []

    def distance(estimate, true):
        asked.append(len(true))
        return estimate.sum(axis=(1, 2))

    table = evaluation.evaluate(samples, truth, "clean", ["lpips_alex"], {"lpips_alex": distance})
    table = table[table.metric == "lpips_alex"]
    valid = evaluation.truth_of(samples, truth)[1]
    masked = np.where(valid, samples.maps, 0).astype(float)
    assert table[table.region == "frame"].value.tolist() == pytest.approx(samples.maps.sum(axis=(1, 2)), rel=1e-5)
    assert table[table.region == "mask"].value.tolist() == pytest.approx(masked.sum(axis=(1, 2)))
    assert asked == [2 * len(samples.maps)]


def test_an_lpips_metric_without_weights_has_missing_values_and_with_them_values(samples, truth):
    table = evaluation.evaluate(samples, truth, "paper", ["nrmse", "lpips_vgg"], {})
    assert table.query("metric == 'lpips_vgg'").value.isna().all()
    table = evaluation.evaluate(
        samples, truth, "paper", ["lpips_vgg"], {"lpips_vgg": lambda x, y: np.full(len(x), 0.5)}
    )
    assert set(table.query("metric == 'lpips_vgg'").value) == {0.5}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_named_and_refused(samples, truth, bad):
    maps = samples.maps.copy()
    maps[4, 3, 3] = bad
    with pytest.raises(UserError, match="1 of 12 maps") as error:
        evaluation.evaluate(replace(samples, maps=maps), truth, "clean", METRICS, {})
    assert f"sub-3, slice {samples.slice[4]}, tCr, size 8, sample 0" in str(error.value)


def test_a_map_without_a_valid_voxel_is_refused(samples, truth):
    truth.valid[1, 0] = False
    with pytest.raises(UserError, match="sub-3, slice 11, tCr, size 8"):
        evaluation.evaluate(samples, truth, "clean", METRICS, {})


def test_the_truth_given_as_a_sample_is_refused(samples, truth):
    maps = samples.maps.copy()
    maps[0] = truth.maps[2, 1]
    with pytest.raises(UserError, match="the sample is the truth itself"):
        evaluation.evaluate(replace(samples, maps=maps), truth, "clean", METRICS, {})


def test_samples_of_a_slice_or_metabolite_that_the_truth_lacks_are_named(samples, truth):
    with pytest.raises(UserError, match="slice 12, tCho"):
        evaluation.evaluate(samples, replace(truth, slices=truth.slices + 7), "clean", METRICS, {})
    with pytest.raises(UserError, match="metabolites tCr, NAA"):
        evaluation.evaluate(samples, replace(truth, metabolites=("tCr", "NAA")), "clean", METRICS, {})


def test_samples_of_another_frame_are_refused(samples, truth):
    with pytest.raises(UserError, match="14x14 voxels, the truth of sub-3 has 16x16"):
        evaluation.evaluate(replace(samples, maps=samples.maps[:, 1:-1, 1:-1]), truth, "clean", METRICS, {})


@pytest.fixture
def table(samples, truth):
    table = evaluation.evaluate(samples, truth, "clean", METRICS, {})
    return table.assign(method="munet", fold=1, seed=1, protocol="clean")


def test_the_table_comes_back_as_it_was_written(table, tmp_path):
    scores.write(table, tmp_path / "munet.parquet", protocol="clean", experiment="demo")
    back = scores.read([tmp_path / "munet.parquet"], "clean", "demo").astype(dict.fromkeys(scores.WORDS, str))
    pd.testing.assert_frame_equal(back[scores.COLUMNS], table[scores.COLUMNS], check_dtype=False)


def test_two_protocols_or_experiments_are_not_mixed_and_all_files_of_another_are_named(table, tmp_path):
    facts = {"a": ("clean", "demo"), "b": ("clean", "ftddm"), "c": ("paper", "demo"), "d": ("paper", "ftddm")}
    for name, (protocol, experiment) in facts.items():
        one = table.assign(method=name)
        scores.write(one, tmp_path / f"{name}.parquet", protocol=protocol, experiment=experiment)
    for others, fact, asked in (("b", "experiment", None), ("cd", "protocol", None), ("b", "experiment", "demo")):
        with pytest.raises(UserError, match=f"not of the {fact}") as error:
            scores.read([tmp_path / f"{name}.parquet" for name in ("a", *others)], "clean", asked)
        assert [name for name in "abcd" if f"/{name}.parquet:" in str(error.value)] == [*others]


@pytest.mark.parametrize("asked", [("paper", "demo"), ("clean", "ftddm")])
def test_files_of_another_protocol_or_experiment_than_asked_are_refused(table, tmp_path, asked):
    scores.write(table, tmp_path / "a.parquet", protocol="clean", experiment="demo")
    with pytest.raises(UserError, match=r"not of the .* '(paper|ftddm)':\n.*a\.parquet: (clean|demo)"):
        scores.read([tmp_path / "a.parquet"], *asked)


def test_one_missing_value_among_others_is_refused(table, tmp_path):
    table.loc[5, "value"] = np.nan
    scores.write(table, tmp_path / "a.parquet", protocol="clean", experiment="")
    with pytest.raises(UserError, match="1 values of nrmse"):
        scores.read([tmp_path / "a.parquet"], "clean")


def test_a_method_of_one_fold_in_two_files_is_refused(table, tmp_path):
    for name in "ab":
        scores.write(table, tmp_path / f"{name}.parquet", protocol="clean", experiment="")
    with pytest.raises(UserError, match="munet of fold 1, seed 1, is in two files"):
        scores.read([tmp_path / "a.parquet", tmp_path / "b.parquet"], "clean")


@pytest.mark.parametrize(
    "bad",
    [{"protocol": "both"}, {"region": "brain"}, {"protocol": "paper", "region": "mask"}, {"metrics": ["rmse"]},
     {"sizes": []}, {"methods": ["a", "a"]}],
)  # fmt: skip
def test_table_settings_that_mean_nothing_are_refused(bad):
    with pytest.raises(UserError, match=f"{list(bad)[-1]}.* is .*, expected"):
        TableSettings.of(**bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:0], "it has no rows"),
        (lambda table: pd.concat([table, table.iloc[3:4]]), "values of a map more than once"),
        (lambda table: table.assign(value="0.3"), "value is of type"),
        (lambda table: table.assign(participant=None), "do not name their map"),
    ],
)
def test_a_metrics_file_without_rows_or_with_other_ones_is_refused(change, message, table, tmp_path):
    scores.write(change(table), tmp_path / "munet.parquet", protocol="clean", experiment="demo")
    with pytest.raises(UserError, match=message):
        scores.read([tmp_path / "munet.parquet"], "clean")


def test_rows_that_would_fill_the_machine_are_not_read(table, tmp_path, monkeypatch):
    scores.write(table, tmp_path / "munet.parquet", protocol="clean", experiment="demo")
    monkeypatch.setattr(scores, "BYTES_PER_ROW", 2**60)
    with pytest.raises(UserError, match="more than this machine's memory"):
        scores.read([tmp_path / "munet.parquet"], "clean")


@pytest.mark.parametrize("snr", [5, 3])
def test_scores_are_of_participants_who_were_prepared_alike(snr, tmp_path):
    made = evaluated.write(tmp_path / "made", participants=2)
    for path, limit in zip(made["slices"], (5, snr), strict=True):
        own = {"settings": {"max_slices": 9}, "quality": {"min_snr": limit}, "code": {}, "made_from": {}}
        path.with_suffix(".provenance.json").write_text(json.dumps(own))
    out = tmp_path / "munet.parquet"
    scored = partial(
        score_fold, made["samples"]["munet", 1], method="munet", fold=1, seed=1, protocol="clean", experiment="",
        slices=made["slices"], metrics=["nrmse"], lpips_weights=None, out=out,
        record=tmp_path / "munet.provenance.json", code={},
    )  # fmt: skip
    if snr == 5:
        scored()
        assert read_record(tmp_path / "munet.provenance.json")["cohort"] == {
            "slices": {"max_slices": 9},
            "quality": {"min_snr": 5},
        }
        return
    with pytest.raises(UserError, match="the slices of sub-10 and sub-11 were made with different settings"):
        scored()
    assert not out.exists()


def test_no_flipped_bit_of_the_values_is_another_value(table, tmp_path):
    """Also where no record lies beside the file: pages have checksums."""
    path = tmp_path / "munet.parquet"
    scores.write(table, path, protocol="clean", experiment="demo")
    whole, before = path.read_bytes(), scores.read([path], "clean").value.to_numpy()
    column = ParquetFile(path).metadata.row_group(0).column(scores.COLUMNS.index("value"))
    start = column.dictionary_page_offset or column.data_page_offset
    for position in np.linspace(start, start + column.total_compressed_size - 1, 25).astype(int):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 16]) + whole[position + 1 :])
        with suppress(UserError):
            assert np.array_equal(scores.read([path], "clean").value, before)
