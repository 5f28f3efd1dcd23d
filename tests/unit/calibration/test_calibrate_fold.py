"""Calibration of a method in a fold, from samples to tables: ensembles of known quality, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from calibrated import cohort, sample

from mrsi_sr.calibration.clinic import readings
from mrsi_sr.calibration.ensembles import ensembles_of
from mrsi_sr.calibration.fold import calibrate_fold
from mrsi_sr.calibration.tissue import tissues_of
from mrsi_sr.calibration.voxels import scale_of
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import score
from mrsi_sr.evaluation.samples import Samples
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.calibration import Intervals

TESTED = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Samples of 2 test and 5 validation participants by a method whose spread is half of what it should be."""
    folder = tmp_path_factory.mktemp("calibration")
    slices = cohort(folder / "slices", TESTED + 5)
    sample(folder / "own", slices[:TESTED], factor=2)
    sample(folder / "validation", slices[TESTED:], "own_validation", factor=2, part="validation")
    return folder, slices


def calibrate(made, out, validation="validation", levels=(50, 80), samples="own", method="own"):
    folder, slices = made
    calibrate_fold(
        folder / samples, folder / validation if validation else None, method=method, fold=1, seed=1, protocol="clean",
        experiment="toy", slices=slices, metrics=["nrmse"], lpips_weights=None,
        settings=Intervals.of(levels=list(levels)), out=out, code={},
    )  # fmt: skip
    return pd.read_parquet(out / "maps.parquet"), pd.read_csv(out / "intervals.csv"), json.loads(
        (out / "provenance.json").read_text()
    )  # fmt: skip


@pytest.fixture(scope="module")
def calibrated(made, tmp_path_factory):
    return calibrate(made, tmp_path_factory.mktemp("out") / "own")


def test_a_spread_of_half_is_found_and_mended(calibrated):
    maps, _, record = calibrated
    whole = maps[(maps.tissue == "all") & (maps.part == "test")].groupby("scaling")[["coverage_50", "normal_80"]].mean()
    expected = np.sqrt((4 + 1 / 8) / (1 + 1 / 8))  # of 8 members, whose mean has an error of its own
    assert list(record["factors"].values()) == pytest.approx([expected] * 2, rel=0.08)
    assert (whole.loc["raw"] < [0.35, 0.65]).all()
    assert whole.loc["rescaled"].tolist() == pytest.approx([0.5, 0.8], abs=0.05)


def test_rescaling_leaves_the_ensemble_mean_and_the_conformal_scores_as_they_are(made, calibrated, tmp_path):
    maps, intervals, _ = calibrated
    of_map = maps[maps.tissue == "all"].pivot_table(
        index=["participant", "slice", "metabolite", "size"], columns="scaling", values=["nrmse_mean", "nrmse_member"]
    )
    assert np.allclose(of_map["nrmse_mean", "raw"], of_map["nrmse_mean", "rescaled"])
    assert (of_map["nrmse_member", "rescaled"] > of_map["nrmse_member", "raw"]).mean() > 0.9
    other = calibrate(made, tmp_path / "own", levels=(30, 80))[1]  # another factor
    same = (each[each.level == 80].drop(columns="level").reset_index(drop=True) for each in (intervals, other))
    pd.testing.assert_frame_equal(*same)


def test_scores_are_of_each_map_once_in_every_tissue_and_those_of_the_mean_are_evaluates(made, calibrated):
    folder, slices = made
    maps, _, _ = calibrated
    assert not maps.duplicated(["participant", "part", "slice", "metabolite", "size", "scaling", "tissue"]).any()
    truth, samples = ParticipantSlices.load(slices[0]), Samples.load(folder / "own" / "sub-00.npz")
    each = next(ensembles_of(samples, truth, "clean"))
    expected = score(each.mean[None], each.truth[None], each.valid[None], "mask")["nrmse"][0]
    row = maps[(maps.participant == "sub-00") & (maps.slice == each.slice) & (maps.metabolite == each.metabolite)]
    row = row[(row["size"] == each.size) & (row.scaling == "raw")].set_index("tissue")
    assert row.nrmse_mean["all"] == pytest.approx(expected)
    assert row.skill["all"] / row.truth_rms["all"] == pytest.approx(expected)  # NRMSE is the relative skill
    parts = row.drop(index="all")
    assert parts.voxels.sum() == row.voxels["all"] == each.valid.sum()
    assert (parts.voxels * parts.crps).sum() == pytest.approx(row.voxels["all"] * row.crps["all"])


def test_a_participants_intervals_are_of_what_it_is_read_for(made, calibrated):
    folder, slices = made
    _, intervals, _ = calibrated
    assert set(intervals.participant) == {"sub-00", "sub-01"} and set(intervals.calibrated_on) == {5}
    truth, samples = ParticipantSlices.load(slices[0]), Samples.load(folder / "own" / "sub-00.npz")
    lesion = intervals.query("participant == 'sub-00' and quantity == 'lesion_mean' and level == 80").iloc[0]
    column = truth.metabolites.index(lesion.metabolite)
    inside = truth.valid[1, column] & truth.lesion[1]
    assert lesion.truth == pytest.approx(truth.maps[1, column][inside].mean(), rel=1e-6)
    chosen = (samples.slice == 11) & (samples.metabolite == lesion.metabolite) & (samples.size == lesion["size"])
    assert lesion.estimate == pytest.approx(samples.maps[chosen][:, inside].mean(), rel=1e-6)
    assert lesion.high - lesion.estimate == pytest.approx(lesion.factor * lesion.scale, rel=1e-4)
    assert ((intervals.low <= intervals.truth) & (intervals.truth <= intervals.high))[
        intervals.quantity == "lesion_mean"
    ].tolist() == intervals.inside[intervals.quantity == "lesion_mean"].tolist()
    voxels = intervals[intervals.quantity == "voxels"]
    assert ((voxels.share >= 0.9) == voxels.inside).all()


