"""Report on calibrations: participants' means, tests between ensembles, captions, and folders that do not fit."""

import json

import numpy as np
import pandas as pd
import pytest
from calibrated import cohort, sample
from scipy.stats import wilcoxon

from mrsi_sr.calibration.fold import calibrate_fold
from mrsi_sr.calibration.maps import SPREAD_EDGES
from mrsi_sr.cli import UserError
from mrsi_sr.report import calibration, calibration_sheets, calibration_tables, sheet
from mrsi_sr.report.figures import calibration_tissues
from mrsi_sr.report.figures.calibration import draw, reliability
from mrsi_sr.settings.calibration import Intervals
from mrsi_sr.settings.calibration_report import CalibrationSettings

TESTED = 6
METHODS = {"own": ("own_validation", 8, 1.0), "sure": ("sure_validation", 8, 2.0), "single": (None, 1, 1.0)}
SETTINGS = {
    "experiment": "toy", "cohort": "tiny", "phantom": True, "levels": [50, 75], "labels": {"own": "Ours"},
    "methods": {name: counterpart for name, (counterpart, *_) in METHODS.items()},
    "tests": [["own", "sure"], ["own", "single"]],
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrations")
    slices, made = cohort(folder / "slices", TESTED + 3), []
    for name, (counterpart, members, factor) in METHODS.items():
        sample(folder / name, slices[:TESTED], name, members, factor)
        if counterpart:
            sample(folder / counterpart, slices[TESTED:], counterpart, members, factor, part="validation")
        made.append(folder / "calibration" / name)
        calibrate_fold(
            folder / name, folder / counterpart if counterpart else None, method=name, fold=1, seed=1, protocol="clean",
            experiment="toy", slices=slices, metrics=["nrmse"], lpips_weights=None,
            settings=Intervals.of(levels=[50, 75]), out=made[-1], code={},
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def calibrations(folders):
    return calibration.read(folders, CalibrationSettings.checked(SETTINGS))


def test_a_participant_counts_once_whatever_the_number_of_its_voxels(calibrations):
    row = calibrations.summary.loc[("own", 8, "raw", "lesion")]
    maps = calibrations.maps.query("method == 'own' and size == 8 and scaling == 'raw' and tissue == 'lesion'")
    maps = maps[maps.part == "test"]
    own = [np.average(each.coverage_50, weights=each.voxels) for _, each in maps.groupby("participant")]
    assert len(own) == TESTED and row.coverage_50 == pytest.approx(np.mean(own))


def test_spread_against_skill_shows_which_ensemble_is_too_sure(calibrations):
    table = calibration_tables.scores(calibrations).set_index(["method", "size", "scaling"])
    assert table.spread_to_skill["own", 8, "raw"] == pytest.approx(1, abs=0.1)
    assert table.spread_to_skill["sure", 8, "raw"] == pytest.approx(np.sqrt((1 + 1 / 8) / (4 + 1 / 8)), abs=0.05)
    assert table.spread_to_skill["sure", 8, "rescaled"] == pytest.approx(1, abs=0.12)
    assert np.isnan(table.spread_to_skill["single", 8, "raw"])
    assert table.nrmse_mean["own", 8, "raw"] == pytest.approx(
        calibrations.maps.query("method=='own' and size==8 and scaling=='raw' and part=='test'")
        .groupby("participant").nrmse_mean.mean().mean()
    )  # fmt: skip


def test_a_test_is_wilcoxons_over_participants_and_each_pair_of_methods_is_a_family_of_holms(calibrations):
    tests = calibration_tables.tests(calibrations)
    assert len(tests) == 2 * (7 + 4)  # sizes; CRPS and three metrics of the mean, and against a member where there are
    chosen = calibrations.maps.query("scaling == 'raw' and part == 'test' and tissue == 'all' and size == 8")
    chosen = chosen.assign(crps=chosen.crps / chosen.truth_rms)
    means = chosen.groupby(["method", "participant"])[["crps", "nrmse_mean", "nrmse_member"]].mean()
    own = tests[(tests.method_b == "sure") & (tests["size"] == 8)].set_index(["quantity_a", "quantity_b"])
    for a, b in (("crps", "crps"), ("nrmse_mean", "nrmse_mean"), ("nrmse_mean", "nrmse_member")):
        differences = means.loc["own"][a] - means.loc["sure"][b]
        assert own.p[a, b] == pytest.approx(wilcoxon(differences).pvalue)
        assert own.better[a, b] == ("own" if differences.median() < 0 else "sure")
    for _, family in tests.groupby("method_b"):
        smallest = family.p.idxmin()
        assert family.p_adjusted[smallest] == pytest.approx(min(1, len(family) * family.p[smallest]))
    lower = tests[tests.quantity_a.str.startswith("psnr") & (tests.method_b == "single")]
    assert (lower.better == np.where(lower.median_difference > 0, "own", "single")).all()


def test_methods_of_other_maps_are_compared_on_those_that_both_have(folders):
    settings = CalibrationSettings.checked(SETTINGS | {"tests": [["own", "single"]]})
    whole = calibration.read(folders, settings)
    part = calibration.Calibrations(
        settings, whole.maps[(whole.maps.method != "single") | (whole.maps.slice == 11)], whole.scores, whole.intervals,
        whole.records,
    )  # fmt: skip
    tests = calibration_tables.tests(part)
    assert set(tests.maps) == {TESTED * 2} and set(tests.pairs) == {TESTED}


def test_the_reliability_of_bins_adds_up_to_spread_and_skill(calibrations):
    chosen = calibrations.participants.xs(("own", 8, "raw", "all"), level=["method", "size", "scaling", "tissue"])
    bins = range(len(SPREAD_EDGES) + 1)
    voxels = chosen[[f"spread_{i}" for i in bins]].sum(axis=1)
    assert (voxels == chosen.voxels).all()
    for sums, name in (("variance", "spread"), ("error", "skill")):
        assert np.allclose(chosen[[f"{sums}_{i}" for i in bins]].sum(axis=1) / voxels, chosen[name])
    x, y = reliability(chosen)
    assert len(x) == len(y) > 2 and (np.diff(x) > 0).all()


def test_captions_name_where_the_numbers_come_from_and_what_is_promised(calibrations):
    made = calibration_sheets.all_of(calibrations)
    assert list(made) == ["scores", "coverage", "intervals", "tests"]
    for name, (table, printed) in made.items():
        text = sheet.markdown(printed)
        assert len(table) and "Ours" in text and "nan" not in text.replace("finan", ""), name
        for words in ("protocol clean", "phantom: simulated, not patients", "fold 1 of 1", "6 test participants",
                      "Configuration "):  # fmt: skip
            assert words in printed.caption, (name, words)
    limit = 14 * 0.5 ** (TESTED - 1)  # tests of the pair, each over six participants
    assert f"Ours and sure: 14 tests, p cannot be below {limit:.2g}" in made["tests"][1].caption
    assert "77.8 % of 8 members" in made["coverage"][1].caption
    assert "no promise for each participant" in made["intervals"][1].caption
    drawn = draw(calibrations)
    assert "phantom: simulated" in "".join(text.get_text() for text in drawn.texts).replace("\n", " ")
    assert [axes.get_ylabel() for axes in drawn.axes[:3]] == [
        "Voxels inside (%)",
        "Frequency / ideal",
        "Error of the mean (%)",
    ]


def test_the_figure_of_tissues_shows_the_coverage_of_each_that_there_is(calibrations):
    drawn = calibration_tissues.draw(calibrations)
    axes = drawn.axes[calibrations.sizes.index(8)]
    shown = {(round(x), round(float(y), 6)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}
    table = calibration_tables.coverage(calibrations).query("size == 8 and scaling == 'rescaled'")
    place = {name: number for number, name in enumerate(calibration_tissues.SHOWN)}
    assert {(place[row.tissue], round(100 * row.coverage, 6)) for row in table.itertuples()} <= shown
    assert set(table.tissue) == set(place)


def test_weights_that_the_validation_participants_chose_are_said_to_weaken_the_promise(calibrations):
    table = calibration_tables.intervals(calibrations)
    assert "lowest loss" not in calibration_sheets.sheet_of_intervals(calibrations, table).caption
    records = [
        record | {"sampling_settings": record["sampling_settings"] | {"weights": "best"}}
        for record in calibrations.records
    ]
    best = calibration.Calibrations(
        calibrations.settings, calibrations.maps, calibrations.scores, calibrations.intervals, records
    )
    caption = calibration_sheets.sheet_of_intervals(best, table).caption
    assert "The weights of Ours, sure are those of the lowest loss of these validation participants" in caption


def test_an_interval_that_too_few_have_a_lesion_for_says_so(calibrations):
    table = calibrations.intervals.copy()
    lesion = table.quantity == "lesion_mean"
    table.loc[lesion, ["calibrated_on", "factor"]] = [1, np.inf]
    part = calibration.Calibrations(
        calibrations.settings, calibrations.maps, calibrations.scores, table, calibrations.records
    )
    found = calibration_tables.intervals(part)
    text = sheet.markdown(calibration_sheets.sheet_of_intervals(part, found))
    assert not found[found.quantity == "lesion_mean"].supported.any()
    assert "not supported: at most 50.0 %" in text and "inf" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "paper"}, "expected {'protocol': 'paper'"),
        ({"experiment": "other"}, "'experiment': 'other'"),
        ({"levels": [50]}, r"'levels': \[50\]"),
        ({"methods": {"own": None, "third": None}, "tests": []}, "no calibration of third is given"),
    ],
)
def test_folders_of_something_else_are_refused(folders, changes, words):
    with pytest.raises(UserError, match=words):
        calibration.read(folders, CalibrationSettings.checked(SETTINGS | changes))


