import math

import pytest
import torch
from toy_maps import architecture, objective, toy_batch

from mrsi_sr import networks, samplers
from mrsi_sr.diffusion import Schedule
from mrsi_sr.samplers.ancestral import ancestral
from mrsi_sr.settings import check

torch.set_num_threads(1)

DENOISER = architecture("denoising_unet", channels=[8, 16], residual_blocks=1, attention_at=[], heads=2) | objective(
    "noise_prediction", diffusion_steps=6
)


def build_ancestral(**settings):
    torch.manual_seed(0)
    network = networks.build(DENOISER)
    torch.nn.init.normal_(network.last.weight, std=0.1)
    settings = {"kind": "ancestral"} | check("sampler-ancestral", settings)
    return samplers.build(settings, {"denoiser": network}, {"denoiser": DENOISER})


def noise_from(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator)


@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_ancestral_sampling_agrees_with_diffusers_step_by_step(variance, theirs):
    from diffusers import DDPMScheduler

    reference = DDPMScheduler(
        num_train_timesteps=50, beta_schedule="squaredcos_cap_v2", variance_type=theirs, clip_sample=False
    )
    ours, states = Schedule.cosine(50), []

    def denoise(x, step):
        states.append(x)
        return torch.sin(3 * x) + 0.01 * step

    x = noise_from(0)(torch.empty(2, 1, 8, 8))
    image, nfe = ancestral(denoise, x, ours, mask=torch.ones_like(x), variance=variance, noise=noise_from(1))
    generator = torch.Generator().manual_seed(1)
    for step, state in zip(reference.timesteps, [*states[1:], image], strict=True):
        estimate = torch.sin(3 * x) + 0.01 * step
        x = reference.step(estimate, step, x, generator=generator).prev_sample
        # diffusers keeps its tables in single precision; the first step divides by 1 - 0.999.
        assert torch.allclose(x, state, rtol=2e-3, atol=2e-3), int(step)
        x = state
    assert nfe == 50


class GaussianMaps:
    """Maps whose voxels are N(0.4, 0.2^2): the best estimate of the noise is known and affine in x."""

    mean, std = 0.4, 0.2

    @classmethod
    def slope_and_offset(cls, gamma):
        """E[noise | x] = slope x + offset, for x = sqrt(gamma) x0 + sqrt(1 - gamma) noise."""
        slope = math.sqrt(1 - gamma) / (gamma * cls.std**2 + 1 - gamma)
        return slope, -slope * math.sqrt(gamma) * cls.mean

    @classmethod
    def sample(cls, steps, number, **how):
        schedule = Schedule.cosine(steps)

        def denoise(x, step):
            slope, offset = cls.slope_and_offset(float(schedule.gammas[step]))
            return slope * x + offset

        x = noise_from(0)(torch.empty(number, 1, 64, 64))
        return ancestral(denoise, x, schedule, mask=torch.ones_like(x), noise=noise_from(1), **how)[0].double()

    @classmethod
    def composed(cls, steps, temperature, variance):
        """Mean and variance after the whole chain: each reverse step is affine, so they follow step by step."""
        betas = Schedule.cosine(steps).betas.tolist()
        mean, spread = 0.0, 1.0
        for step in reversed(range(steps)):
            gamma, before = (math.prod(1 - beta for beta in betas[:kept]) for kept in (step + 1, step))
            slope, offset = cls.slope_and_offset(gamma)
            share = betas[step] / math.sqrt(1 - gamma)
            mean = (mean * (1 - share * slope) - share * offset) / math.sqrt(1 - betas[step])
            added = betas[step] * (1 if variance == "beta" else (1 - before) / (1 - gamma))
            spread = spread * (1 - share * slope) ** 2 / (1 - betas[step]) + (temperature**2 * added if step else 0)
        return mean, spread


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("temperature", [0.0, 0.9, 1.0])
def test_on_gaussian_maps_the_chain_has_the_mean_and_variance_that_its_steps_compose_to(variance, temperature):
    x = GaussianMaps.sample(100, 64, temperature=temperature, variance=variance)
    mean, spread = GaussianMaps.composed(100, temperature, variance)
    # Five standard errors of a mean and of a variance of so many voxels.
    assert x.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(spread / x.numel()) + 1e-6)
    assert x.var().item() == pytest.approx(spread, rel=5 * math.sqrt(2 / x.numel()))


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_on_gaussian_maps_the_papers_chain_gives_the_maps_own_mean_and_spread(variance):
    # 1000 steps are not infinitely many: the composed standard deviation is 0.198 (posterior) and 0.2005 (beta).
    x = GaussianMaps.sample(1000, 16, variance=variance)
    assert x.mean().item() == pytest.approx(GaussianMaps.mean, abs=0.005)
    assert x.std().item() == pytest.approx(GaussianMaps.std, rel=0.025)


def test_at_temperature_zero_noise_beside_the_start_does_not_matter():
    schedule, x = Schedule.cosine(20), noise_from(0)(torch.empty(2, 1, 8, 8))

    def walk(temperature, seed):
        given = {"mask": torch.ones_like(x), "temperature": temperature, "noise": noise_from(seed)}
        return ancestral(lambda x, step: 0.3 * x, x, schedule, **given)[0]

    assert torch.equal(walk(0.0, 1), walk(0.0, 2))
    assert not torch.equal(walk(0.5, 1), walk(0.5, 2))


@pytest.mark.parametrize("kind", ["zero_filled", "single_pass", "ancestral"])
def test_every_sampler_gives_maps_that_are_zero_outside_the_mask_and_counts_its_evaluations(kind):
    condition = toy_batch().condition
    if kind == "ancestral":
        sampler = build_ancestral()
    else:
        given = {"network": networks.build(architecture("munet", channels=2))} if kind == "single_pass" else {}
        sampler = samplers.build({"kind": kind}, given, {role: {} for role in given})
    with torch.no_grad():
        images, nfe = sampler(condition, noise_from(0))
    assert images.shape == condition.mask.shape and torch.isfinite(images).all()
    assert images[condition.mask == 0].abs().max() == 0 < images.abs().max()
    assert nfe == {"zero_filled": 0, "single_pass": 1, "ancestral": 6}[kind]


def test_every_state_of_the_chain_is_zero_outside_the_mask():
    mask = toy_batch().condition.mask

    def denoise(x, step):
        assert x[mask == 0].abs().max() == 0
        return torch.ones_like(x)

    ancestral(denoise, noise_from(0)(mask), Schedule.cosine(10), mask=mask)


def test_a_sample_depends_on_its_own_noise_and_not_on_its_batch():
    condition, sampler = toy_batch(4).condition, build_ancestral(temperature=0.9, variance="beta")

    def noise_of(maps):
        generators = [torch.Generator().manual_seed(index) for index in maps]
        return lambda x: torch.stack([torch.randn(x.shape[1:], generator=generator) for generator in generators])

    with torch.no_grad():
        together, _ = sampler(condition, noise_of([0, 1, 2, 3]))
        apart, _ = sampler(condition.select([2, 3]), noise_of([2, 3]))
    assert torch.allclose(together[2:], apart, atol=1e-5)
