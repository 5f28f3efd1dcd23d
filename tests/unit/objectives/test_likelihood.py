import math
from dataclasses import replace

import pytest
import torch
from tiny_cohort import participant
from toy_maps import architecture, objective, toy_batch

from mrsi_sr import networks, objectives
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.objectives.likelihood import Likelihood
from mrsi_sr.objectives.structural import structural_loss
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.settings.network import network_settings
from mrsi_sr.training import loop as training

torch.set_num_threads(1)


def learn(super_resolver=None, **settings):
    return objectives.build(objective("likelihood", **settings), {"super_resolver": super_resolver})


def toy(number=4, **settings):
    torch.manual_seed(0)
    flow = networks.build(architecture("flow", **{"features": 8, "levels": 3, "steps": 2} | settings))
    return flow, toy_batch(number, grid=16, sizes=(4, 8))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def prepared(rule, flow, batch):
    rule.prepare(flow, batch, seeded())
    return flow


class Fixed:
    """A flow of which all is known: unit Gaussian around an image; it counts what it is asked."""

    def __init__(self, image):
        self.image, self.conditions, self.temperatures = image, [], None

    def condition(self, condition):
        self.conditions.append(condition)
        return Repeated(self.image.flatten(1))

    def log_prob(self, x, context):
        return torch.distributions.Normal(context.mean, 1.0).log_prob(x.flatten(1)).sum(1)

    def sample(self, context, temperature, noise):
        self.temperatures = temperature
        return (context.mean + temperature.view(-1, 1) * noise).view(-1, *self.image.shape[1:])


class Repeated:
    def __init__(self, mean):
        self.mean = mean

    def repeat(self, k):
        return Repeated(self.mean.repeat_interleave(k, dim=0))


def test_the_loss_is_bits_per_voxel_and_ten_times_the_guide_loss():
    _, batch = toy()
    image = 0.8 * batch.target
    loss, parts = learn(outside_noise=0)(Fixed(image), batch, seeded())
    nats = 0.5 * (image - batch.target).square().mean() + 0.5 * math.log(2 * math.pi)
    l1, structural = (image - batch.target).abs().mean(), structural_loss(image, batch.target)
    assert torch.allclose(parts["nll"], nats / math.log(2))
    assert torch.allclose(parts["l1"], l1) and torch.allclose(parts["structural"], structural)
    assert torch.allclose(loss, parts["nll"] + 10 * (0.16 * l1 + 0.84 * structural))


def test_the_guide_samples_at_temperature_zero_and_the_data_consistency_at_any():
    _, batch = toy(60)
    flow = Fixed(batch.target)
    _, parts = learn(data_consistency_weight=10)(flow, batch, seeded())
    guide, consistency = flow.temperatures.view(60, 2).unbind(1)
    assert guide.abs().max() == 0
    assert consistency.min() < 0.1 and consistency.max() > 0.9 and abs(consistency.mean() - 0.5) < 0.15
    assert parts["l1"] == 0 and parts["data_consistency"] > 0


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_data_consistency_is_the_l1_distance_to_the_measured_k_space_within_the_window(protocol):
    batch = toy_batch(2, 16, protocol, sizes=(4, 8))
    rule = learn(guide_weight=0, data_consistency_weight=10, outside_noise=0)
    quiet = Fixed(batch.target)
    quiet.sample = lambda context, temperature, noise: batch.target
    loss, parts = rule(quiet, batch, seeded())
    assert parts["data_consistency"] < 1e-6
    quiet.sample = lambda context, temperature, noise: 0.9 * batch.target
    loss, parts = rule(quiet, batch, seeded())
    measured = torch.view_as_real(batch.condition.kspace)
    assert torch.allclose(parts["data_consistency"], 0.1 * measured.abs().sum() / (2 * 2 * 256), rtol=1e-3)
    assert torch.allclose(loss, parts["nll"] + 10 * parts["data_consistency"])


