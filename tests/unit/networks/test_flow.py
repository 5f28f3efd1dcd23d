import math
from dataclasses import replace

import pytest
import torch
from torch.autograd.functional import jacobian
from toy_maps import architecture, objective, toy_batch

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.networks.flow_layers import Level, PixelAffine
from mrsi_sr.samplers import sampler_of

torch.set_num_threads(1)

BASES = ("learned", "conditional", "standard")


def draw(flow, condition, noise=torch.randn_like, temperature=1.0, **others):
    """What the flow's sampler draws, with other networks by role."""
    return sampler_of("flow")({"flow": flow} | others, condition, noise, temperature=temperature)


def toy(grid=16, number=3, **settings):
    """A flow of three levels with every parameter moved, as training would move it, and a batch of maps."""
    torch.manual_seed(0)
    flow = networks.build(architecture("flow", **{"features": 8, "levels": 3, "steps": 2} | settings))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return flow, toy_batch(number, grid=grid, sizes=(4, 6, 8))


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 17_554_444),  # FTDDM
        ({"mask": False, "base": "standard"}, 17_497_868),  # flow enhancer, less its base
        ({"features": 192}, 37_604_620),
        ({"features": 192, "mask": False, "base": "conditional"}, 37_592_952),  # flow enhancer: 37.6 M in the paper
        ({"mask": False, "mri": False, "base": "standard"}, 17_401_100),  # SRFlow
    ],
)
def test_trainable_parameters_are_the_papers(settings, count):
    with torch.device("meta"):
        assert networks.count_parameters(networks.build(architecture("flow", **settings))) == count


@pytest.mark.parametrize(("grid", "settings"), [(16, {}), (16, {"mask": False, "mri": False}), (64, {"levels": 4})])
def test_there_and_back_is_where_one_was(grid, settings):
    flow, batch = toy(grid, **settings)
    context = flow.condition(batch.condition)
    z, _ = flow.forward_map(batch.target, context)
    assert z.shape == (3, grid * grid)
    assert (flow.inverse(z, context) - batch.target).abs().max() < 1e-4
    latents = torch.randn_like(z)
    assert (flow.forward_map(flow.inverse(latents, context), context)[0] - latents).abs().max() < 1e-4


def test_the_papers_flow_takes_its_way_back_after_initialisation():
    torch.manual_seed(0)
    flow, batch = networks.build(architecture("flow", features=16)), toy_batch(2, grid=64)
    flow.prepare(batch.target, batch.condition)
    context = flow.condition(batch.condition)
    z, _ = flow.forward_map(batch.target, context)
    assert (flow.inverse(z, context) - batch.target).abs().max() < 1e-4


def test_the_log_determinant_is_that_of_autograds_jacobian():
    flow, batch = toy(8, 1)
    context = flow.condition(batch.condition)
    matrix = jacobian(lambda x: flow.forward_map(x, context)[0][0], batch.target).reshape(64, 64)
    expected = torch.linalg.slogdet(matrix.double()).logabsdet
    assert torch.allclose(flow.forward_map(batch.target, context)[1].double(), expected, atol=1e-4)


def test_the_steps_of_level_zero_are_one_affine_map_per_pixel():
    torch.manual_seed(0)
    y, x = torch.rand(2, 4, 8, 8), torch.rand(2, 1, 8, 8)
    level = PixelAffine(4, 8, 5)
    torch.nn.init.normal_(level.injectors.network[-1].weight)
    with torch.no_grad():
        level.log_scale.normal_(), level.bias.normal_()
    log_scale, shift = level(y)
    each, shifts = level.injectors(y)
    expected, total = x, 0
    for step in range(5):
        expected = expected * level.log_scale[step].exp() + level.bias[step]
        expected = expected * each[:, step].exp() + shifts[:, step]
        total = total + level.log_scale[step] + each[:, step]
    assert torch.allclose(x * log_scale.exp() + shift, expected, rtol=1e-4, atol=1e-4)
    assert torch.allclose(log_scale, total, atol=1e-5)


def test_log_scales_of_injectors_and_couplings_stay_within_one():
    torch.manual_seed(0)
    level = Level(1, 3, 4, 8, 2)
    for layer in (level.injectors.network[-1], *(network[-1] for network in level.couplings)):
        torch.nn.init.normal_(layer.weight, std=50)
    context = level.condition(torch.rand(2, 3, 8, 8))
    assert 0.99 < context.log_scale.abs().max() <= 1
    assert level._coupling(0, torch.rand(2, 2, 4, 4), context)[0].abs().max() <= 1


