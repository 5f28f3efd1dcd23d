"""Maps whose voxels are N(0.4, 0.2^2): the best estimate of their noise is known, and so is what every chain makes."""

import math

import torch

MEAN, STD = 0.4, 0.2


def noise_from(seed):
    """Standard normal noise like x, from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)


def slope_and_offset(gamma):
    """E[noise | x] = slope x + offset, for x = sqrt(gamma) x0 + sqrt(1 - gamma) noise."""
    slope = math.sqrt(1 - gamma) / (gamma * STD**2 + 1 - gamma)
    return slope, -slope * math.sqrt(gamma) * MEAN


def denoiser(schedule):
    """The exact estimate of the noise at any step."""

    def denoise(x, step):
        slope, offset = slope_and_offset(float(schedule.gammas[step]))
        return slope * x + offset

    return denoise


def marginal(schedule, step):
    """Exact mean and variance of the noisy maps after a step."""
    gamma = float(schedule.gammas[step])
    return math.sqrt(gamma) * MEAN, gamma * STD**2 + 1 - gamma


def composed(gammas, temperature=1.0, variance="posterior", start=(0.0, 1.0)):
    """Mean and variance after the reverse steps of a chain, from those at its start.

    Each reverse step is affine, so they follow step by step; written from FTDDM's equations 3 and 12 alone.
    """
    mean, spread = start
    for gamma, before in zip(gammas[::-1], [*gammas[-2::-1], 1.0], strict=True):
        beta = 1 - gamma / before
        slope, offset = slope_and_offset(gamma)
        share = beta / math.sqrt(1 - gamma)
        mean = (mean * (1 - share * slope) - share * offset) / math.sqrt(1 - beta)
        added = beta * (1 if variance == "beta" else (1 - before) / (1 - gamma))
        spread = spread * (1 - share * slope) ** 2 / (1 - beta) + (temperature**2 * added if before < 1 else 0)
    return mean, spread


def agrees(x, mean, spread):
    """Whether voxels have a mean and variance, to five standard errors of each."""
    x = x.double()
    mean_error, variance_error = abs(x.mean().item() - mean), abs(x.var().item() / spread - 1)
    return mean_error < 5 * math.sqrt(spread / x.numel()) + 1e-6 and variance_error < 5 * math.sqrt(2 / x.numel())