def test_a_damaged_table_is_refused(folders, tmp_path):
    import shutil

    copy = shutil.copytree(folders[0], tmp_path / "own")
    settings = CalibrationSettings.checked(SETTINGS | {"methods": {"own": None}, "tests": []})
    calibration.read([copy], settings)
    table = pd.read_csv(copy / "scores.csv")
    table.assign(score=0).to_csv(copy / "scores.csv", index=False)
    with pytest.raises(UserError, match=r"scores\.csv is damaged"):
        calibration.read([copy], settings)
    (copy / "provenance.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match="cannot be read as a calibration"):
        calibration.read([copy], settings)


def test_residuals_of_all_folds_together_promise_less_and_are_refused_beyond_that(calibrations):
    def pooled(levels, scores):
        settings = CalibrationSettings.checked(SETTINGS | {"levels": levels, "pool_folds": True})
        return calibration_tables.pooled(
            calibration.Calibrations(settings, calibrations.maps, scores, calibrations.intervals, calibrations.records)
        )

    scores = calibrations.scores
    with pytest.raises(UserError, match=r"75 %, but 3 calibration participants support at most 1 - 2/4 = 50\.0 %"):
        pooled([50, 75], scores)
    held_out = scores[scores.part == "validation"]
    others = held_out.assign(fold=2, participant="other-" + held_out.participant, score=held_out.score + 1)
    row = (
        pooled([50], pd.concat([scores, others]))
        .query("method == 'own' and quantity == 'voxels' and size == 8")
        .iloc[0]
    )
    own = held_out.query("method == 'own' and quantity == 'voxels' and size == 8").score
    k = int(np.ceil(7 * 0.75))  # of 6 residuals: (n + 1) (1 + L) / 2
    assert row.factor == pytest.approx(np.sort([*own, *(own + 1)])[k - 1])
    assert (row.participants, row.folds) == (6, 2)
    assert row.guarantee == pytest.approx(50 - 100 * min(2 * (1 / 2) / (3 + 1), (1 - 2 / 6) / (2 + 1)))
