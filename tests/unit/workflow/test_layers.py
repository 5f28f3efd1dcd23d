"""Laws of the two layers: a user's few lines on top of the papers' study, and entries that are like others."""

import pytest
import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.layers import layered, overridden

FIVE_LINES = """
cohort: {name: mine, participants: participants.tsv}
networks: {my_ddpm: {like: ddpm, learning_rate: 2.0e-4}}
methods: {my_ddpm: {like: ddpm_1000, label: Mine, networks: {denoiser: my_ddpm}}}
experiments: {mine: {methods: [zero_filled, my_ddpm]}}
"""
PAPERS = {
    "networks": {
        "munet": {"architecture": "munet", "epochs": 100, "adam_betas": [0.5, 0.9], "needs": {"role": "x"}},
        "munet_fs": {"like": "munet", "modulation": "filter_scaling"},
        "munet_fs_metabolite": {"like": "munet_fs", "metabolite": True},
    },
    "methods": {"ddpm": {"label": "DDPM", "sampler": {"kind": "ancestral", "temperature": 0.9}, "weights": "last"}},
    "experiments": {"one": {"methods": ["ddpm"], "folds": {"number": 5, "run": [1]}}, "two": {"methods": ["ddpm"]}},
    "run": ["one"],
}


def whole(user: dict) -> dict:
    return layered(user, PAPERS)


def refused(user, *said):
    with pytest.raises(UserError) as error:
        whole(user)
    for words in said:
        assert words in str(error.value)


def test_five_lines_make_a_network_like_the_papers_and_plan_it_alone():
    configuration = Configuration.resolve(layered(yaml.safe_load(FIVE_LINES)))
    papers = Configuration.resolve(layered({"cohort": {"name": "mine", "participants": "participants.tsv"}}))
    assert configuration.network("my_ddpm", 1) == papers.network("ddpm", 1) | {"learning_rate": 2e-4}
    assert configuration.method("my_ddpm") == papers.method("ddpm_1000") | {"networks": {"denoiser": "my_ddpm"}}
    assert list(configuration.experiments) == ["mine"] and list(configuration.networks) == ["my_ddpm"]
    assert list(papers.experiments) == ["ftddm", "multiscale", "flow_enhancer"]


def test_an_experiment_like_another_differs_in_its_own_keys():
    found = whole({"experiments": {"mine": {"like": "one", "seeds": [7], "folds": {"run": [2]}}}})
    assert found["experiments"]["mine"] == {"methods": ["ddpm"], "seeds": [7], "folds": {"number": 5, "run": [2]}}
    assert found["run"] == ["mine"]


def test_an_override_reaches_what_is_like_it():
    networks = whole({"networks": {"munet": {"epochs": 7}}})["networks"]
    assert {name: each["epochs"] for name, each in networks.items()} == dict.fromkeys(networks, 7)
    assert networks["munet_fs_metabolite"]["modulation"] == "filter_scaling"
    assert networks["munet_fs_metabolite"]["metabolite"] is True and "metabolite" not in networks["munet_fs"]


def test_an_entry_that_is_complete_replaces_ours_whole():
    networks = whole({"networks": {"munet": {"architecture": "munet", "iterations": 3}}})["networks"]
    assert networks["munet"] == {"architecture": "munet", "iterations": 3}
    assert networks["munet_fs"] == networks["munet"] | {"modulation": "filter_scaling"}
    method = {"label": "Mine", "sampler": {"kind": "respaced"}}
    assert whole({"methods": {"ddpm": method}})["methods"]["ddpm"] == method
    own = {"networks": {"munet_fs": {"like": "munet", "epochs": 1}}}
    assert "modulation" not in whole(own)["networks"]["munet_fs"]


def test_an_entry_that_is_not_overrides_key_by_key_and_null_unsets():
    changed = whole({"networks": {"munet": {"epochs": None, "iterations": 3, "needs": None}}})["networks"]["munet"]
    assert changed == {"architecture": "munet", "iterations": 3, "adam_betas": [0.5, 0.9]}
    method = whole({"methods": {"ddpm": {"sampler": {"temperature": 0.5}, "weights": None}}})["methods"]["ddpm"]
    assert method == {"label": "DDPM", "sampler": {"kind": "ancestral", "temperature": 0.5}}
    experiment = whole({"experiments": {"one": {"folds": {"number": 3}}}})["experiments"]["one"]
    assert experiment == {"methods": ["ddpm"], "folds": {"number": 3, "run": [1]}}
    assert "two" not in whole({"experiments": {"two": None}})["experiments"]


