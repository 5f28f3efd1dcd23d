"""Respaced sampling: fewer steps of the reverse diffusion chain, evenly spaced."""

from collections.abc import Callable

import torch
from torch import Tensor

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.samplers.ancestral import ancestral


def respaced(
    denoise: Callable[[Tensor, int], Tensor],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    mask: Tensor,
    temperature: float = 1.0,
    variance: str = "posterior",
    noise: Callable[[Tensor], Tensor] = torch.randn_like,
) -> tuple[Tensor, int]:
    """Walk a chain of evenly spaced steps of the schedule, its betas recomputed (Nichol and Dhariwal 2021, section 4).

    The denoiser is asked at the steps of the whole chain, which it has learned. All else as in `ancestral`.
    Returns the map [B, 1, H, W] and the number of network evaluations, `steps`.
    """
    shorter, kept = schedule.respaced(steps)
    walk = {"mask": mask, "temperature": temperature, "variance": variance, "noise": noise}
    return ancestral(lambda x, step: denoise(x, kept[step]), x, shorter, **walk)
