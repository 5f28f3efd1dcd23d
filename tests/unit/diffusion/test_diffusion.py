import math

import pytest
import torch

from mrsi_sr.diffusion.schedule import Schedule

torch.set_num_threads(1)


@pytest.mark.parametrize("steps", [1, 20, 1000])
def test_gamma_follows_the_squared_cosine_until_the_last_beta_is_clipped(steps):
    schedule = Schedule.cosine(steps)
    assert schedule.betas.dtype == torch.float64 and schedule.steps == steps
    assert schedule.betas.min() > 0 and schedule.betas.max() <= 0.999

    def kept(time):
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    expected = [kept((step + 1) / steps) / kept(0) for step in range(steps - 1)]
    assert torch.allclose(schedule.gammas[:-1], torch.tensor(expected, dtype=torch.float64), rtol=1e-9)
    assert schedule.betas[-1] == 0.999


def test_noise_added_at_once_has_the_spread_of_noise_added_step_by_step():
    schedule, x0 = Schedule.cosine(30), torch.tensor(0.7, dtype=torch.float64)
    mean, variance = x0, torch.zeros((), dtype=torch.float64)
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for step, beta in enumerate(schedule.betas):
        mean, variance = (1 - beta).sqrt() * mean, (1 - beta) * variance + beta
        assert torch.allclose(schedule.add_noise(x0 * one, step, 0 * one), mean)
        assert torch.allclose(schedule.add_noise(0 * one, step, one) ** 2, variance)


def test_the_reverse_step_is_bayes_rule_for_a_known_clean_map():
    """q(x_{t-1} | x_t, x_0) of two Gaussian steps, its precision and mean computed directly."""
    schedule, x0, noise = Schedule.cosine(40), 0.3, -0.8
    for step in range(1, 40):
        beta, gamma, before = (
            float(v) for v in (schedule.betas[step], schedule.gammas[step], schedule.gammas[step - 1])
        )
        x = math.sqrt(gamma) * x0 + math.sqrt(1 - gamma) * noise
        precision = (1 - beta) / beta + 1 / (1 - before)
        mean = (math.sqrt(1 - beta) / beta * x + math.sqrt(before) / (1 - before) * x0) / precision
        given = [torch.full((1, 1, 1, 1), value, dtype=torch.float64) for value in (x, noise)]
        assert schedule.posterior_mean(*given, step).item() == pytest.approx(mean, rel=1e-9, abs=1e-12)
        assert schedule.noise_std("posterior")[step].item() ** 2 == pytest.approx(1 / precision, rel=1e-9)
        assert schedule.noise_std("beta")[step].item() ** 2 == pytest.approx(beta)
    assert schedule.noise_std("posterior")[0] == 0


def test_a_step_per_map_is_each_map_at_its_step():
    schedule = Schedule.cosine(10)
    x, noise, step = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4), torch.tensor([0, 4, 9])
    for each in (schedule.add_noise(x, step, noise), schedule.posterior_mean(x, noise, step)):
        assert each.dtype == torch.float32
    for index, one in enumerate(step.tolist()):
        picked = slice(index, index + 1)
        assert torch.allclose(
            schedule.add_noise(x, step, noise)[picked], schedule.add_noise(x[picked], one, noise[picked])
        )
        mean = schedule.posterior_mean(x[picked], noise[picked], one)
        assert torch.allclose(schedule.posterior_mean(x, noise, step)[picked], mean)
