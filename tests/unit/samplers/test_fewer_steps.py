"""Respaced chains and DPM-Solver++: fewer evaluations of a network that has learned the whole chain."""

import math
from itertools import pairwise

import pytest
import torch
from gaussian_maps import MEAN, STD, agrees, composed, denoiser, marginal, noise_from

from mrsi_sr.diffusion.betas import LOWEST_LOG_SNR, cosine_betas, log_snr, solvable_steps
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.samplers import ancestral, dpm_solver, respaced
from mrsi_sr.samplers.dpm_solver import spaced

torch.set_num_threads(1)


@pytest.mark.parametrize("steps", [2, 20, 100, 1000])
def test_a_respaced_chain_has_the_whole_chains_marginals_at_evenly_spaced_steps(steps):
    whole = Schedule.cosine(1000)
    shorter, kept = whole.respaced(steps)
    assert shorter.steps == steps and kept[0] == 0 and kept[-1] == 999
    gaps = [after - before for before, after in pairwise(kept)]
    assert max(gaps) - min(gaps) <= 1
    assert torch.equal(shorter.gammas, whole.gammas[kept])
    # What its own betas add, step by step, is what the whole chain has added by then.
    assert torch.allclose(torch.cumprod(1 - shorter.betas, 0), whole.gammas[kept], rtol=1e-9)
    between = [math.prod((1 - whole.betas[a + 1 : b + 1]).tolist()) for a, b in pairwise(kept)]
    assert torch.allclose(1 - shorter.betas[1:], torch.tensor(between, dtype=torch.float64), rtol=1e-9)


def test_a_chain_respaced_to_all_of_its_steps_is_itself_and_to_one_is_its_last():
    whole, x = Schedule.cosine(12), noise_from(0)(torch.empty(2, 1, 8, 8))
    given = {"mask": torch.ones_like(x), "temperature": 0.9}
    image, nfe = respaced.walk(denoiser(whole), x, whole, steps=12, noise=noise_from(1), **given)
    expected, _ = ancestral.walk(denoiser(whole), x, whole, noise=noise_from(1), **given)
    assert torch.allclose(image, expected, atol=1e-6) and nfe == 12
    assert whole.respaced(1)[1] == [11]


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("temperature", [0.0, 0.9, 1.0])
def test_on_gaussian_maps_a_respaced_chain_has_the_mean_and_variance_that_its_steps_compose_to(variance, temperature):
    whole, x, asked = Schedule.cosine(1000), noise_from(0)(torch.empty(32, 1, 64, 64)), []

    def denoise(x, step):
        asked.append(step)
        return denoiser(whole)(x, step)

    how = {"temperature": temperature, "variance": variance, "noise": noise_from(1)}
    # In double precision: the first of so few steps magnifies what it is given a thousandfold.
    image, nfe = respaced.walk(denoise, x.double(), whole, steps=20, mask=torch.ones_like(x), **how)
    shorter, kept = whole.respaced(20)
    assert agrees(image, *composed(shorter.gammas.tolist(), temperature, variance))
    assert asked == kept[::-1] and nfe == 20


@pytest.mark.parametrize("steps", [5, 10, 40])
@pytest.mark.parametrize("length", [50, 1000])
def test_dpm_solver_agrees_with_diffusers_step_by_step(length, steps):
    from diffusers import DPMSolverMultistepScheduler

    ours = Schedule.cosine(length)
    reference = DPMSolverMultistepScheduler(
        num_train_timesteps=length, beta_schedule="squaredcos_cap_v2", solver_order=2, lambda_min_clipped=-5.1,
        algorithm_type="dpmsolver++", solver_type="midpoint", final_sigmas_type="zero", lower_order_final=True,
    )  # fmt: skip
    reference.set_timesteps(steps)
    kept = spaced(ours, steps, "time")
    assert kept[:-1] == reference.timesteps.tolist()  # the same clipping, the same spacing
    reference.set_timesteps(timesteps=kept)
    states = []

    def denoise(x, step):
        states.append((step, x))
        return torch.sin(3 * x) + 0.001 * step

    x = noise_from(0)(torch.empty(2, 1, 8, 8))
    image, nfe = dpm_solver.walk(denoise, x, ours, steps=steps, mask=torch.ones_like(x))
    assert nfe == len(states) == steps + 1
    for step, (asked, state) in zip(kept, [*states[1:], (None, image)], strict=True):
        x = reference.step(torch.sin(3 * x) + 0.001 * step, step, x).prev_sample
        # diffusers keeps its tables in single precision; near pure noise they divide by 0.006.
        assert torch.allclose(x, state, rtol=2e-3, atol=2e-3), (step, asked)


