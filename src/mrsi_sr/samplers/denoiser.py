"""A denoising network with the diffusion chain that it has learned, and how samplers walk that chain down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.settings.network import NetworkSettings


@dataclass(frozen=True)
class Denoiser:
    """network(x, step, condition) estimates the noise in x [B, 1, H, W] at step [B] of the schedule, a chain.

    The chain is whole, or truncated to its first steps.
    """

    network: Callable[[Tensor, Tensor, Condition], Tensor]
    schedule: Schedule

    @classmethod
    def trained(cls, network: Callable[[Tensor, Tensor, Condition], Tensor], settings: NetworkSettings) -> "Denoiser":
        """A network that was trained with these settings, with the chain that they name."""
        return cls(network, Schedule.cosine(settings.diffusion_steps).first(settings.truncation))


def descend(
    denoiser: Denoiser, walk: Callable, x: Tensor, condition: Condition, noise: Callable[[Tensor], Tensor], *,
    clip: Sequence[float] | None = None, **options,
) -> tuple[Tensor, int]:  # fmt: skip
    """Walk a denoiser's chain down from a draw x [B, 1, H, W] at its last step.

    walk: as `samplers.walk_of` describes; options: its own. clip: lowest and highest value of the clean map that an
    estimate of the noise stands for, in units of the condition's ceiling; None for no bounds.
    Returns the map [B, 1, H, W] and the number of network evaluations.
    """
    network, schedule = denoiser.network, denoiser.schedule

    def denoise(x: Tensor, step: int) -> Tensor:
        estimate = network(x, torch.full((len(x),), step, device=x.device), condition)
        if clip is None:
            return estimate
        clean = schedule.clean(x, estimate, step).clamp(*(bound * condition.ceiling for bound in clip))
        return schedule.noise(x, clean, step)

    return walk(denoise, x, schedule, mask=condition.mask, noise=noise, **options)