def test_every_actnorm_passes_on_zero_mean_and_unit_variance_after_initialisation(monkeypatch):
    flow, batch = toy(number=8)
    seen = []
    original = networks.flow_layers.normalise

    def recording(*arguments):
        seen.append(original(*arguments))
        return seen[-1]

    monkeypatch.setattr(networks.flow_layers, "normalise", recording)
    flow.prepare(batch.target, batch.condition)
    assert len(seen) == 2 + 2 * 3  # two steps at level 0; at two levels one after squeezing and one for each step
    for passed in seen:
        std, mean = torch.std_mean(passed, dim=(0, 2, 3), correction=0)
        assert mean.abs().max() < 1e-4 and (std - 1).abs().max() < 1e-3


def test_initialised_actnorms_are_what_the_flow_applies_and_what_its_weights_keep():
    flow, batch = toy(number=8, levels=2, steps=1)
    with torch.no_grad():  # nothing but actnorms and 1x1 convolutions, which keep orthogonal statistics
        for layer in (flow.first.injectors, flow.levels[0].injectors, *flow.levels[0].couplings):
            network = layer.network if hasattr(layer, "network") else layer
            network[-1].weight.zero_(), network[-1].bias.zero_()
        flow.levels[0].weight.copy_(torch.eye(4).expand(2, 4, 4))
    flow.prepare(batch.target, batch.condition)
    z, _ = flow.forward_map(batch.target, flow.condition(batch.condition))
    channels = z.reshape(8, 4, 8, 8)
    std, mean = torch.std_mean(channels, dim=(0, 2, 3), correction=0)
    assert mean.abs().max() < 1e-4 and (std - 1).abs().max() < 1e-4
    other, _ = toy(levels=2, steps=1)
    other.load_state_dict(flow.state_dict())
    assert torch.equal(other.forward_map(batch.target, other.condition(batch.condition))[0], z)


@pytest.mark.parametrize("base", BASES)
def test_a_gradient_reaches_every_parameter_from_the_likelihood_and_from_a_sample(base):
    flow, batch = toy(base=base)
    for term in ("likelihood", "sample"):
        flow.zero_grad()
        context = flow.condition(batch.condition)
        if term == "likelihood":
            flow.log_prob(batch.target, context).sum().backward()
        else:
            flow.sample(context, 0.7, torch.randn(3, 256)).square().sum().backward()
        for name, parameter in flow.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, (term, name)


def test_a_flow_that_only_scales_and_shifts_has_the_density_of_a_gaussian():
    """With injectors and couplings at their start, z = A x + b, so x is Gaussian with precision A^T A."""
    torch.manual_seed(0)
    flow, batch = networks.build(architecture("flow", features=4, levels=2, steps=2)), toy_batch(2, 8, sizes=(4,))
    flow.prepare(batch.target, batch.condition)
    with torch.no_grad():
        flow.base.mean.normal_(), flow.base.log_std.normal_(std=0.3)
    context = flow.condition(batch.condition)
    a = jacobian(lambda x: flow.forward_map(x, context)[0][0], batch.target[:1].repeat(2, 1, 1, 1))[:, 0].reshape(
        64, 64
    )
    centre = flow.sample(context, 0.0, torch.zeros(2, 64)).flatten(1)
    scaled = a.double() / context.log_std[0].exp()[:, None].double()
    gaussian = torch.distributions.MultivariateNormal(centre.double(), precision_matrix=scaled.T @ scaled)
    expected = gaussian.log_prob(batch.target.flatten(1).double())
    assert torch.allclose(flow.log_prob(batch.target, context).double(), expected, rtol=1e-4)


def test_the_density_integrates_to_one():
    """By importance sampling: draws of a wider Gaussian around the centre, weighted by the flow's density."""
    flow, batch = toy(4, 1, levels=2, base="standard")
    with torch.no_grad():
        number = 20_000
        context = flow.condition(batch.condition)
        centre = flow.sample(context, 0.0, torch.zeros(1, 16))
        spread = flow.sample(context.repeat(2000), 1.0, torch.randn(2000, 16)).std()
        proposal = torch.distributions.Normal(0.0, 1.3 * float(spread))
        offsets = proposal.sample((number, 1, 4, 4))
        logs = flow.log_prob(centre + offsets, context.repeat(number))
        weights = (logs - proposal.log_prob(offsets).flatten(1).sum(1)).exp()
    assert abs(weights.mean() - 1) < 5 * weights.std() / math.sqrt(number) < 0.2


def test_the_likelihood_is_finite_on_maps_with_exact_zeros_and_on_nothing_but_zeros():
    flow, batch = toy()
    zeros = torch.zeros_like(batch.target)
    for x in (batch.target, zeros):
        flow.prepare(x, batch.condition)
        assert torch.isfinite(flow.log_prob(x, flow.condition(batch.condition))).all()


