"""Laws of adversarial training: what the critic is penalised for, who moves where, and that a run resumes."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from tiny_cohort import DENOISER, MUNET, participant
from torch import nn
from torch.nn.functional import interpolate
from toy_maps import architecture, objective, toy_batch

from mrsi_sr import networks, objectives
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.networks.discriminator import Discriminator, critic_input
from mrsi_sr.objectives import adversarial
from mrsi_sr.objectives.adversarial import gradient_penalty
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.settings.network import network_settings
from mrsi_sr.training import loop as training

torch.set_num_threads(1)

CPU = torch.device("cpu")
TOY = {"critic_channels": 2, "critic_steps": 2}
COMMON = {key: getattr(MUNET, key) for key in ("batch_size", "learning_rate", "iterations", "validate_every")}
CWGAN = network_settings({
    "architecture": "munet", "channels": 1, "modulation": "filter_scaling", "sharpness": True,
    "objective": "adversarial", **TOY, **COMMON,
})  # fmt: skip
GENERATOR = network_settings({
    key: value for key, value in DENOISER.plain().items() if key != "diffusion_steps"
} | {
    "objective": "adversarial", "diffusion_steps": 8, "truncation": 3, "reconstruction": 0,
    "adversarial_weight": [1, 1], "zero_probability": 0, "ema": None, **TOY,
})  # fmt: skip


def critic_loss(learn, network, batch, generator):
    """The critic's loss of a network on a batch."""
    return learn.critic_loss(*learn.critic_inputs(network, batch, generator), generator)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(**settings):
    torch.manual_seed(0)
    return objectives.build(objective("adversarial", critic_channels=2, **settings))


class Linear(nn.Module):
    """A critic with the same slope everywhere."""

    def __init__(self, slope: torch.Tensor):
        super().__init__()
        self.slope = nn.Parameter(slope)

    def forward(self, x):
        return (x * self.slope).sum(dim=(1, 2, 3))


def test_the_discriminator_has_the_papers_parameters_and_a_gradient_in_each():
    assert networks.count_parameters(Discriminator(32)) == 1_284_129
    batch, critic = toy_batch(2, grid=16, sizes=(4, 8)), Discriminator(2)
    scores = critic(critic_input(batch.target, batch.condition))
    assert scores.shape == (2,)
    scores.sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in critic.parameters())


def test_a_score_depends_on_image_and_on_every_part_of_the_condition():
    batch, critic = toy_batch(1, grid=16, sizes=(8,)), Discriminator(2)
    score = critic(critic_input(batch.target, batch.condition))
    assert not torch.equal(critic(critic_input(1 - batch.target, batch.condition)), score)
    for name in ("low_resolution", "t1", "flair"):
        other = replace(batch.condition, **{name: 1 - getattr(batch.condition, name)})
        assert not torch.equal(critic(critic_input(batch.target, other)), score), name


def test_the_critic_reads_four_slabs_of_192_by_192_by_3_and_a_map_is_the_same_in_all_slices():
    batch = toy_batch(2, grid=64)
    t1, flair, low, image = critic_input(batch.target, batch.condition).split(3, dim=1)
    assert torch.equal(t1, batch.condition.t1) and torch.equal(flair, batch.condition.flair)
    for slab, maps in ((low, batch.condition.low_resolution), (image, batch.target)):
        assert slab.shape == (2, 3, 192, 192) and torch.equal(slab, slab[:, :1].expand_as(slab))
        assert torch.allclose(slab[:, :1, 1::3, 1::3], maps, atol=1e-6)  # the centre of each voxel


@pytest.mark.parametrize("length", [0.0, 1.0, 3.0])
def test_the_gradient_penalty_of_a_linear_critic_is_the_square_of_its_slope_less_one(length):
    slope = torch.zeros(1, 4, 4)
    slope[0, 1, 2], slope[0, 3, 0] = 0.6 * length, -0.8 * length
    critic = Linear(slope)
    penalty = gradient_penalty(critic, torch.rand(5, 1, 4, 4))
    assert penalty.item() == pytest.approx((length - 1) ** 2)
    if length:
        penalty.backward()  # the penalty reaches the critic's parameters
        expected = 2 * (length - 1) * slope / length
        assert torch.allclose(critic.slope.grad, expected, atol=1e-6)


SLAB = 192 * 192 * 3  # voxels of each of the critic's four inputs
INPUTS = ["t1", "flair", "low-resolution map", "image"]