def test_null_is_a_value_where_the_keys_default_is_another_and_in_single_folds():
    methods = {"ddpm": {"sampler": {"clip": None}}, "mine": {"like": "ddpm", "sampler": {"clip": None}}}
    resolved = whole({"methods": methods})["methods"]
    assert resolved["ddpm"]["sampler"]["clip"] is resolved["mine"]["sampler"]["clip"] is None
    own = {"munet": {"folds": {1: {"epochs": 3}}}, "mine": {"like": "munet", "folds": {1: {"epochs": None}}}}
    assert whole({"networks": own})["networks"]["mine"]["folds"] == {1: {"epochs": None}}


def test_what_is_like_an_entry_that_is_removed_is_removed_with_it():
    assert list(whole({"networks": {"munet": None}})["networks"]) == []
    assert list(whole({"networks": {"munet_fs": None}})["networks"]) == ["munet"]


def test_null_stays_a_value_where_it_overrides_nothing():
    networks = whole({"networks": {"new": {"architecture": "munet", "ema": None}}})["networks"]
    assert networks["new"] == {"architecture": "munet", "ema": None}


def test_what_is_overridden_is_left_as_it_was():
    entry = {"a": {"b": 1, "c": [1, 2]}}
    assert overridden(entry, {"a": {"c": [3]}, "d": 4}) == {"a": {"b": 1, "c": [3]}, "d": 4}
    assert entry == {"a": {"b": 1, "c": [1, 2]}}


@pytest.mark.parametrize(
    ("user", "run"),
    [
        ({}, ["one"]),
        ({"experiments": {"mine": {"methods": ["ddpm"]}}}, ["mine"]),
        ({"experiments": {"two": {"seeds": [3]}}}, ["two"]),
        ({"experiments": {"two": None}}, ["one"]),
        ({"experiments": {"mine": {"methods": ["ddpm"]}}, "run": ["two", "mine"]}, ["two", "mine"]),
    ],
)
def test_planned_are_those_of_run_or_of_the_users_file_or_the_papers(user, run):
    assert whole(user)["run"] == run


def test_what_no_planned_experiment_uses_is_not_checked_against_the_cohort():
    user = yaml.safe_load(FIVE_LINES)
    user["cohort"] |= {"slices": {"frame": 16}, "metabolites": ["NAA"]}
    user["experiments"]["mine"] |= {"sizes": [8], "evaluate_sizes": [8]}
    assert list(Configuration.resolve(layered(user)).experiments) == ["mine"]
    with pytest.raises(UserError, match=r"methods\.ftddm_100_deviation\.sizes has 16"):
        Configuration.resolve(layered(user | {"run": ["ftddm"]}))


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"network": {}}, ["network is not a known key: did you mean networks?"]),
        ({"networks": []}, ["networks is [], expected object"]),
        ([1], ["lacks cohort", "[1]"]),
        ({"run": "one"}, ["run is one, expected a list"]),
        ({"run": ["ones"]}, ['run: the experiment "ones" is not known: did you mean one?']),
        ({"networks": {"mune": {"epochs": 3}}}, ["networks.mune overrides nothing: did you mean munet?"]),
        ({"methods": {"dpm": {"label": "x"}}}, ["methods.dpm overrides nothing: did you mean ddpm?"]),
        ({"networks": {"a": {"like": "mune"}}}, ['networks.a.like "mune" is not known: did you mean munet?']),
        ({"networks": {"a": {"like": ["munet"]}}}, ['networks.a.like ["munet"] is not known']),
        ({"networks": {"a": {"like": "b"}, "b": {"like": "a"}}}, ["networks.b.like goes in a circle: a -> b -> a"]),
        ({"networks": {"munet": {"like": "munet"}}}, ["networks.munet.like goes in a circle: munet -> munet"]),
        (
            {"networks": {"n0": {"like": "munet"}} | {f"n{k}": {"like": f"n{k - 1}"} for k in range(1, 3000)}},
            ["goes through more than 50"],
        ),
        (
            {"networks": {1: {"like": "munet"}, "1": {"like": "munet"}}},
            ["networks.1 is given twice, as a number and as text"],
        ),
        ({"networks": {None: {}}}, ["networks has the key null, expected text"]),
        ({"networks": {"munet": {True: 1}}}, ["networks.munet has the key true, expected text: quote it"]),
        ({"networks": {"munet": {(1, 2): 1}}}, ["networks.munet has the key"]),
        ({"networks": {"a": {"like": "munet", "architecture": "flow"}}}, ["networks.a has both like and architecture"]),
    ],
)
def test_a_fault_of_a_layer_is_named(user, said):
    refused(user, *said)
