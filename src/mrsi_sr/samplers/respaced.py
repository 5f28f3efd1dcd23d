"""Respaced sampling: fewer steps of the reverse diffusion chain, evenly spaced."""

from collections.abc import Callable, Sequence

from torch import Tensor

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers import ancestral
from mrsi_sr.samplers.denoiser import descend


def respaced(
    networks: dict, condition: Condition, noise, *,
    steps: int, temperature: float, variance: str, clip: Sequence[float] | None,
) -> tuple[Tensor, int]:  # fmt: skip
    """Walk a respaced chain down from pure noise. NFE: steps."""
    options = {"steps": steps, "temperature": temperature, "variance": variance, "clip": clip}
    return descend(networks["denoiser"], walk, noise(condition.mask), condition, noise, **options)


def walk(
    denoise: Callable[[Tensor, int], Tensor], x: Tensor, schedule: Schedule, *, steps: int, **options
) -> tuple[Tensor, int]:
    """Walk a chain of evenly spaced steps of the schedule, its betas recomputed (Nichol and Dhariwal 2021, section 4).

    The denoiser is evaluated at steps of the whole chain, which it has learned. options: those of `ancestral.walk`.
    Returns the map [B, 1, H, W] and the number of network evaluations, `steps`.
    """
    shorter, kept = schedule.respaced(steps)
    return ancestral.walk(lambda x, step: denoise(x, kept[step]), x, shorter, **options)