@pytest.mark.parametrize("name", INPUTS)
def test_the_slope_of_a_critic_that_averages_an_input_is_the_one_of_its_192_by_192_by_3_voxels(name):
    """WGAN-GP takes the slope by all that the critic reads: a mean over N voxels has the slope 1 / sqrt(N).

    By the voxels of the 64x64 image it would be sqrt(27) times as steep, and by the image alone 0 for the others.
    """
    learn, batch, steepness = build(), toy_batch(2, grid=64), 3.0
    averaged = torch.zeros(12, 1, 1)
    averaged[3 * INPUTS.index(name) :][:3] = steepness / SLAB**0.5  # sqrt(N) x 3 times the mean: the slope is 3
    learn.critic.module = Linear(averaged.expand(12, 192, 192))
    penalty = critic_loss(learn, lambda condition: 0.25 * batch.target, batch, seeded())[1]["penalty"]
    assert penalty.item() == pytest.approx((steepness - 1) ** 2, rel=1e-2)  # float32


def test_the_penalty_is_taken_between_the_generated_and_the_real_inputs(monkeypatch):
    """Each pair has a point of its own on the line between its two, drawn uniformly (Gulrajani et al. 2017)."""
    learn, batch, seen = build(), toy_batch(12, grid=8, sizes=(4,)), []
    monkeypatch.setattr(adversarial, "gradient_penalty", lambda score, x: seen.append(x) or torch.zeros(()))
    learn.critic.module = lambda x: x.mean(dim=(1, 2, 3))
    critic_loss(learn, lambda condition: 0.5 * condition.mask, batch, seeded())
    real, made = (critic_input(x, batch.condition) for x in (batch.target, 0.5 * batch.condition.mask))
    difference = (real - made).flatten(1)
    share = ((seen[0] - made).flatten(1) * difference).sum(1) / difference.square().sum(1)
    assert torch.allclose(seen[0], made + share.view(-1, 1, 1, 1) * (real - made), atol=1e-5)
    assert 0 <= share.min() < 0.3 and 0.7 < share.max() <= 1 and len(share.unique()) == 12


def test_the_critic_loss_of_a_linear_critic_is_penalty_less_distance():
    learn, batch = build(gradient_penalty=7.0), toy_batch(2)
    slope = torch.full((12, 192, 192), 2 / (4 * SLAB) ** 0.5)  # its length is 2
    learn.critic.module = Linear(slope)
    made = 0.25 * batch.target
    loss, parts = critic_loss(learn, lambda condition: made, batch, seeded())
    resampled = interpolate(batch.target, size=(192, 192), mode="bilinear")
    distance = 3 * (0.75 * resampled * slope[0]).sum() / 2
    assert parts["distance"].item() == pytest.approx(distance.item(), rel=1e-4)
    assert parts["penalty"].item() == pytest.approx(1.0, rel=1e-2)  # float32, summed over 442,368 voxels
    assert torch.allclose(loss, 7 * parts["penalty"] - parts["distance"])


@pytest.mark.parametrize("start", [0.1, 1.5])
def test_a_generator_moves_towards_the_data_and_the_critic_scores_the_data_higher(start, monkeypatch):
    """One number for each map: the data are at 0.8, and the generator starts on one side of them.

    On a line a slope can only turn round through 0, which the usual penalty would forbid: it is light here.
    """
    learn = build(adversarial_weight=[1.0, 1.0], zero_probability=0.0, reconstruction=0.0, gradient_penalty=0.1)
    condition = replace(toy_batch(4).condition, mask=torch.ones(4, 1, 1, 1))
    batch = SimpleNamespace(target=torch.full((4, 1, 1, 1), 0.8), condition=condition)

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

        def forward(self, x):
            return self.layers(x.flatten(1))[:, 0]

    learn.critic.module, level = Small(), nn.Parameter(torch.tensor(start))
    monkeypatch.setattr(adversarial, "critic_input", lambda image, condition: image)
    learn.reconstruction_loss = lambda output: (torch.zeros(()), {})  # MS-SSIM takes no map of one voxel

    def network(condition):
        return level.expand(4, 1, 1, 1)

    critic_optimizer = torch.optim.Adam(learn.critic.module.parameters(), 1e-2, (0.5, 0.9))
    optimizer = torch.optim.Adam([level], 1e-2, (0.5, 0.9))
    for iteration in range(60):
        for _ in range(5):
            critic_optimizer.zero_grad()
            loss, parts = critic_loss(learn, network, batch, seeded(iteration))
            loss.backward()
            critic_optimizer.step()
        optimizer.zero_grad()
        learn(network, batch, seeded(iteration))[0].backward()
        optimizer.step()
    assert abs(level.item() - 0.8) < abs(start - 0.8) - 0.3
    assert parts["distance"] > 0  # the critic's score of the data, less that of what is made