def solution(schedule, start, z):
    """The exact solution of the probability-flow equation on Gaussian maps, denoised at the chain's first step.

    Noise of every level keeps its rank: z standard deviations from the mean at the start are z at any step.
    """
    mean, spread = marginal(schedule, start)
    x = mean + z * math.sqrt(spread)
    mean, spread = marginal(schedule, 0)
    last = mean + z * math.sqrt(spread)
    return x, schedule.clean(last, denoiser(schedule)(last, 0), 0)


def solver_error(schedule, steps, spacing):
    start = spaced(schedule, steps, spacing)[0]
    z = torch.tensor([-2.0, 0.5, 1.3], dtype=torch.float64).view(1, 1, 1, 3)
    x, exact = solution(schedule, start, z)
    image, _ = dpm_solver.walk(denoiser(schedule), x, schedule, steps=steps, mask=torch.ones_like(x), spacing=spacing)
    return (image - exact).abs().max().item() / STD


@pytest.mark.parametrize("truncation", [None, 1000])
@pytest.mark.parametrize("spacing", ["time", "log_snr"])
def test_dpm_solver_converges_to_the_exact_solution_with_second_order(truncation, spacing):
    schedule = Schedule.cosine(10_000).first(truncation)  # fine, so that its steps lie where they should
    steps = [160, 320] if truncation is None and spacing == "time" else [40, 80]
    coarse, fine = (solver_error(schedule, each, spacing) for each in steps)
    assert 3 < coarse / fine < 5  # twice the steps, a quarter of the error
    assert fine < 0.02


def test_in_log_snr_twenty_steps_are_more_exact_than_ninety_in_time():
    schedule = Schedule.cosine(1000)
    assert solver_error(schedule, 20, "log_snr") < solver_error(schedule, 90, "time") < 0.1


@pytest.mark.parametrize("spacing", ["time", "log_snr"])
@pytest.mark.parametrize(
    ("length", "truncation"), [(1000, None), (1000, 100), (100, 20), (20, None), (6, None), (2, None)]
)
def test_the_solvers_steps_are_all_different_from_the_noisiest_that_it_may_use_to_the_first(
    length, truncation, spacing
):
    schedule = Schedule.cosine(length).first(truncation)
    most = solvable_steps(cosine_betas(length)[:truncation]) - 1
    for steps in {1, min(5, most), most}:
        kept = spaced(schedule, steps, spacing)
        assert len(kept) == steps + 1 and kept[0] == most and kept[-1] == 0
        assert all(before > after for before, after in pairwise(kept))
    assert log_snr(float(schedule.gammas[most])) >= LOWEST_LOG_SNR
    assert most == schedule.steps - 1 or log_snr(float(schedule.gammas[most + 1])) < LOWEST_LOG_SNR


def test_the_solver_keeps_its_states_zero_outside_the_mask():
    x = noise_from(0)(torch.empty(1, 1, 8, 8))
    mask = (torch.arange(8) < 5).float().expand_as(x)

    def denoise(state, step):
        assert state[mask == 0].abs().max() == 0
        return torch.ones_like(state)

    image, _ = dpm_solver.walk(denoise, x, Schedule.cosine(50), steps=5, mask=mask)
    assert image[mask == 0].abs().max() == 0 < image.abs().max()


def test_the_mean_of_gaussian_maps_survives_either_shortcut():
    whole, x = Schedule.cosine(1000), noise_from(0)(torch.empty(8, 1, 64, 64)).double()
    mask = torch.ones_like(x)
    walked = respaced.walk(denoiser(whole), x, whole, steps=50, mask=mask)[0]
    assert walked.mean().item() == pytest.approx(MEAN, abs=0.01)
    solved = dpm_solver.walk(denoiser(whole), x, whole, steps=50, mask=mask, spacing="log_snr")[0]
    assert solved.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert solved.std().item() == pytest.approx(STD, rel=0.02)