@pytest.mark.parametrize("base", BASES)
def test_temperature_zero_gives_the_image_of_the_bases_mean(base):
    flow, batch = toy(base=base)
    context = flow.condition(batch.condition)
    expected = flow.inverse(context.mean, context) * batch.condition.mask
    image, nfe = draw(flow, batch.condition, temperature=0.0)
    assert nfe == 1 and torch.allclose(image, expected, atol=1e-6)
    assert torch.allclose(flow(batch.condition), expected, atol=1e-6)
    assert torch.allclose(draw(flow, batch.condition, temperature=0.0)[0], image)


def test_the_temperature_multiplies_the_standard_deviation_of_the_latents():
    flow, batch = toy(base="conditional")
    context, noise = flow.condition(batch.condition), torch.randn(3, 256)
    image = flow.sample(context, 0.5, noise)
    z, _ = flow.forward_map(image, context)
    assert torch.allclose((z - context.mean) / context.log_std.exp(), 0.5 * noise, atol=1e-4)
    per_map = flow.sample(context, torch.tensor([0.0, 0.5, 1.0]), noise)
    assert torch.allclose(per_map[1], image[1]) and not torch.allclose(per_map[2], image[2])


def test_repeated_samples_share_the_condition_and_equal_one_by_one():
    flow, batch = toy()
    counted = []
    flow.first.register_forward_pre_hook(lambda _, inputs: counted.append(len(inputs[0])))
    noise = torch.randn(12, 256)
    together, _ = draw(flow, batch.condition.repeat(4), temperature=0.8, noise=lambda x: noise)
    assert counted == [3]
    for index in range(12):
        alone = draw(flow, batch.condition.select([index // 4]), temperature=0.8, noise=lambda x, i=index: noise[[i]])[
            0
        ]
        assert torch.allclose(together[[index]], alone, atol=1e-5)


def test_a_map_does_not_depend_on_the_rest_of_its_batch():
    flow, batch = toy()
    context = flow.condition(batch.condition)
    together = flow.log_prob(batch.target, context)
    for index in range(3):
        alone = flow.condition(batch.condition.select([index]))
        assert torch.allclose(flow.log_prob(batch.target[[index]], alone), together[[index]], rtol=1e-4)
        picked = context.select(torch.tensor([index]))
        assert torch.allclose(picked.levels[1].coupling, alone.levels[1].coupling, atol=1e-5)


def test_the_flow_sees_the_mask_and_the_mri_only_where_it_is_told_them():
    for told in (True, False):
        flow, batch = toy(mask=told, mri=told)
        other = (
            replace(batch.condition, mask=1 - batch.condition.mask),
            replace(batch.condition, flair=batch.condition.t1),
        )
        here = flow.condition(batch.condition)
        for condition in other:
            assert torch.equal(flow.condition(condition).shift, here.shift) != told


def test_the_upscaling_factor_changes_the_density_only_where_the_flow_is_told_it():
    for told in (True, False):
        flow, batch = toy(upscaling_factor=told)
        other = replace(batch.condition, size=batch.condition.size * 2)
        here, there = (flow.condition(condition).shift for condition in (batch.condition, other))
        assert torch.equal(here, there) != told


def test_an_enhancer_is_told_the_super_resolved_map_inside_the_mask():
    flow, batch = toy(mask=False)
    noise = torch.randn(3, 256)
    enhanced, nfe = draw(
        flow,
        batch.condition,
        noise=lambda x: noise,
        super_resolver=lambda condition: condition.low_resolution * 0.5 + 1,
    )
    told = (batch.condition.low_resolution * 0.5 + 1) * batch.condition.mask
    expected, _ = draw(flow, replace(batch.condition, low_resolution=told), noise=lambda x: noise)
    assert nfe == 1 and torch.allclose(enhanced, expected, atol=1e-5)
    assert enhanced[batch.condition.mask == 0].abs().max() == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda flow: flow.levels[1].couplings[0][0].weight.data.fill_(math.nan), "levels.1.couplings.0.0.weight"),
        (lambda flow: flow.levels[0].weight.data[1].zero_(), "has no inverse"),
        (lambda flow: flow.levels[0].log_scale.data.fill_(-100), "overflow"),
    ],
)
def test_the_way_back_through_broken_weights_fails_with_a_reason(damage, message):
    flow, batch = toy()
    damage(flow)
    with pytest.raises(UserError, match=message):
        draw(flow, batch.condition)


def test_a_map_that_cannot_be_halved_often_enough_is_refused():
    flow, batch = toy(18)
    with pytest.raises(UserError, match=r"18x18\n.*multiples of 4"):
        flow.condition(batch.condition)


def test_a_flow_of_the_clean_maps_and_one_of_the_papers_protocol_need_nothing_else():
    flow, _ = toy()
    for protocol in ("clean", "paper"):
        batch = toy_batch(2, 16, protocol, sizes=(4,))
        assert torch.isfinite(draw(flow, batch.condition)[0]).all()
    assert objective("likelihood").guide_weight == 10
