"""Ancestral sampling: the reverse diffusion chain, one step after the other."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers.denoiser import descend


def ancestral(
    networks: dict, condition: Condition, noise, *, temperature: float, variance: str, clip: Sequence[float] | None
) -> tuple[Tensor, int]:
    """Walk the denoiser's whole chain down from pure noise. NFE: the chain's length."""
    options = {"temperature": temperature, "variance": variance, "clip": clip}
    return descend(networks["denoiser"], walk, noise(condition.mask), condition, noise, **options)


def walk(
    denoise: Callable[[Tensor, int], Tensor], x: Tensor, schedule: Schedule, *, mask: Tensor,
    noise: Callable[[Tensor], Tensor] = torch.randn_like, temperature: float = 1.0, variance: str = "posterior",
) -> tuple[Tensor, int]:  # fmt: skip
    """Walk the reverse chain from its last step down to a clean map (Ho et al. 2020, algorithm 2; FTDDM equation 12).

    x: [B, 1, H, W], a draw at the chain's last step. denoise(x, step) estimates its noise, same shape.
    Every state is zero outside the mask [B, 1, H, W], as in training; so is the map.
    The temperature multiplies the standard deviation of every step's noise; 0 gives the chain of means.
    Returns the map [B, 1, H, W] and the number of network evaluations.
    """
    spread = (temperature * schedule.noise_std(variance)).tolist()
    x = x * mask
    for step in reversed(range(schedule.steps)):
        x = schedule.posterior_mean(x, denoise(x, step), step)
        if step > 0:
            x = x + spread[step] * noise(x)
        x = x * mask
    return x, schedule.steps
