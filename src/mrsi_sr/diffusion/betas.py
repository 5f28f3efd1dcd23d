"""Noise schedule of the diffusion chain in plain numbers, for checks of a configuration without torch."""

import json
import math
from itertools import pairwise

from mrsi_sr.cli import UserError

OFFSET = 0.008  # s of Nichol and Dhariwal 2021: keeps the first step's noise from vanishing
LARGEST_BETA = 0.999  # ibid.: keeps the last step from being singular
LOWEST_LOG_SNR = -5.1  # log(alpha/sigma) at which DPM-Solver's authors start a cosine schedule, for stability
FROM_NOISE = ("ancestral", "respaced", "dpm_solver")  # samplers that start at the end of a whole chain
FROM_DRAW = ("tdpm", "ftddm")  # samplers that start where another network has drawn a map of a truncated chain


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


def check_truncation(network: dict, where: str) -> None:
    """Raise UserError where a network's truncation, if it has one, lies above its number of diffusion steps."""
    truncation, steps = network.get("truncation"), network.get("diffusion_steps")
    if None not in (truncation, steps) and truncation > steps:
        raise UserError(f"{where} is {truncation}, expected at most diffusion_steps, which is {steps}")


def check_chain(sampler: dict, networks: dict[str, dict], where: str) -> None:
    """Raise UserError unless a sampler's networks share one chain that is as long as the sampler needs.

    networks: complete settings by role. A sampler of another kind, which walks no chain, needs nothing.
    """
    kind = sampler["kind"]
    if kind not in FROM_NOISE + FROM_DRAW:
        return
    denoiser = networks["denoiser"]
    steps, truncation = denoiser["diffusion_steps"], denoiser["truncation"]
    if kind in FROM_NOISE and truncation is not None:
        raise UserError(
            f"{where}.networks.denoiser has learned the first {truncation} steps only, but the sampler {kind} starts"
            f" from pure noise: expected a network with truncation null"
        )
    if kind in FROM_DRAW:
        _check_same_chain(kind, networks, where)
        _check_solver(sampler, f"{where}.sampler")
    _check_clip(sampler.get("clip"), f"{where}.sampler.clip")
    _check_steps(sampler, cosine_betas(steps)[:truncation], f"{where}.sampler.steps")


def _check_same_chain(kind: str, networks: dict[str, dict], where: str) -> None:
    """What one network draws is where the other one starts."""
    denoiser = networks["denoiser"]
    if denoiser["truncation"] is None:
        raise UserError(
            f"{where}.networks.denoiser has truncation null, but the sampler {kind} starts at the truncation point:"
            f" expected a number of steps"
        )
    for role, network in networks.items():
        for key in ("diffusion_steps", "truncation"):
            if network.get(key) != denoiser[key]:
                raise UserError(
                    f"{where}.networks: {key} is {json.dumps(network.get(key))} for {role} and"
                    f" {json.dumps(denoiser[key])} for denoiser, expected the same: what {role} draws is where the"
                    f" denoiser starts"
                )


def _check_solver(sampler: dict, where: str) -> None:
    if (sampler["solver"] == "dpm_solver") != (sampler["steps"] is not None):
        raise UserError(
            f"{where}.steps is {json.dumps(sampler['steps'])} and solver is {sampler['solver']}: dpm_solver needs a"
            f" number of steps, ancestral takes all and needs null"
        )


def _check_clip(clip: list[float] | None, where: str) -> None:
    if clip is not None and clip[0] >= clip[1]:
        raise UserError(f"{where} is {clip}, expected the lowest value and then a higher one")


def _check_steps(sampler: dict, betas: list[float], where: str) -> None:
    steps = sampler.get("steps")
    if steps is None:
        return
    if sampler["kind"] == "respaced":
        if steps > len(betas):
            raise UserError(f"{where} is {steps}, expected at most diffusion_steps, which is {len(betas)}")
        return
    most = solvable_steps(betas) - 1
    if steps > most:
        raise UserError(
            f"{where} is {steps}, expected at most {most}: so many lie between the step that DPM-Solver++ starts at"
            f" and the first, in a chain of {len(betas)}"
        )
