"""Changed settings, inputs and modules are named as the configuration names them."""

import json

import pytest

from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.status import causes


@pytest.fixture
def configuration(raw) -> Configuration:
    return Configuration.resolve(raw)


def lines(configuration, script, flag, old, new, row=(), **wildcards) -> list[str]:
    """Causes of one flag whose value was `old` when the result was made. row: filled columns of the participant."""
    words = [[] if value is None else [f"--{flag}", value] for value in (old, new)]
    return list(causes.of_command(script, *words, wildcards, configuration, dict.fromkeys(row, "filled")))


def test_a_changed_learning_rate_is_named_with_both_values(configuration):
    old, new = ({"learning_rate": rate, "iterations": 4} for rate in (1e-4, 2e-4))
    said = lines(configuration, "train", "settings", json.dumps(old), json.dumps(new), network="ddpm")
    assert said == ["networks.ddpm.learning_rate: 0.0001 -> 0.0002"]


def test_a_setting_inside_the_sampler_is_named_by_its_whole_path(configuration):
    old, new = ({"label": "DDPM", "sampler": {"kind": "ancestral", "variance": each}} for each in ("posterior", "beta"))
    said = lines(configuration, "sample", "settings", json.dumps(old), json.dumps(new), method="ddpm")
    assert said == ["methods.ddpm.sampler.variance: posterior -> beta"]


def test_the_networks_of_a_method_are_called_by_their_names_not_by_their_roles(configuration):
    old, new = ({"denoiser": {"learning_rate": rate}} for rate in (1, 2))
    said = lines(configuration, "sample", "network-settings", json.dumps(old), json.dumps(new), method="ddpm")
    assert said == ["networks.ddpm.learning_rate: 1 -> 2"]


def test_what_a_table_is_told_of_a_method_is_called_as_the_method_has_it(configuration):
    old, new = ({"labels": {"ddpm": label}, "expected": label} for label in ("DDPM", "Other"))
    wildcards = {"experiment": "toy", "table": "comparison"}
    said = lines(configuration, "table", "settings", json.dumps(old), json.dumps(new), **wildcards)
    assert said == ["methods.ddpm.label: DDPM -> Other"]


def test_a_flag_that_a_script_has_no_more_is_said_and_a_new_one_too(configuration):
    assert lines(configuration, "train", "seed", "3", None, experiment="toy") == ["experiments.toy.seeds: 3 -> none"]
    assert lines(configuration, "train", "seed", None, "3", experiment="toy") == ["experiments.toy.seeds: none -> 3"]
    assert lines(configuration, "train", "other", None, "3") == ["train's other: none -> 3"]
    assert lines(configuration, "ingest", "t1", None, "t1.nii.gz") == ["participants.t1: none -> t1.nii.gz"]


def test_a_key_is_named_where_a_person_sets_it(configuration):
    assert lines(configuration, "ingest", "flip", None, "x") == ["cohort.ingest.flip: none -> x"]
    assert lines(configuration, "ingest", "flip", None, "x", row=["flip"]) == ["participants.flip: none -> x"]
    old, new = '{"lesion": true, "matrix": [8]}', '{"lesion": false, "matrix": [9]}'
    assert lines(configuration, "simulate", "settings", old, new) == [
        "participants.lesion: true -> false", "cohort.simulate.matrix: [8] -> [9]"
    ]  # fmt: skip
    where = {"experiment": "toy", "table": "comparison"}
    assert lines(configuration, "table", "settings", '{"folds": [1]}', '{"folds": [1, 2]}', **where) == [
        "experiments.toy.folds.run: [1] -> [1, 2]"
    ]


def test_what_decides_no_result_is_no_cause(configuration):
    for flag in ("threads", "batch-size", "checkpoint-every", "out"):
        assert lines(configuration, "train", flag, "1", "2") == []


def test_a_command_is_read_flag_by_flag():
    words = [
        "--needs",
        "flow=a",
        "--t1=t1.nii.gz",
        "--needs",
        "other=b",
        "--fast",
        "--slices",
        "a",
        "b",
        "2>&1",
        "|",
        "tee",
    ]
    assert causes.flags_of(words) == {
        "needs": ["flow=a", "other=b"], "t1": ["t1.nii.gz"], "fast": [], "slices": ["a", "b"]
    }  # fmt: skip


def test_flags_are_compared_key_by_key():
    old, new = {"flow": {"levels": 3}}, {"flow": {"levels": 4}, "t1": "t1.nii.gz"}
    assert list(causes.differences(old, new)) == [(("flow", "levels"), 3, 4), (("t1",), None, "t1.nii.gz")]


def test_participants_that_come_go_or_change_folds_are_named(configuration):
    said = lines(configuration, "folds", "participants", "sub-01=1,sub-02=2", "sub-01=2,sub-03=2", experiment="toy")
    assert said == [
        "participants: fold of sub-01: 1 -> 2",
        "participants: sub-02 is not there any more",
        "participants: sub-03 is new",
    ]


def test_a_new_participants_file_is_a_new_participant_and_a_new_file_of_a_known_one_is_a_file():
    known = "results/cohorts/toy/sub-01/slices.npz"
    other = "results/cohorts/toy/sub-02/slices.npz"
    assert list(causes.of_files([known], [known, other])) == ["participants: sub-02 is new"]
    assert list(causes.of_files([known, other], [known])) == ["participants: sub-02 is not there any more"]
    assert list(causes.of_files([known], [known, "data/lesion.nii.gz"])) == ["input data/lesion.nii.gz is new"]


def test_modules_are_named_as_files_of_the_clone():
    script = {"workflow/scripts/train.py": "1"}
    old = {"mrsi_sr/a.py": "1", "mrsi_sr/c.py": "1", "mrsi_sr/same.py": "1"}
    assert list(causes.of_code(old, {"mrsi_sr/b.py": "1", "mrsi_sr/c.py": "2", "mrsi_sr/same.py": "1"} | script)) == [
        "src/mrsi_sr/a.py is no longer used",
        "src/mrsi_sr/b.py is now used",
        "src/mrsi_sr/c.py changed",
        "workflow/scripts/train.py is now used",
    ]


def test_networks_handed_over_are_compared_by_their_settings_alone(configuration):
    """The folder goes to other sites: its record has no list of scans."""
    said = list(
        causes.of_command(
            "hand_over", ["--settings", '{"sizes": [8]}'],
            ["--settings", '{"sizes": [16]}', "--scans", "results/cohorts/toy/sub-01", "--networks", "1/ddpm=x"],
            {"experiment": "toy"}, configuration, {},
        )
    )  # fmt: skip
    assert said == ["experiments.toy.sizes: [8] -> [16]"]