def test_without_weights_there_is_nothing_but_the_likelihood():
    flow, batch = toy()
    loss, parts = learn(guide_weight=0)(flow, batch, seeded())
    assert list(parts) == ["nll"] and torch.equal(loss, parts["nll"])


@pytest.mark.parametrize("truncation", [1, 30, 100])
def test_what_the_flow_learns_is_where_the_truncated_chain_starts(truncation):
    _, batch = toy(50)
    target = learn(truncation=truncation, diffusion_steps=100).target(batch, seeded())
    schedule = Schedule.cosine(100)
    noise = torch.randn(target.shape, generator=seeded())
    assert torch.allclose(target, schedule.add_noise(batch.target, truncation - 1, noise), atol=1e-6)
    left = target - schedule.gammas[truncation - 1].sqrt().float() * batch.target
    assert torch.allclose(left.var(), 1 - schedule.gammas[truncation - 1].float(), rtol=0.05)


def test_the_guide_draws_to_the_clean_map_wherever_the_chain_is_truncated():
    _, batch = toy()
    _, parts = learn(truncation=50, diffusion_steps=100)(Fixed(batch.target), batch, seeded())
    assert parts["l1"] == 0 and parts["structural"] < 1e-6


def test_noise_stands_for_the_zeros_outside_the_mask_alone():
    _, batch = toy()
    mask = batch.condition.mask
    target = learn().target(batch, seeded())
    assert torch.equal(target * mask, batch.target)
    assert torch.allclose(target[mask == 0].std(), torch.tensor(0.05), rtol=0.1)


@pytest.mark.parametrize("truncation", [0, 30])
@pytest.mark.parametrize("outside_noise", [0.0, 0.4])
def test_the_noise_outside_the_mask_is_the_settings_and_leaves_the_inside_alone(truncation, outside_noise):
    """0 masks the target, with a chain too, as the published code does."""
    _, batch = toy(50)
    mask, given = batch.condition.mask, {"truncation": truncation, "diffusion_steps": 100}
    target = learn(**given, outside_noise=outside_noise).target(batch, seeded())
    assert torch.equal(target * mask, learn(**given).target(batch, seeded()) * mask)
    outside = target[mask == 0]
    assert torch.allclose(outside.std(), torch.tensor(outside_noise), rtol=0.05)
    assert abs(outside.mean()) <= 0.05 * outside_noise


@pytest.mark.parametrize("outside_noise", [0.0, 0.05])
def test_the_loss_is_finite_with_exact_zeros_outside_the_mask(outside_noise):
    flow, batch = toy()
    rule = learn(outside_noise=outside_noise, data_consistency_weight=10)
    loss, parts = rule(prepared(rule, flow, batch), batch, seeded())
    loss.backward()
    assert all(torch.isfinite(value) for value in parts.values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in flow.parameters())


def test_the_condition_is_computed_once_for_likelihood_guide_and_data_consistency():
    flow, batch = toy()
    counted = []
    for module in (flow.first, *(level.coupling_condition for level in flow.levels)):
        module.register_forward_pre_hook(lambda _, inputs: counted.append(len(inputs[0])))
    learn(data_consistency_weight=10)(flow, batch, seeded())
    assert counted == [4, 4, 4]


def test_an_enhancer_learns_from_the_super_resolved_map_and_leaves_its_network_alone():
    _, batch = toy()
    super_resolver = torch.nn.Conv2d(1, 1, 1)
    flow = Fixed(batch.target)
    rule = learn(lambda condition: super_resolver(condition.low_resolution), data_consistency_weight=10)
    _, parts = rule(flow, batch, seeded())
    told = flow.conditions[0].low_resolution
    assert torch.equal(told, super_resolver(batch.condition.low_resolution) * batch.condition.mask)
    assert not told.requires_grad
    _, same = learn(data_consistency_weight=10)(Fixed(batch.target), batch, seeded())
    assert torch.equal(parts["data_consistency"], same["data_consistency"])  # the measured k-space, not the network's


