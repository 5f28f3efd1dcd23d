"""TDPM and FTDDM: another network draws the map at the truncation point, where the denoiser's chain starts."""

import math
from dataclasses import dataclass

import pytest
import torch
from gaussian_maps import MEAN, STD, agrees, composed, denoiser, marginal, noise_from
from toy_maps import architecture, noise_of, objective, toy_batch, toy_network, toy_sampler

from mrsi_sr import networks, objectives
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers import ancestral, dpm_solver
from mrsi_sr.samplers.denoiser import Denoiser, descend

torch.set_num_threads(1)

WHOLE, TRUNCATION = Schedule.cosine(1000), 100
CHAIN = WHOLE.first(TRUNCATION)


class ExactFlow:
    """A flow that has learned the Gaussian maps as they are after an index of the chain."""

    def __init__(self, index, shape):
        self.mean, spread = marginal(WHOLE, index)
        self.std, self.shape = math.sqrt(spread), shape

    def condition(self, condition):
        return self

    def select(self, index):
        return self

    def sample(self, context, temperature, noise):
        assert context is self
        return (self.mean + temperature * self.std * noise).view(self.shape)

    def check(self, images):
        assert torch.isfinite(images).all()


def valid_everywhere(number):
    """A condition that no network looks at."""
    maps, mri = torch.ones(number, 1, 64, 64), torch.zeros(number, 3, 1, 1)
    size = torch.full((number,), 8)
    return Condition(maps, maps, None, maps, mri, mri, size=size, metabolite=torch.zeros_like(size))


def sample_gaussian(index, number=64, seed=3, flow_temperature=1.0, temperature=1.0, **how):
    condition = valid_everywhere(number)
    exact = Denoiser(lambda x, step, condition: denoiser(CHAIN)(x, int(step[0])), CHAIN)
    given = {"flow": ExactFlow(index, condition.mask.shape), "denoiser": exact}
    sampler = toy_sampler("ftddm", given, flow_temperature=flow_temperature, temperature=temperature, **how)
    return sampler(condition, noise_from(seed))


def test_a_truncated_chain_is_the_first_part_of_the_whole_one():
    assert CHAIN.steps == TRUNCATION and torch.equal(CHAIN.gammas, WHOLE.gammas[:TRUNCATION])
    assert WHOLE.first(None).steps == WHOLE.steps
    for key in ("posterior", "beta"):
        assert torch.equal(CHAIN.noise_std(key), WHOLE.noise_std(key)[:TRUNCATION])


def test_the_draw_and_the_chain_meet_at_index_truncation_minus_one():
    """Off by one in either direction is seen: the mean of the draw is sqrt(gamma) x the maps' mean at its own index."""
    start = marginal(WHOLE, TRUNCATION - 1)
    image, nfe = sample_gaussian(TRUNCATION - 1)
    assert agrees(image, *composed(CHAIN.gammas.tolist(), start=start))
    assert nfe == TRUNCATION + 1
    # Exactly, with the law that each reverse step follows: the mean survives only if both sides mean the same index.
    assert composed(CHAIN.gammas.tolist(), start=start)[0] == pytest.approx(MEAN, abs=1e-9)
    for off in (TRUNCATION - 2, TRUNCATION):
        mean, _ = composed(CHAIN.gammas.tolist(), start=marginal(WHOLE, off))
        assert abs(mean - MEAN) > 1e-6
        one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
        means = marginal(WHOLE, off)[0] * one
        walked, _ = ancestral.walk(denoiser(CHAIN), means, CHAIN, mask=one, temperature=0.0)
        assert walked.item() == pytest.approx(mean, abs=1e-9)


def test_the_first_step_asked_of_the_denoiser_is_the_last_that_it_has_learned():
    asked = []

    def denoise(x, step):
        asked.append(step)
        return torch.zeros_like(x)

    x = torch.ones(1, 1, 4, 4)
    ancestral.walk(denoise, x, CHAIN, mask=x)
    assert asked == list(range(TRUNCATION - 1, -1, -1))
    asked.clear()
    dpm_solver.walk(denoise, x, CHAIN, steps=10, mask=x)
    assert asked[0] == TRUNCATION - 1 and asked[-1] == 0 and len(asked) == 11


