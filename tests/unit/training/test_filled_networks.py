"""Networks trained with filled maps: they say so, and are used, needed and handed over as such alone."""

from pathlib import Path

import handed
import pytest
import torch
from tiny_cohort import MUNET
from toy_maps import noise_of, toy_batch, toy_network

from mrsi_sr.cli import UserError
from mrsi_sr.report.model_card import model_card
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.results.outputs import read_record
from mrsi_sr.sampling.hand_over import hand_over
from mrsi_sr.sampling.handed_over import NetworksFolder
from mrsi_sr.sampling.method import Method
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.training.fold import train_fold

CPU = torch.device("cpu")
ENHANCER = toy_network(
    "flow", "likelihood", levels=2, steps=1, features=2, truncation=0, base="conditional", guide_weight=0,
    data_consistency_weight=1, needs={"super_resolver": "munet"},
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Scans and folds, and a network trained in either way."""
    folder = tmp_path_factory.mktemp("home")
    given = handed.sources(folder) | {"folder": folder}
    for kind in ("masked", "filled"):
        train(given, MUNET, kind, folder / kind)
    return given


def train(given: dict, settings, low_resolution: str, out: Path, needs=(), needed=()) -> None:
    train_fold(
        settings, slices=[scan / "slices.npz" for scan in given["scans"]], table=given["table"], fold=1,
        protocol="clean", low_resolution=low_resolution, sizes=[4, 8], needs=dict(needs), needed=dict(needed), seed=1,
        checkpoint_every=10, out=out, device=CPU,
    )  # fmt: skip


def enhancer(given: dict, low_resolution: str, super_resolver: str, out: Path) -> None:
    needs = {"super_resolver": given["folder"] / super_resolver / "best.safetensors"}
    train(given, ENHANCER, low_resolution, out, needs, {"super_resolver": MUNET})


def test_weights_and_record_say_what_low_resolution_was_made_of(home):
    weights = {kind: Weights.load(home["folder"] / kind / "best.safetensors") for kind in ("masked", "filled")}
    for kind, each in weights.items():
        assert each.low_resolution == kind
        assert read_record(home["folder"] / kind / "provenance.json")["low_resolution"] == kind
    one, other = weights.values()
    assert one.fingerprint != other.fingerprint and one.scale_factors != other.scale_factors
    assert any(not torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_a_network_that_is_needed_has_to_be_trained_in_the_same_way(home, tmp_path):
    with pytest.raises(UserError, match="was trained on low resolution masked, but low resolution filled is to be"):
        enhancer(home, "filled", "masked", tmp_path / "mixed")
    enhancer(home, "filled", "filled", tmp_path / "enhancer")
    assert Weights.load(tmp_path / "enhancer" / "last.safetensors").low_resolution == "filled"


def test_a_method_does_not_mix_the_two_ways_and_samples_no_masked_scan_with_filled_networks(home, tmp_path):
    enhancer(home, "masked", "masked", tmp_path / "enhancer")
    names = {"flow": "enhancer", "super_resolver": "munet"}
    filled = home["folder"] / "filled" / "best.safetensors"
    weights = {"flow": tmp_path / "enhancer" / "best.safetensors", "super_resolver": filled}
    facts = {"fold": 1, "protocol": "clean", "sizes": [4], "device": CPU, "batch_size": 4}
    method = MethodSettings.of(sampler={"kind": "flow", "temperature": 0.5}, networks=names)
    networks = {"flow": ENHANCER, "super_resolver": MUNET}
    for kind, other in (("masked", "filled"), ("filled", "masked")):
        with pytest.raises(UserError, match=f"was trained on low resolution {other}, but low resolution {kind}"):
            Method("enhancer", method, networks, weights, **facts, low_resolution=kind)
    single = MethodSettings.of(sampler={"kind": "single_pass"}, networks={"network": "munet"})
    with pytest.raises(UserError, match="was trained on low resolution filled, but low resolution masked"):
        Method("munet", single, {"network": MUNET}, {"network": filled}, **facts)


def test_filled_networks_are_handed_over_as_such(home, tmp_path):
    changes = {
        "low_resolution": "filled", "methods": {"munet": handed.METHODS["munet"]},
        "networks": {"munet": {"1": MUNET.plain()}},
    }  # fmt: skip
    given = {key: home[key] for key in ("scans", "table")} | {"networks": {("munet", 1): home["folder"] / "filled"}}
    hand_over(handed.settings(**changes), **given, card=model_card, code={}, out=tmp_path / "out")
    networks = NetworksFolder.read(tmp_path / "out")
    assert networks.low_resolution == "filled"
    with torch.no_grad():
        image, _ = networks.method("munet", 1, CPU)(toy_batch(2, grid=16, sizes=(4, 8)).condition, noise_of([0, 1]))
    assert torch.isfinite(image).all()
