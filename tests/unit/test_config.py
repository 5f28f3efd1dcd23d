"""The configuration says what is wrong with it before any job starts."""

import copy

import pytest
import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.config import Configuration, settings_json

DEMO = "config/demo.yaml"


@pytest.fixture
def raw(repository):
    return yaml.safe_load((repository / DEMO).read_text())


def change(raw, path, value):
    changed = copy.deepcopy(raw)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["demo.yaml", "config.yaml"])
def test_the_shipped_configurations_resolve(repository, name):
    Configuration.resolve(yaml.safe_load((repository / "config" / name).read_text()))


def test_defaults_are_filled_in(raw):
    resolved = Configuration.resolve(raw)
    assert resolved.cohort["quality"]["min_snr"] == 2.5
    assert resolved.methods["ddpm"]["sampler"]["variance"] == "posterior"
    assert resolved.experiments["demo"]["sizes"] == list(range(8, 33, 2))


def test_defaults_of_one_network_are_not_shared_with_the_next(raw):
    resolved = Configuration.resolve(raw)
    resolved.networks["ddpm"]["adam_betas"].append(1)
    assert Configuration.resolve(raw).networks["ddpm"]["adam_betas"] == [0.9, 0.999]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["networks", "munet", "learning_rate"], -1, ["networks.munet.learning_rate", "-1", "above 0"]),
        (["networks", "munet", "learning_rat"], 1, ["networks.munet.learning_rat", "did you mean learning_rate"]),
        (["networks", "munet", "architecture"], "monet", ["networks.munet.architecture", "monet", "munet"]),
        (["networks", "munet", "epochs"], 3, ["networks.munet", "either iterations or epochs"]),
        (["methods", "munet", "networks", "network"], "mune", ["methods.munet.networks.network", "mune", "munet"]),
        (["methods", "munet", "networks"], {}, ["methods.munet", "single_pass needs network"]),
        (["methods", "ddpm", "sampler", "temperature"], -0.1, ["temperature", "-0.1", "at least 0"]),
        (["methods", "ddpm", "sampler", "kind"], "magic", ["methods.ddpm.sampler.kind", "magic", "ancestral"]),
        (["experiments", "demo", "evaluate_sizes"], [64], ["evaluate_sizes", "64", "below the matrix"]),
        (["experiments", "demo", "evaluate_sizes"], [9], ["evaluate_sizes", "9", "multiple of 2"]),
        (["experiments", "demo", "methods"], ["zero_filled", "none"], ["experiments.demo.methods", "none"]),
        (["experiments", "demo", "protocol"], "cleen", ["protocol", "cleen", "clean, paper"]),
        (["experiments", "demo", "folds", "run"], [6], ["folds.run", "6", "1, 2, 3, 4, 5"]),
        (["cohort", "quality"], {"min_snr": "high"}, ["cohort.quality.min_snr", '"high"', "number"]),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_what_is_allowed(raw, path, value, said):
    with pytest.raises(UserError) as error:
        Configuration.resolve(change(raw, path, value))
    for words in said:
        assert words in str(error.value)


def test_the_order_of_keys_does_not_change_the_settings_of_a_rule():
    assert settings_json({"a": 1, "b": {"d": 2, "c": 3}}) == settings_json({"b": {"c": 3, "d": 2}, "a": 1})
