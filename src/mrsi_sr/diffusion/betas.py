"""Noise schedule of the diffusion chain in plain numbers, for checks of a configuration without torch."""

import math
from itertools import pairwise

OFFSET = 0.008  # s of Nichol and Dhariwal 2021: keeps the first step's noise from vanishing
LARGEST_BETA = 0.999  # ibid.: keeps the last step from being singular
LOWEST_LOG_SNR = -5.1  # log(alpha/sigma) at which DPM-Solver's authors start a cosine schedule, for stability


def cosine_betas(steps: int) -> list[float]:
    """Variance beta that each step adds in the cosine schedule (Nichol and Dhariwal 2021, equation 17)."""
    gammas = [math.cos((step / steps + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2 for step in range(steps + 1)]
    return [min(1 - after / before, LARGEST_BETA) for before, after in pairwise(gammas)]


def log_snr(gamma: float) -> float:
    """Log signal-to-noise ratio log(alpha / sigma), lambda of the DPM-Solver papers; gamma is alpha squared."""
    return 0.5 * math.log(gamma / (1 - gamma))


def solvable_steps(betas: list[float]) -> int:
    """Number of a chain's first steps that a DPM-Solver may use: log-SNR of LOWEST_LOG_SNR or more."""
    gamma, number = 1.0, 0
    for beta in betas:
        gamma *= 1 - beta
        number += log_snr(gamma) >= LOWEST_LOG_SNR
    return number
