"""Laws of MUNet's modulators: they act, each map by its own condition, and at rest they are not there."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d
from toy_maps import architecture, toy_batch

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.networks.modulators import Conditioning, convolve_each

torch.set_num_threads(1)

VARIANTS = {
    "filter_scaling": {"modulation": "filter_scaling"},
    "am_layer": {"modulation": "am_layer"},
    "hypernetwork": {"modulation": "hypernetwork"},
    "metabolite": {"modulation": "filter_scaling", "metabolite": True},
    "sharpness": {"modulation": "filter_scaling", "metabolite": True, "sharpness": True},
    "sharpness alone": {"sharpness": True},
    "am_layer and sharpness": {"modulation": "am_layer", "sharpness": True},
}


def build(name: str, seed: int = 0):
    torch.manual_seed(seed)
    return networks.build(architecture("munet", channels=2, **VARIANTS[name]))


def mixed_condition():
    """Maps of several sizes, metabolites and adversarial weights, of which some share size and metabolite."""
    condition = toy_batch(6, grid=16, sizes=(4, 8, 4, 6)).condition
    return replace(
        condition,
        metabolite=torch.tensor([0, 1, 0, 1, 2, 1]),
        adversarial_weight=torch.tensor([0.0, 0.1, 0.05, 0.0, 0.02, 0.1]),
    )


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 967_601),
        ({"modulation": "am_layer"}, 1_516_961),
        ({"modulation": "hypernetwork"}, 26_411_313),
        ({"modulation": "filter_scaling"}, 3_935_697),
        ({"modulation": "filter_scaling", "metabolite": True}, 6_935_453),
        ({"modulation": "filter_scaling", "metabolite": True, "sharpness": True}, 7_448_637),
        ({"modulation": "filter_scaling", "metabolite": True, "sharpness": True, "channels": 16}, 27_506_989),
    ],
)
def test_trainable_parameters_are_the_papers(settings, count):
    with torch.device("meta"):
        assert networks.count_parameters(networks.build(architecture("munet", **settings))) == count


@pytest.mark.parametrize("name", VARIANTS)
def test_a_gradient_reaches_every_parameter(name):
    condition, network = mixed_condition(), build(name)
    network(condition).square().sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", VARIANTS)
def test_a_batch_of_mixed_conditions_equals_one_map_at_a_time(name):
    condition, network = mixed_condition(), build(name)
    together = network(condition)
    alone = torch.cat([network(condition.select([index])) for index in range(len(condition))])
    assert torch.allclose(together, alone, atol=1e-5)


def test_each_map_is_convolved_with_its_own_kernel():
    x, kernels = torch.rand(5, 3, 8, 8), torch.rand(5, 4, 3, 3, 3)
    alone = torch.cat([conv2d(one[None], kernel, padding=1) for one, kernel in zip(x, kernels, strict=True)])
    assert torch.allclose(convolve_each(x, kernels), alone, atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_modulator_acts_on_what_it_is_told_and_on_nothing_else(name):
    """The low-resolution maps stay as they are; only what the network is told of them changes."""
    condition, network = mixed_condition(), build(name)

    def image(told):
        return network.predicted(told, Conditioning.of(told, sharpness=True))

    settings = VARIANTS[name]
    one = condition.select([1])
    changes = {
        "modulation": {"size": one.size + 2},
        "metabolite": {"metabolite": one.metabolite + 1},
        "sharpness": {"adversarial_weight": one.adversarial_weight + 0.05},
    }
    for key, change in changes.items():
        assert torch.equal(image(one), image(replace(one, **change))) != (key in settings), key


@pytest.mark.parametrize("name", ["filter_scaling", "metabolite"])
def test_filter_scaling_by_ones_is_the_network_without(name):
    plain, scaled, condition = networks.build(architecture("munet", channels=2)), build(name), mixed_condition()
    missing, _ = plain.load_state_dict(scaled.state_dict(), strict=False)
    assert not missing
    for key, parameter in scaled.named_parameters():
        last = ".factors.size.8." if name == "filter_scaling" else ".factors.both.3."
        if last in key:
            parameter.data.fill_(1.0 if key.endswith("bias") else 0.0)
    assert torch.allclose(scaled(condition), plain(condition), atol=1e-6)


def test_an_adversarial_weight_is_asked_for_where_it_is_read():
    condition = replace(mixed_condition(), adversarial_weight=None)
    with pytest.raises(UserError, match="has to be conditioned on the adversarial weight"):
        build("sharpness")(condition)
    build("metabolite")(condition)


def test_conditions_carry_the_adversarial_weight_along_where_there_is_one():
    condition = mixed_condition()
    assert torch.equal(condition.repeat(2).adversarial_weight[::2], condition.adversarial_weight)
    assert replace(condition, adversarial_weight=None).select([0]).adversarial_weight is None
