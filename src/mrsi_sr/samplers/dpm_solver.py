"""DPM-Solver++: the deterministic reverse chain as an ordinary differential equation, in few large steps."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

from mrsi_sr.diffusion.betas import log_snr, solvable_steps
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers.denoiser import descend


def dpm_solver(
    networks: dict, condition: Condition, noise, *, steps: int, spacing: str, clip: Sequence[float] | None
) -> tuple[Tensor, int]:
    """Solve the denoiser's whole chain from pure noise. NFE: steps + 1."""
    options = {"steps": steps, "spacing": spacing, "clip": clip}
    return descend(networks["denoiser"], walk, noise(condition.mask), condition, noise, **options)


def walk(
    denoise: Callable[[Tensor, int], Tensor], x: Tensor, schedule: Schedule, *, mask: Tensor,
    noise: Callable[[Tensor], Tensor] | None = None, steps: int, spacing: str = "time",
) -> tuple[Tensor, int]:  # fmt: skip
    """Solve from the chain's last step to its first, then denoise (Lu et al. 2022, DPM-Solver++(2M), algorithm 2).

    x: [B, 1, H, W], a draw at the chain's last step. denoise(x, step) estimates its noise, same shape.
    Second order, multistep, on estimates of the clean map, at the steps that `spaced` names. The first is of first
    order, and so is the last, from the chain's first step to the clean map: its estimate there (`denoise_to_zero` of
    the authors' program). Nothing is random, so noise is not used. Every state is zero outside the mask [B, 1, H, W].
    Returns the map [B, 1, H, W] and the number of network evaluations: one for each step, and that last one.
    """
    kept = spaced(schedule, steps, spacing)
    gamma = schedule.gammas.tolist()
    x, before, h_before = x * mask, None, None
    for step, after in pairwise(kept):
        x0 = schedule.clean(x, denoise(x, step), step)
        h = log_snr(gamma[after]) - log_snr(gamma[step])
        ahead = x0 if before is None else x0 + h / (2 * h_before) * (x0 - before)
        x = math.sqrt((1 - gamma[after]) / (1 - gamma[step])) * x - math.sqrt(gamma[after]) * math.expm1(-h) * ahead
        x, before, h_before = x * mask, x0, h
    return schedule.clean(x, denoise(x, 0), 0) * mask, steps + 1


def spaced(schedule: Schedule, steps: int, spacing: str) -> list[int]:
    """Indices of `steps` + 1 steps from the noisiest usable one to 0, even in time or, as far as possible, in log-SNR.

    Usable steps have a log-SNR of at least LOWEST_LOG_SNR: the cosine schedule goes down to -10, where a small error
    of the noise is a huge one of the clean map. At -5.1 the map is still pure noise, but for a part in 160.
    """
    last = solvable_steps(schedule.betas.tolist()) - 1
    if spacing == "time":
        return [round(last * number / steps) for number in reversed(range(steps + 1))]
    levels = [log_snr(gamma) for gamma in schedule.gammas[: last + 1].tolist()]
    kept = [0]
    for number in range(1, steps + 1):
        level = levels[0] + (levels[last] - levels[0]) * number / steps
        nearest = min(range(last + 1), key=lambda index: abs(levels[index] - level))
        kept.append(min(max(nearest, kept[-1] + 1), last - (steps - number)))
    return kept[::-1]