@pytest.mark.parametrize("temperature", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("flow_temperature", [0.0, 0.9, 1.0])
def test_with_an_exact_flow_ftddm_has_the_mean_and_variance_that_its_steps_compose_to(flow_temperature, temperature):
    mean, spread = marginal(WHOLE, TRUNCATION - 1)
    expected = composed(CHAIN.gammas.tolist(), temperature, start=(mean, flow_temperature**2 * spread))
    image, _ = sample_gaussian(TRUNCATION - 1, flow_temperature=flow_temperature, temperature=temperature)
    if flow_temperature == temperature == 0:
        assert image.std() < 1e-6 and image.mean().item() == pytest.approx(MEAN, abs=1e-5)
    else:
        assert agrees(image, *expected)


def test_at_full_temperature_the_samples_are_as_the_maps_are_and_temperatures_multiply_standard_deviations():
    mean, spread = composed(CHAIN.gammas.tolist(), start=marginal(WHOLE, TRUNCATION - 1))
    assert mean == pytest.approx(MEAN, abs=1e-9) and math.sqrt(spread) == pytest.approx(STD, rel=0.01)
    gammas, (_, start) = CHAIN.gammas.tolist(), marginal(WHOLE, TRUNCATION - 1)
    at = {
        (flow, chain): composed(gammas, chain, start=(0.0, flow**2 * start))[1]
        for flow, chain in [(1, 0), (0.5, 0), (0, 1), (0, 0.5), (0.5, 0.5), (1, 1)]
    }
    assert at[0.5, 0] == pytest.approx(at[1, 0] / 4) and at[0, 0.5] == pytest.approx(at[0, 1] / 4)
    assert at[0.5, 0.5] == pytest.approx(at[1, 1] / 4) and at[1, 1] == pytest.approx(at[1, 0] + at[0, 1])


def test_with_the_solver_an_exact_flow_gives_the_maps_own_mean_and_spread_in_ten_steps():
    how = {"solver": "dpm_solver", "steps": 10, "spacing": "log_snr"}
    image, nfe = sample_gaussian(TRUNCATION - 1, number=16, seed=1, **how)
    assert image.mean().item() == pytest.approx(MEAN, abs=0.005) and image.std().item() == pytest.approx(STD, rel=0.02)
    assert nfe == 12


def test_tdpm_starts_its_chain_where_the_generator_has_drawn(monkeypatch):
    condition = toy_batch().condition
    monkeypatch.setattr(ancestral, "walk", lambda denoise, x, schedule, **options: (x, 7))
    networks = {"generator": lambda z, step, condition: 3 * z + 1, "denoiser": Denoiser(None, CHAIN)}
    image, nfe = toy_sampler("tdpm", networks)(condition, lambda x: torch.full_like(x, 2))
    assert torch.equal(image, 7 * condition.mask) and nfe == 8


# --- as methods build them, with the networks at toy size

STEPS, LEARNED = 8, 4
UNET = {
    "channels": [8, 16], "residual_blocks": 1, "attention_at": [], "heads": 2,
    "diffusion_steps": STEPS, "truncation": LEARNED,
}  # fmt: skip
DENOISER = toy_network("denoising_unet", "noise_prediction", **UNET)
GENERATOR = toy_network("denoising_unet", "adversarial", **UNET)


@dataclass(frozen=True)
class ToyContext:
    mean: torch.Tensor

    def select(self, index):
        return ToyContext(self.mean[index])


class ToyFlow(torch.nn.Module):
    """A flow as the samplers see one: everything that depends on the condition first, then samples."""

    def condition(self, condition):
        return ToyContext(condition.low_resolution)

    def sample(self, context, temperature, noise):
        return context.mean + temperature * noise.view(context.mean.shape)

    def check(self, images):
        assert torch.isfinite(images).all()


def trained(settings, seed):
    torch.manual_seed(seed)
    network = networks.build(settings)
    torch.nn.init.normal_(network.last.weight, std=0.1)
    return network


def build(kind, **given):
    drawing = {"tdpm": {"generator": trained(GENERATOR, 1)}, "ftddm": {"flow": ToyFlow()}}[kind]
    return toy_sampler(kind, {"denoiser": Denoiser.trained(trained(DENOISER, 0), DENOISER)} | drawing, **given)


@pytest.mark.parametrize("kind", ["tdpm", "ftddm"])
@pytest.mark.parametrize(
    ("given", "nfe"),
    [({}, LEARNED + 1), ({"variance": "beta"}, LEARNED + 1), ({"solver": "dpm_solver", "steps": 2}, 4)],
)
def test_a_truncated_method_counts_one_evaluation_more_than_its_chain_and_keeps_to_the_mask(kind, given, nfe):
    condition = toy_batch().condition
    with torch.no_grad():
        images, counted = build(kind, **given)(condition, noise_from(0))
    assert counted == nfe and images.shape == condition.mask.shape and torch.isfinite(images).all()
    assert images[condition.mask == 0].abs().max() == 0 < images.abs().max()


@pytest.mark.parametrize("kind", ["tdpm", "ftddm"])
def test_a_sample_of_a_truncated_method_depends_on_its_own_noise_and_not_on_its_batch(kind):
    condition, sampler = toy_batch(4).condition, build(kind)

    with torch.no_grad():
        together, _ = sampler(condition, noise_of([0, 1, 2, 3]))
        apart, _ = sampler(condition.select([2, 3]), noise_of([2, 3]))
    assert torch.allclose(together[2:], apart, atol=1e-5)


def test_both_temperatures_of_ftddm_reach_what_they_scale():
    condition = toy_batch().condition

    def images(seed, **given):
        with torch.no_grad():
            return build("ftddm", **given)(condition, noise_from(seed))[0]

    still = {"flow_temperature": 0.0, "temperature": 0.0}
    assert torch.equal(images(0, **still), images(1, **still))
    for key in still:
        assert not torch.allclose(images(0, **still | {key: 0.5}), images(1, **still | {key: 0.5}))


# --- what the denoiser learns


def test_a_truncated_denoiser_learns_exactly_the_steps_that_remain():
    learn, batch, seen = objectives.build(DENOISER), toy_batch(64, grid=8, sizes=(4,)), {}

    def remembers(x, step, condition):
        seen.update(x=x, step=step)
        return torch.zeros_like(x)

    learn(remembers, batch, torch.Generator().manual_seed(0))
    assert set(seen["step"].tolist()) == set(range(LEARNED))
    # Its noisiest maps are as the whole chain has them there, and not as at the end of a chain of so many steps.
    gamma = Schedule.cosine(STEPS).gammas[LEARNED - 1]
    noisiest, inside = seen["step"] == LEARNED - 1, batch.condition.mask > 0
    mean = (seen["x"] - gamma.sqrt().float() * batch.target)[noisiest.view(-1, 1, 1, 1) & inside]
    assert mean.var().item() == pytest.approx(1 - gamma.item(), rel=0.2)


# --- the papers' table


@pytest.mark.parametrize(
    ("settings", "truncation", "nfe"),
    [
        ({"kind": "ancestral"}, None, 1000),
        ({"kind": "respaced", "steps": 100}, None, 100),
        ({"kind": "dpm_solver", "steps": 100}, None, 101),
        ({"kind": "tdpm"}, 100, 101),
        ({"kind": "ftddm"}, 100, 101),
    ],
)
def test_the_evaluations_are_as_many_as_in_table_1_of_ftddm_and_as_many_as_are_made(settings, truncation, nfe):
    asked = []

    def network(x, step, condition):
        asked.append(int(step[0]))
        return torch.zeros_like(x)

    class CountedFlow(ToyFlow):
        def sample(self, *arguments):
            asked.append("flow")
            return super().sample(*arguments)

    given = {"tdpm": {"generator": network}, "ftddm": {"flow": CountedFlow()}}.get(settings["kind"], {})
    given["denoiser"] = Denoiser.trained(network, objective("noise_prediction", truncation=truncation))
    condition = toy_batch(1, grid=4, sizes=(2,)).condition
    _, counted = toy_sampler(networks=given, **settings)(condition, noise_from(0))
    assert counted == len(asked) == nfe
    # The generator is told the truncation index, and so is the denoiser after it.
    assert truncation is None or asked[1] == truncation - 1


def test_ftddm_samples_through_the_flow_network_itself():
    torch.manual_seed(0)
    flow = networks.build(architecture("flow", features=8, levels=3, steps=1)).eval()
    sampler = toy_sampler("ftddm", {"denoiser": Denoiser.trained(trained(DENOISER, 0), DENOISER), "flow": flow})
    condition = toy_batch().condition
    with torch.no_grad():
        images, nfe = sampler(condition, noise_from(0))
    assert nfe == LEARNED + 1 and torch.isfinite(images).all()
    assert images[condition.mask == 0].abs().max() == 0 < images.abs().max()


@pytest.mark.parametrize("draws", ["likelihood", "adversarial"])
def test_what_the_drawing_network_learns_is_where_the_denoiser_starts(draws):
    """The noise in its training targets is that of the first step that sampling asks the denoiser about."""
    asked = []
    chain = Denoiser.trained(
        lambda x, step, condition: asked.append(int(step[0])) or torch.zeros_like(x), DENOISER
    )  # fmt: skip
    batch = toy_batch(32)
    descend(chain, ancestral.walk, torch.zeros_like(batch.target), batch.condition, noise_from(0))

    learn = objectives.build(objective(draws, diffusion_steps=STEPS, truncation=LEARNED))
    if draws == "likelihood":
        target = learn.target(batch, torch.Generator().manual_seed(0))
    else:
        network = lambda x, step, condition: asked.append(int(step[0])) or x  # noqa: E731
        target = learn.generate(network, batch, torch.Generator().manual_seed(0)).real
        assert asked[-1] == asked[0]  # the generator is told that step, too
    gammas, inside = Schedule.cosine(STEPS).gammas, batch.condition.mask > 0
    noise = (target - gammas[asked[0]].sqrt().float() * batch.target)[inside]
    levels = (noise.var() - (1 - gammas)).abs()
    assert levels.argmin() == asked[0] and levels[asked[0]] < 0.02
