"""Truncated chains: a denoiser continues where another network has drawn the map at the truncation point."""

from collections.abc import Callable, Sequence

from torch import Tensor

from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers import walk_of
from mrsi_sr.samplers.denoiser import Denoiser, descend


def finished(
    denoiser: Denoiser, x: Tensor, condition: Condition, noise: Callable[[Tensor], Tensor], *,
    solver: str, temperature: float, variance: str, steps: int | None, spacing: str,
    clip: Sequence[float] | None,
) -> tuple[Tensor, int]:  # fmt: skip
    """Walk the truncated chain from a draw x [B, 1, H, W] at its last step down to the map, in the way of the solver.

    temperature and variance: of solver ancestral. steps and spacing: of dpm_solver. clip: as `descend` describes.
    Returns the map [B, 1, H, W] and the number of network evaluations: the chain's, and one of the network that drew x.
    """
    own = {"ancestral": {"temperature": temperature, "variance": variance},
           "dpm_solver": {"steps": steps, "spacing": spacing}}  # fmt: skip
    x, evaluations = descend(denoiser, walk_of(solver), x * condition.mask, condition, noise, clip=clip, **own[solver])
    return x, evaluations + 1
