"""The list of a configuration's networks: their sizes, their costs, and what is trained before them."""

import csv
import io

import pytest
import torch
import yaml
from toy_maps import architecture

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.workflow import network_table
from mrsi_sr.workflow.configuration import Configuration

torch.set_num_threads(1)

TRAINED = {"iterations": 1, "batch_size": 1, "learning_rate": 1.0e-3}
SMALL_UNET = {"channels": [4, 8], "residual_blocks": 1, "attention_at": [], "heads": 2}
RAW = {
    "cohort": {"name": "toy", "participants": "not/there.tsv"},
    "networks": {
        "munet": TRAINED | {"architecture": "munet", "channels": 1, "objective": "regression"},
        "unused": TRAINED | {"architecture": "munet", "channels": 1, "objective": "regression"},
        "generator": TRAINED
        | {"architecture": "denoising_unet", "objective": "adversarial", "truncation": 10, "critic_channels": 2}
        | SMALL_UNET,
        "denoiser": TRAINED
        | {"architecture": "denoising_unet", "objective": "noise_prediction", "truncation": 10}
        | SMALL_UNET,
        "enhancer": TRAINED
        | {"architecture": "flow", "objective": "likelihood", "features": 4, "levels": 2, "steps": 1}
        | {"needs": {"super_resolver": "munet"}},
    },
    "methods": {
        "tdpm": {
            "label": "TDPM",
            "sampler": {"kind": "tdpm"},
            "networks": {"generator": "generator", "denoiser": "denoiser"},
        },
        "enhancer": {
            "label": "Enhancer",
            "sampler": {"kind": "flow"},
            "networks": {"flow": "enhancer", "super_resolver": "munet"},
        },
    },
    "experiments": {"both": {"methods": ["tdpm", "enhancer"]}, "one": {"methods": ["tdpm"], "folds": {"run": [1]}}},
}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    path = tmp_path_factory.mktemp("configuration") / "config.yaml"
    path.write_text(yaml.safe_dump(RAW, sort_keys=False))
    return Configuration.read(path)


@pytest.fixture(scope="module")
def rows(configuration):
    return {row["network"]: row for row in network_table.describe(configuration)}


def test_every_network_is_listed_with_what_it_learns_and_what_it_needs(rows):
    assert list(rows) == [name for name in RAW["networks"] if name != "unused"]
    for name, row in rows.items():
        assert row["objective"] == RAW["networks"][name]["objective"]
        assert row["architecture"] == RAW["networks"][name]["architecture"]
        assert row["parameters"] > 0 and row["gflop_per_map"] > 0
    assert rows["enhancer"]["needs"] == "super_resolver=munet" and rows["munet"]["needs"] == ""


def test_parameters_are_those_of_the_network_that_is_built_and_the_critics_are_counted_apart(rows):
    built = networks.build(architecture("denoising_unet", **SMALL_UNET))
    assert rows["denoiser"]["parameters"] == rows["generator"]["parameters"] == networks.count_parameters(built)
    assert rows["generator"]["critic_parameters"] > 0 == rows["denoiser"]["critic_parameters"]


def test_a_multiply_add_counts_as_two(configuration):
    class OneConvolution(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Conv2d(1, 8, 3, padding=1)

        def forward(self, condition):
            return self.layer(condition.low_resolution)

    assert network_table.gflop(OneConvolution(), "munet", configuration) == pytest.approx(2 * 8 * 9 * 64 * 64 / 1e9)


def test_the_products_inside_attention_are_counted(configuration):
    cost = {
        size: network_table.gflop(
            networks.build(architecture("denoising_unet", **SMALL_UNET | {"attention_at": attention})),
            "denoising_unet", configuration,
        )
        for size, attention in (("none", []), ("middle", [32]))
    }  # fmt: skip
    positions, channels, places = 32 * 32, 8, 3  # one residual block on the way down, two on the way up
    convolutions = 2 * positions * channels * 4 * channels
    products = 2 * 2 * positions**2 * channels
    assert cost["middle"] - cost["none"] == pytest.approx(places * (convolutions + products) / 1e9)


def test_an_experiment_trains_what_its_methods_use_and_what_that_needs(configuration, rows):
    assert configuration.networks_of("both") == ["munet", "generator", "denoiser", "enhancer"]
    assert configuration.networks_of("one") == ["generator", "denoiser"]
    text = network_table.as_text(list(rows.values()), configuration)
    assert "both: 4 networks per fold, 5 folds to run" in text and "one: 2 networks per fold, 1 folds to run" in text


def test_the_csv_holds_the_same_as_the_text(configuration, rows):
    read = list(csv.DictReader(io.StringIO(network_table.as_csv(list(rows.values())))))
    text = network_table.as_text(list(rows.values()), configuration)
    for row in read:
        assert int(row["parameters"]) == rows[row["network"]]["parameters"]
        assert f"{int(row['parameters']):,}" in text
        assert float(row["gflop_per_map"]) == pytest.approx(rows[row["network"]]["gflop_per_map"], abs=1e-3)


def test_a_file_that_is_no_configuration_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no file .*none\.yaml, expected the YAML file of --config"):
        Configuration.read(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("networks: {a: [")
    with pytest.raises(UserError, match="cannot be read as the YAML file of --config"):
        Configuration.read(tmp_path / "broken.yaml")
    (tmp_path / "words.yaml").write_text("only words")
    with pytest.raises(UserError, match="lacks cohort"):
        Configuration.read(tmp_path / "words.yaml")