def test_weights_are_drawn_between_their_bounds_and_are_zero_by_chance():
    learn = build(adversarial_weight=[0.02, 0.1], zero_probability=0.25)
    weights = learn.draw_weights(20_000, seeded(), torch.zeros(()))
    drawn = weights[weights > 0]
    assert (weights == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert 0.02 <= drawn.min() < 0.0201 and 0.0999 < drawn.max() <= 0.1
    assert drawn.mean().item() == pytest.approx(0.06, abs=0.001)
    fixed = build(adversarial_weight=[0.003, 0.003], zero_probability=0.0).draw_weights(5, seeded(), torch.zeros(()))
    assert torch.equal(fixed, torch.full((5,), 0.003))


def test_the_loss_is_reconstruction_and_each_maps_score_by_the_weight_that_it_was_told():
    learn, batch, told = build(reconstruction=2.0), toy_batch(3), []
    image = 0.9 * batch.target

    def network(condition):
        told.append(condition.adversarial_weight)
        return image

    loss, parts = learn(network, batch, seeded())
    plain, _ = objectives.build(objective("regression"))(lambda condition: image, batch)
    expected = (told[0] * -learn.critic.module(critic_input(image, batch.condition))).mean()
    assert torch.allclose(loss, 2 * plain + expected)
    assert torch.allclose(learn.validation(network, batch, seeded())[0], plain)
    assert set(parts) == {"l1", "structural", "adversarial"}


def test_a_generator_at_the_truncation_step_is_judged_against_maps_as_they_are_there():
    """TDPM: the truncated denoiser starts at index truncation - 1, so there is what the generator should make."""
    learn, batch = build(diffusion_steps=20, truncation=6), toy_batch(40)
    mask, seen = batch.condition.mask, {}

    def network(x, step, condition):
        seen.update(x=x, step=step)
        return torch.ones_like(x)

    output = learn.generate(network, batch, seeded())
    gamma = learn.schedule.gammas[5].float()
    noise = (output.real - gamma.sqrt() * batch.target)[mask > 0] / (1 - gamma).sqrt()
    assert noise.std().item() == pytest.approx(1, abs=0.02) and abs(noise.mean()) < 0.02
    assert torch.allclose(output.expected, gamma.sqrt() * batch.target)
    assert seen["step"].tolist() == [5] * 40 and seen["x"][mask > 0].std().item() == pytest.approx(1, abs=0.02)
    for image in (output.image, output.real, seen["x"]):
        assert image[mask == 0].abs().max() == 0


def test_the_generator_alone_decides_both_losses():
    learn, batch = build(), toy_batch(2, grid=16, sizes=(4, 8))
    network = networks.build(architecture("munet", channels=1, sharpness=True))
    for loss in (learn, partial(critic_loss, learn)):
        first = loss(network, batch, seeded(1))[0]
        torch.manual_seed(99)
        assert torch.equal(loss(network, batch, seeded(1))[0], first)
        assert not torch.equal(loss(network, batch, seeded(2))[0], first)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def maps():
    return [MapsOnDevice([participant(f"sub-{seed}", seed)], "clean", [4, 8]) for seed in (1, 2)]


@pytest.mark.parametrize("settings", [CWGAN, GENERATOR], ids=["cwgan", "tdpm"])
def test_an_adversarial_run_interrupted_and_resumed_is_bit_identical(settings, maps, tmp_path, monkeypatch):
    settings = settings | {"iterations": 4, "validate_every": 2}

    def train(name):
        checkpoint = Checkpoint(tmp_path / name, "a")
        return training.train(settings, *maps, seed=1, checkpoint=checkpoint, device=CPU, checkpoint_every=2)

    whole, step = train("whole"), training.Run.step

    def stops(run):
        if run.iteration == 3:
            raise Interrupted
        step(run)

    monkeypatch.setattr(training.Run, "step", stops)
    with pytest.raises(Interrupted):
        train("part")
    monkeypatch.setattr(training.Run, "step", step)
    torch.manual_seed(99)
    part = train("part")
    assert part.losses == whole.losses and {"critic", "distance", "penalty"} <= set(whole.losses[0])
    for name, tensor in whole.last.items():
        assert torch.equal(tensor, part.last[name]) and torch.equal(whole.best[name], part.best[name])
    states = [torch.load(tmp_path / name, weights_only=True)["run"]["critic"]["module"] for name in ("whole", "part")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not any("critic" in name or "hidden" in name for name in whole.last)


def test_the_critic_is_trained_on_batches_of_its_own_and_only_in_its_own_steps(maps):
    run, seen = training.Run(CWGAN, *maps, seed=1, device=CPU), []
    draw = MapsOnDevice.draw

    class Maps(MapsOnDevice):
        def draw(self, seed, iteration, batch_size):
            seen.append((seed, iteration))
            return draw(self, seed, iteration, batch_size)

    maps[0].__class__ = Maps
    before = {name: tensor.clone() for name, tensor in run.critic.module.state_dict().items()}
    run.step()
    run.step()
    maps[0].__class__ = MapsOnDevice
    assert len(set(seen)) == len(seen) == 2 * (1 + TOY["critic_steps"])
    assert [iteration for seed, iteration in seen if seed == 1] == [0, 1]
    assert any(not torch.equal(before[name], tensor) for name, tensor in run.critic.module.state_dict().items())
    assert not any(parameter.requires_grad for parameter in run.critic.module.parameters())
