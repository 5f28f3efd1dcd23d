"""The denoiser's and the flow's references of benchmarks/ give the numbers of our networks."""

from pathlib import Path

import pytest
import torch
from toy_maps import architecture, toy_batch, toy_network

from mrsi_sr import networks, objectives

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")


def shared(ours, reference):
    """Both with the same weights, moved so that layers that start at zero have an effect."""
    from references.sharing import share_weights

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    share_weights(ours, reference)
    return ours, reference


def check(settings, ours, reference, batch):
    """The objective's loss and its parts are the same in float32 to 1e-4, gradients, at kinks of layers, to 1e-3."""
    from references.sharing import distance_of_gradients

    learn = objectives.build(settings)
    (here, parts), (there, of_reference) = (
        learn(network, batch, torch.Generator().manual_seed(1)) for network in (ours, reference)
    )
    here.backward()
    there.backward()
    assert parts.keys() == of_reference.keys()
    for name, value in {"loss": here, **parts}.items():
        assert torch.allclose(value, {"loss": there, **of_reference}[name], rtol=1e-4, atol=1e-5), name
    assert distance_of_gradients(ours, reference) < 1e-3


def test_a_step_of_the_denoiser_is_the_references():
    from references.denoiser import DenoisingUNet

    settings = architecture("denoising_unet", channels=[8, 16], residual_blocks=1, attention_at=[32], heads=2)
    ours, reference = shared(networks.build(settings), DenoisingUNet((8, 16), 1, (1,), 2))
    check(settings, ours, reference, toy_batch(2, grid=16))


def test_a_step_of_the_flow_is_the_references_which_computes_the_condition_in_every_pass():
    from references.flow import Flow

    own = {"features": 4, "levels": 3, "steps": 2, "guide_weight": 1.0, "data_consistency_weight": 1.0}
    settings = toy_network("flow", "likelihood", truncation=100, **own)
    ours, reference = shared(networks.build(settings), Flow(4, 3, 2))
    check(settings, ours, reference, toy_batch(2, grid=64))


def test_a_sample_of_the_flow_is_the_references():
    from references.flow import Flow

    ours, reference = shared(networks.build(architecture("flow", features=4, levels=3, steps=2)), Flow(4, 3, 2))
    condition, noise = toy_batch(2, grid=64).condition, torch.randn(2, 4096, generator=torch.Generator().manual_seed(1))
    here, there = (network.sample(network.condition(condition), 0.9, noise) for network in (ours, reference))
    assert torch.allclose(here, there, atol=1e-4, rtol=1e-4)