def test_a_hotspot_is_counted_by_the_maps_own_median_in_millilitres(made):
    folder, slices = made
    truth = ParticipantSlices.load(slices[0])
    truth.affine[:3, :3] *= 10  # voxels of 1 ml
    ensembles = list(ensembles_of(Samples.load(folder / "own" / "sub-00.npz"), truth, "clean"))
    found = {(each.metabolite, each.size): each for each in readings(ensembles, truth, 1.2) if "hot" in each.quantity}
    for (metabolite, size), reading in found.items():
        own = [each for each in ensembles if (each.metabolite, each.size) == (metabolite, size)]
        volume = 0
        for each in own:
            outside = each.valid & ~truth.lesion[each.row]
            volume += (each.truth[each.valid] > 1.2 * np.median(each.truth[outside])).sum()
        assert reading.truth == pytest.approx(volume) and volume > 0
    for each in ensembles:
        each.members[:] = each.members[:1]
    agreed = [each for each in readings(ensembles, truth, 1.2) if "hot" in each.quantity]
    assert [each.scale for each in agreed] == pytest.approx([1.0] * len(agreed))  # a voxel


def test_the_scale_of_a_voxel_is_open_where_members_agree_and_needs_no_truth(made):
    folder, slices = made
    each = next(ensembles_of(Samples.load(folder / "own" / "sub-00.npz"), ParticipantSlices.load(slices[0]), "clean"))
    each.truth[:] = np.nan
    assert (scale_of(each)[each.valid] > 0).all()
    each.members[:] = each.members[:1]
    assert scale_of(each)[each.valid] == pytest.approx(0.01 * np.abs(each.members[0])[each.valid].mean())


def test_without_validation_participants_there_are_scores_and_no_intervals(made, tmp_path):
    maps, intervals, record = calibrate(made, tmp_path / "own", validation=None)
    assert set(maps.part) == {"test"} and set(maps.scaling) == {"raw"}
    assert intervals.empty and record["factors"] == {}


def test_one_member_has_its_error_alone(made, tmp_path):
    folder, slices = made
    sample(folder / "single", slices[:TESTED], "single", members=1)
    maps, _, _ = calibrate(made, tmp_path / "single", validation=None, samples="single", method="single")
    assert not any(name.startswith(("coverage", "rank", "spread")) for name in maps)
    whole = maps[maps.tissue == "all"]
    assert np.allclose(whole.nrmse_mean, whole.nrmse_member)


def test_a_level_beyond_the_validation_participants_is_refused_and_nothing_is_written(made, tmp_path):
    with pytest.raises(UserError, match=r"has 90 %, but 5 calibration participants support at most 5/6 = 83\.3 %"):
        calibrate(made, tmp_path / "own", levels=(80, 90))
    assert not (tmp_path / "own").exists()


def test_test_participants_and_other_settings_are_refused_as_calibration(made, tmp_path):
    folder, slices = made
    with pytest.raises(UserError, match="who is a test participant"):
        calibrate(made, tmp_path / "own", validation="own")
    sample(folder / "other", slices[TESTED:], "other", members=4, part="validation")
    with pytest.raises(UserError, match="made with other settings"):
        calibrate(made, tmp_path / "own", validation="other")


def test_tissues_are_the_classes_of_t1_and_no_voxel_is_in_two(made):
    slices = ParticipantSlices.load(made[1][0])
    bright = {"ventricle": 0.1, "grey": 0.5, "white": 0.9}
    x = np.arange(slices.brain.shape[1])
    thirds = {name: (x // 4 % 3 == number)[:, None] & slices.brain for number, name in enumerate(bright)}
    t1 = sum(
        value * np.repeat(np.repeat(np.repeat(thirds[name][:, None], 3, 1), 3, 2), 3, 3)
        for name, value in bright.items()
    )
    slices.t1[:] = t1 + np.random.default_rng(1).normal(0, 0.05, t1.shape)
    found = tissues_of(slices)
    assert sum(each.astype(int) for each in found.values()).max() == 1
    assert (found["lesion"] == slices.lesion & slices.brain).all()
    for name, expected in thirds.items():
        assert (found[name] == expected & ~slices.lesion).all()
    slices.t1[:] = 0.5
    assert not any(tissues_of(slices)[name].any() for name in bright)


@pytest.mark.parametrize(("changes", "words"), [
    ({"point": "a"}, "has the points a of a sweep, whose samples are no ensemble"),
    ({"maps": np.nan}, "has values that are not finite"),
])  # fmt: skip
def test_samples_that_are_no_ensemble_are_refused(changes, words, made):
    folder, slices = made
    samples = Samples.load(folder / "own" / "sub-00.npz")
    for name, value in changes.items():
        getattr(samples, name)[...] = value
    truth = ParticipantSlices.load(slices[0])
    with pytest.raises(UserError, match=words):
        list(ensembles_of(samples, truth, "clean"))
