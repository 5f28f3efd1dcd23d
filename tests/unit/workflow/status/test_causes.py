"""Changed settings and inputs are named as the configuration names them."""

import json

import pytest

from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.status import causes


@pytest.fixture
def configuration(raw) -> Configuration:
    return Configuration.resolve(raw)


@pytest.fixture
def participant_of():
    return causes.participant_finder([("sub-01", "results/cohorts/toy/sub-01/slices.npz")])


def lines(configuration, rule, old: list, new: dict, **wildcards) -> list[str]:
    recorded = [repr(value) for value in old]
    return list(causes.of_params(rule, wildcards, recorded, new, configuration, lambda path: None))


def test_a_changed_learning_rate_is_named_with_both_values(configuration):
    old, new = ({"learning_rate": rate, "iterations": 4} for rate in (1e-4, 2e-4))
    said = lines(configuration, "train", [json.dumps(old)], {"settings": json.dumps(new)}, network="ddpm")
    assert said == ["networks.ddpm.learning_rate: 0.0001 -> 0.0002"]


def test_a_setting_inside_the_sampler_is_named_by_its_whole_path(configuration):
    old, new = ({"label": "DDPM", "sampler": {"kind": "ancestral", "variance": each}} for each in ("posterior", "beta"))
    said = lines(configuration, "sample", [json.dumps(old)], {"settings": json.dumps(new)}, method="ddpm")
    assert said == ["methods.ddpm.sampler.variance: posterior -> beta"]


def test_the_networks_of_a_method_are_called_by_their_names_not_by_their_roles(configuration):
    old, new = ({"denoiser": {"learning_rate": rate}} for rate in (1, 2))
    said = lines(configuration, "sample", [json.dumps(old)], {"networks": json.dumps(new)}, method="ddpm")
    assert said == ["networks.ddpm.learning_rate: 1 -> 2"]


def test_what_a_table_is_told_of_a_method_is_called_as_the_method_has_it(configuration):
    old, new = ({"labels": {"ddpm": label}, "configuration": label} for label in ("DDPM", "Other"))
    wildcards = {"experiment": "toy", "table": "comparison"}
    said = lines(configuration, "table", [json.dumps(old)], {"settings": json.dumps(new)}, **wildcards)
    assert said == ["methods.ddpm.label: DDPM -> Other"]


def test_parameters_recorded_without_names_find_their_successors():
    recorded = ["8,16", json.dumps({"steps": 4, "seed": 1}), "clean", 1]
    today = {
        "settings": json.dumps({"steps": 5, "seed": 1}), "sizes": "8,16,32", "seed": 2, "protocol": "paper"
    }  # fmt: skip
    pairs, left = causes.paired(recorded, today)
    assert {name: old for name, (old, _) in pairs.items()} == {
        "sizes": "8,16", "settings": recorded[1], "protocol": "clean", "seed": 1
    }  # fmt: skip
    assert left == []


def test_a_parameter_that_a_rule_has_no_more_is_said_and_a_new_one_too(configuration):
    assert lines(configuration, "train", ["x"], {}) == ["train is no longer given x"]
    assert lines(configuration, "train", [], {"seed": 3}, experiment="toy") == ["experiments.toy.seed: none -> 3"]


def test_flags_are_compared_one_by_one():
    old = '--needs flow=a.safetensors --needs-settings \'{"flow": {"levels": 3}}\''
    new = '--needs flow=a.safetensors --needs-settings \'{"flow": {"levels": 4}}\' --t1 t1.nii.gz'
    found = list(causes.differences(causes._parsed(old), causes._parsed(new)))
    assert found == [(("needs-settings", "flow", "levels"), 3, 4), (("t1",), None, "t1.nii.gz")]


def test_participants_that_come_go_or_change_folds_are_named(configuration):
    said = lines(configuration, "folds", ["sub-01=1,sub-02=2"], {"participants": "sub-01=2,sub-03=2"}, experiment="toy")
    assert said == [
        "participants: fold of sub-01: 1 -> 2",
        "participants: sub-02 is not there any more",
        "participants: sub-03 is new",
    ]


def test_a_new_participants_file_is_a_new_participant_and_a_new_file_of_a_known_one_is_a_file(participant_of):
    known = "results/cohorts/toy/sub-01/slices.npz"
    other = "results/cohorts/toy/sub-02/slices.npz"
    assert list(causes.of_inputs([known], [known, other], participant_of)) == ["participants: sub-02 is new"]
    assert list(causes.of_inputs([known, other], [known], participant_of)) == [
        "participants: sub-02 is not there any more"
    ]
    assert list(causes.of_inputs([known], [known, "data/lesion.nii.gz"], participant_of)) == [
        "input data/lesion.nii.gz is new"
    ]


def test_code_is_told_from_data(participant_of):
    assert list(causes.of_inputs(["src/a.py"], ["src/b.py"], participant_of)) == [
        "src/b.py is now used",
        "src/a.py is no longer used",
    ]
    assert causes.of_changed_file("src/a.py") == "src/a.py changed"
    assert causes.of_changed_file("data/sub-07/t1.nii.gz") == "input changed: data/sub-07/t1.nii.gz"
