from dataclasses import replace

import pytest
import torch
from toy_maps import architecture, toy_batch, toy_network

from mrsi_sr import networks

torch.set_num_threads(1)

SMALL = {"channels": [8, 16], "residual_blocks": 1, "attention_at": [], "heads": 2}


def unet(objective="regression", **settings):
    """A small network whose layers are off zero."""
    needs = {"needs": {"mean": "regressor"}} if objective == "ensemble_score" else {}
    torch.manual_seed(0)
    network = networks.build(toy_network("unet", objective, **SMALL | needs | settings))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name != "doubt":
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network


def with_everything(batch, seed=0):
    """A condition with neighbours and noise, and random inputs of every kind for a network of 4 random numbers."""
    generator = torch.Generator().manual_seed(seed)
    number, shape = len(batch.target), batch.target.shape
    neighbours, noise = torch.rand(number, 2, *shape[2:], generator=generator), torch.full((number,), 0.1)
    condition = replace(batch.condition, neighbours=neighbours, noise=noise)
    images = {name: torch.rand(shape, generator=generator) for name in ("state", "centre")}
    numbers = {name: torch.rand(number, generator=generator) for name in ("time", "span")}
    return condition, images | numbers | {"noise": torch.randn(number, 4, generator=generator)}


def test_it_has_as_many_parameters_as_the_denoiser_but_for_its_inputs():
    with torch.device("meta"):
        denoiser = networks.count_parameters(networks.build(architecture("denoising_unet")))
        for more in ({}, {"neighbours": True}):
            count = networks.count_parameters(networks.build(architecture("unet", **more)))
            assert count == pytest.approx(denoiser, rel=0.005)


def test_an_untrained_network_returns_its_centre_made_consistent():
    batch = toy_batch()
    network = networks.build(toy_network("unet", "regression", **SMALL))
    condition, mask = batch.condition, batch.condition.mask
    assert torch.allclose(network(condition), condition.low_resolution * mask, atol=1e-5)
    centre = batch.target + condition.low_resolution.flip(2)
    assert torch.allclose(network(condition, centre=centre), condition.consistent(centre) * mask, atol=1e-5)


@pytest.mark.parametrize("changed", ["state", "centre", "time", "span", "noise", "neighbours", "size", "t1", "mask"])
def test_every_input_has_an_effect(changed):
    network = unet("ensemble_score", noise=4, neighbours=True)
    batch = toy_batch()
    condition, inputs = with_everything(batch)
    before = network.change(condition, **inputs)
    if changed in inputs:
        inputs[changed] = inputs[changed].roll(1, dims=0)
    else:
        condition = replace(condition, **{changed: 0.5 * getattr(condition, changed)})
    assert (network.change(condition, **inputs) - before).abs().amax((1, 2, 3)).min() > 1e-4


def test_a_gradient_reaches_every_parameter():
    network = unet("ensemble_score", noise=4, neighbours=True, consistency="soft")
    condition, inputs = with_everything(toy_batch())
    network(condition, **inputs).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_soft_consistency_is_between_the_networks_own_and_the_measured_map():
    network, batch = unet(consistency="soft"), toy_batch()
    own, condition = batch.target.flip(2), batch.condition
    measured = condition.consistent(own)
    assert torch.equal(network.consistent(condition, own), measured)  # without a level of noise
    doubt = float(network.doubt.detach().exp())
    for noise, weight in ((0.0, 1.0), (doubt, 0.5), (3 * doubt, 0.1), (1e4, 0.0)):
        noisy = replace(condition, noise=torch.full((len(own),), noise))
        assert torch.allclose(network.consistent(noisy, own), own + weight * (measured - own), atol=1e-5)
    exact = unet()
    assert torch.equal(exact.consistent(noisy, own), measured)


def test_a_map_does_not_depend_on_the_rest_of_its_batch():
    network = unet("ensemble_score", noise=4, neighbours=True, consistency="soft")
    condition, inputs = with_everything(toy_batch())
    together = network(condition, **inputs)
    for index in range(3):
        alone = network(condition.select([index]), **{name: each[[index]] for name, each in inputs.items()})
        assert torch.allclose(together[[index]], alone, atol=1e-5)
