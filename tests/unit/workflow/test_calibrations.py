"""An experiment's section `calibration`: what is planned of it, and what is refused before any job starts."""

import copy
import json
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.plan import Plan


@pytest.fixture
def calibrated(raw):
    raw = copy.deepcopy(raw)
    raw["methods"]["repeated"] = raw["methods"]["ddpm"] | {"samples": 8}
    raw["methods"]["held_out"] = raw["methods"]["repeated"] | {"part": "validation", "subset": {"slices": 1}}
    raw["experiments"]["toy"]["calibration"] = {"methods": {"repeated": "held_out"}, "levels": [50]}
    return raw


def test_methods_that_are_calibrated_alone_are_sampled_and_in_no_table(calibrated):
    resolved = Configuration.resolve(calibrated)
    assert {"repeated", "held_out"} <= set(resolved.methods)
    assert not {"repeated", "held_out"} & set(resolved.experiments["toy"].methods)
    assert "ddpm" in resolved.networks_of("toy")


def test_a_network_that_only_a_calibration_uses_is_trained(calibrated):
    calibrated["experiments"]["toy"] |= {"methods": ["zero_filled"], "tables": {}, "figures": {}}
    assert "ddpm" in Configuration.resolve(calibrated).networks_of("toy")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"held_out": {"part": "test"}}, "held_out samples test participants, expected validation"),
        ({"held_out": {"samples": 4}}, "held_out, which has another samples than repeated"),
        ({"repeated": {"sweep": {"key": "temperature", "values": [0.5, 1.0]}}}, "repeated, which has a sweep"),
        ({"repeated": {"part": "validation"}}, "repeated samples validation participants, expected test"),
    ],
)
def test_a_counterpart_that_samples_otherwise_is_refused(changes, words, calibrated):
    for name, change in changes.items():
        calibrated["methods"][name] |= change
    with pytest.raises(UserError, match=words):
        Configuration.resolve(calibrated)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": {"repeated": "held_ou"}}, "calibration.methods held_ou is not known|did you mean held_out"),
        ({"tests": [["repeated", "munet"]]}, "names munet, expected two of repeated"),
        ({"tests": [["repeated", "repeated"]]}, "compares repeated with itself"),
        ({"levels": [100]}, "levels.0 is 100, expected at most 99"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(changes, words, calibrated):
    calibrated["experiments"]["toy"]["calibration"] |= changes
    with pytest.raises(UserError, match=words):
        Configuration.resolve(calibrated)


def plan_of(raw, number: int, monkeypatch, tmp_path) -> Plan:
    """Plan of a cohort of so many phantoms, in a folder without results."""
    monkeypatch.chdir(tmp_path)
    files = ("lcmodel", "t1.nii.gz", "flair.nii.gz")
    rows = [[f"p{k:02d}", *(f"results/simulated/p{k:02d}/{file}" for file in files)] for k in range(number)]
    text = "\n".join("\t".join(row) for row in [["participant", "lcmodel", "t1", "flair"], *rows]) + "\n"
    (tmp_path / "participants.tsv").write_text(text)
    raw["cohort"]["participants"] = "participants.tsv"
    return Plan(raw)


def test_a_level_that_the_validation_participants_of_a_fold_do_not_support_is_refused(
    calibrated, monkeypatch, tmp_path
):
    calibrated["experiments"]["toy"]["calibration"]["levels"] = [50, 75]
    plan_of(calibrated, 15, monkeypatch, tmp_path).check_against_cohort()  # five folds: 3 of them validate
    with pytest.raises(UserError, match=r"has 75 %, but 2 calibration participants support at most 2/3 = 66\.7 %"):
        plan_of(calibrated, 10, monkeypatch, tmp_path).check_against_cohort()
    calibrated["methods"]["held_out"]["subset"] = {"participants": 1}
    with pytest.raises(UserError, match=r"has 75 %, but 1 calibration participants support at most 1/2"):
        plan_of(calibrated, 15, monkeypatch, tmp_path).check_against_cohort()


def test_a_calibration_is_made_of_both_samplings_and_what_is_reported_changes_none(calibrated, monkeypatch, tmp_path):
    plan = plan_of(calibrated, 15, monkeypatch, tmp_path)
    job = SimpleNamespace(experiment="toy", fold="1", method="repeated")
    folder = "results/toy/fold-1/samples"
    assert plan.calibration_samples(job) == [f"{folder}/{name}/provenance.json" for name in ("repeated", "held_out")]
    assert plan.calibration_flags(job) == f"--samples {folder}/repeated --validation {folder}/held_out"
    assert json.loads(plan.intervals(job)).keys() == {"levels", "voxels", "hotspot"}
    assert plan.calibrations() == ["results/toy/calibration/provenance.json"]
    report = json.loads(plan.calibration_settings(job))
    assert report["labels"].keys() == {"repeated"} and report["phantom"] is True