def test_the_generator_alone_decides_the_loss():
    flow, batch = toy()
    rule = learn(data_consistency_weight=10)
    first = rule(flow, batch, seeded(1))[0]
    torch.manual_seed(99)
    assert torch.equal(rule(flow, batch, seeded(1))[0], first)
    assert not torch.equal(rule(flow, batch, seeded(2))[0], first)


@pytest.mark.parametrize(
    "settings",
    [{"truncation": 20, "diffusion_steps": 100}, {"data_consistency_weight": 10}, {"guide_weight": 0}],
    ids=["ftddm", "enhancer", "srflow"],
)
@pytest.mark.parametrize("base", ["learned", "conditional", "standard"])
def test_a_few_steps_of_training_lower_the_loss_and_keep_the_way_back(settings, base):
    flow, batch = toy(base=base)
    rule = learn(**settings)
    optimiser = torch.optim.Adam(prepared(rule, flow, batch).parameters(), 3e-3)
    before, _ = rule(flow, batch, seeded())
    for iteration in range(25):
        optimiser.zero_grad()
        rule(flow, batch, seeded(iteration))[0].backward()
        optimiser.step()
    assert rule(flow, batch, seeded())[0] < before - 0.1
    context = flow.condition(batch.condition)
    z, _ = flow.forward_map(batch.target, context)
    assert (flow.inverse(z, context) - batch.target).abs().max() < 1e-4


def test_a_flow_learns_the_mean_and_the_spread_of_gaussian_maps():
    """Maps that are noise of standard deviation 0.1 around 0.5: no flow can need fewer bits than their entropy."""
    flow, batch = toy(8, levels=2, steps=1)
    rule, everywhere = learn(guide_weight=0, outside_noise=0), torch.ones_like(batch.target)
    batch.condition = replace(batch.condition, mask=everywhere)

    def fresh(seed):
        batch.target = 0.5 + 0.1 * torch.randn(batch.target.shape, generator=seeded(seed))
        return batch

    prepared(rule, flow, fresh(0))
    entropy = math.log2(0.1 * math.sqrt(2 * math.pi * math.e))
    with torch.no_grad():
        bits = torch.stack([rule(flow, fresh(seed), seeded())[0] for seed in range(1, 20)]).mean()
        context = flow.condition(batch.condition)
        drawn = flow.sample(context, 1.0, torch.randn(8, 256))
    assert entropy - 0.02 < bits < entropy + 0.05
    assert abs(drawn.mean() - 0.5) < 0.02 and abs(drawn.std() - 0.1) < 0.01


def test_an_interrupted_flow_resumes_with_the_actnorms_that_it_was_initialised_with(tmp_path, monkeypatch):
    settings = network_settings({
        "architecture": "flow", "features": 4, "levels": 2, "steps": 1, "objective": "likelihood", "batch_size": 3,
        "learning_rate": 1e-3, "iterations": 4, "validate_every": 2, "ema": 0.9,
    })  # fmt: skip
    maps = [MapsOnDevice([participant(f"sub-{seed}", seed)], "clean", [4, 8]) for seed in (1, 2)]
    prepared_for = []

    def train(path):
        given = {"seed": 1, "checkpoint": Checkpoint(path, "a"), "device": torch.device("cpu")}
        return training.train(settings, *maps, **given, checkpoint_every=1)

    def recording(rule, network, batch, generator):
        prepared_for.append(len(batch.target))
        network.prepare(rule.target(batch, generator), batch.condition)

    def stopping(run):
        if run.iteration == 2:
            raise KeyboardInterrupt
        step(run)

    step = training.Run.step
    monkeypatch.setattr(Likelihood, "prepare", recording)
    whole = train(tmp_path / "whole")
    monkeypatch.setattr(training.Run, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "part")
    monkeypatch.setattr(training.Run, "step", step)
    resumed = train(tmp_path / "part")
    assert prepared_for == [3, 3]  # once for each fresh run
    assert all(torch.equal(resumed.last[name], whole.last[name]) for name in whole.last)
    assert whole.last["first.log_scale"][0] > 0.5  # maps spread by far less than 1 are scaled up, in the average too
