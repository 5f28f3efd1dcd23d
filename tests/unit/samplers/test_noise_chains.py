"""What a configuration may say of diffusion chains, checked before any job starts."""

import subprocess
import sys

import pytest
import torch
from toy_maps import architecture, objective, toy_batch

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.settings.method import check_chain
from mrsi_sr.settings.network import network_settings
from mrsi_sr.settings.sampler import Ftddm
from mrsi_sr.workflow.configuration import Configuration

torch.set_num_threads(1)

UNET = {"architecture": "denoising_unet", "iterations": 1, "batch_size": 1, "learning_rate": 1.0e-4}


def unet(objective="noise_prediction", **settings):
    return UNET | {"objective": objective} | settings


def method(kind, roles, **settings):
    return {"label": kind, "sampler": {"kind": kind} | settings, "networks": roles}


def resolve(networks, methods):
    raw = {"cohort": {"name": "toy", "participants": "x.tsv"}, "networks": networks, "methods": methods}
    return Configuration.resolve(raw | {"experiments": {"toy": {"methods": list(methods)}}})


WHOLE, TRUNCATED = unet(), unet(truncation=100)
GENERATOR = unet("adversarial", truncation=100)
TDPM = {"generator": "generator", "denoiser": "denoiser"}


def test_every_kind_of_chain_resolves_from_names_alone():
    networks = {"whole": WHOLE, "denoiser": TRUNCATED, "generator": GENERATOR}
    methods = {kind: method(kind, {"denoiser": "whole"}) for kind in ("ancestral", "respaced", "dpm_solver")}
    methods |= {"tdpm": method("tdpm", TDPM), "tdpm_50": method("tdpm", TDPM, solver="dpm_solver", steps=50)}
    resolved = resolve(networks, methods)
    assert resolved.network("whole", 1).truncation is None
    assert resolved.method("respaced").sampler.steps == 100


@pytest.mark.parametrize(
    ("networks", "kind", "settings", "said"),
    [
        ({}, "respaced", {"steps": 1001}, ["methods.m.sampler.steps is 1001", "at most", "1000"]),
        ({}, "respaced", {"steps": 0}, ["methods.m.sampler.steps", "0", "at least 1"]),
        ({}, "respaced", {"temperature": -1}, ["methods.m.sampler.temperature", "-1", "at least 0"]),
        ({}, "respaced", {"clip": [1, 0]}, ["methods.m.sampler.clip is [1.0, 0.0]", "a higher one"]),
        ({}, "dpm_solver", {"steps": 996}, ["methods.m.sampler.steps is 996", "at most 995"]),
        ({"diffusion_steps": 20}, "dpm_solver", {"steps": 20}, ["steps is 20", "at most 18", "chain of 20"]),
        ({}, "dpm_solver", {"spacing": "sigma"}, ["spacing", "sigma", "time, log_snr"]),
        ({"truncation": 100}, "ancestral", {}, ["first 100 steps only", "ancestral starts from pure noise", "null"]),
        ({"truncation": 100}, "respaced", {}, ["first 100 steps only", "respaced"]),
        ({"truncation": 1001}, "ancestral", {}, ["networks.n.truncation is 1001", "at most diffusion_steps", "1000"]),
        ({"truncation": 0}, "ancestral", {}, ["networks.n.truncation is 0", "at least 1"]),
    ],
)
def test_a_chain_from_noise_that_cannot_be_is_refused(networks, kind, settings, said):
    with pytest.raises(UserError) as error:
        resolve({"n": unet(**networks)}, {"m": method(kind, {"denoiser": "n"}, **settings)})
    for words in said:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("denoiser", "generator", "settings", "said"),
    [
        ({"truncation": 50}, {}, {}, ["truncation is 100 for generator and 50 for denoiser", "expected the same"]),
        ({}, {"diffusion_steps": 500}, {}, ["diffusion_steps is 500 for generator and 1000 for denoiser"]),
        ({"truncation": None}, {}, {}, ["methods.m.networks.denoiser has truncation null", "truncation point"]),
        ({}, {"truncation": None}, {}, ["networks.generator", "truncation is null"]),
        ({}, {}, {"steps": 100, "solver": "dpm_solver"}, ["methods.m.sampler.steps is 100", "at most 99"]),
        ({}, {}, {"solver": "dpm_solver"}, ["sampler.steps is null", "dpm_solver needs a number"]),
        ({}, {}, {"steps": 10}, ["sampler.steps is 10", "ancestral takes all"]),
        ({}, {}, {"solver": "euler"}, ["solver", "euler", "ancestral, dpm_solver"]),
        ({}, {}, {"flow_temperature": 1}, ["flow_temperature is not a known key"]),
    ],
)
def test_what_is_drawn_must_be_where_the_denoiser_starts(denoiser, generator, settings, said):
    made = {"denoiser": TRUNCATED | denoiser, "generator": GENERATOR | generator}
    with pytest.raises(UserError) as error:
        resolve(made, {"m": method("tdpm", TDPM, **settings)})
    for words in said:
        assert words in str(error.value)


def test_a_flow_and_a_denoiser_must_share_the_chain_too():
    denoiser, sampler = network_settings(TRUNCATED), Ftddm.of(kind="ftddm")
    check_chain(sampler, {"flow": objective("likelihood", truncation=100), "denoiser": denoiser}, "m")
    with pytest.raises(UserError, match="truncation is 0 for flow and 100 for denoiser"):
        check_chain(sampler, {"flow": objective("likelihood", truncation=0), "denoiser": denoiser}, "m")


def test_checking_a_configuration_loads_no_torch():
    code = "import sys; import mrsi_sr.workflow.configuration; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- what an ablated denoiser is told


@pytest.mark.parametrize(("mask", "mri", "inputs"), [(True, True, 5), (False, True, 4), (True, False, 3)])
def test_an_ablated_denoiser_has_fewer_inputs_and_is_not_told_what_is_left_out(mask, mri, inputs):
    from dataclasses import replace

    settings = {"channels": [8, 16], "residual_blocks": 1, "attention_at": [], "heads": 2, "mask": mask, "mri": mri}
    torch.manual_seed(0)
    network = networks.build(architecture("denoising_unet", **settings))
    torch.nn.init.normal_(network.last.weight)
    assert network.first.in_channels == inputs
    condition, step = toy_batch().condition, torch.tensor([0, 1, 2])
    changed = {
        "mask": replace(condition, mask=1 - condition.mask),
        "mri": replace(condition, t1=1 - condition.t1, flair=1 - condition.flair),
    }
    with torch.no_grad():
        estimate = network(condition.low_resolution, step, condition)
        for name, told in (("mask", mask), ("mri", mri)):
            assert torch.equal(estimate, network(condition.low_resolution, step, changed[name])) != told
