"""Bridge: the true map from any point of a Brownian bridge between it and the zero-filled map."""

import torch
from torch import Tensor, nn

from mrsi_sr.objectives.base import Objective


class Bridge(Objective):
    """Mean squared error of the map (I2SB, Liu et al. 2023, with constant diffusion; the map is what is estimated)."""

    def __init__(self, *, bridge_noise: float):
        """The arguments are explained in settings/objective.py."""
        self.bridge_noise = bridge_noise

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss at a time of each map's own: 0 is the true map, 1 the zero-filled one. One part: map."""
        condition, mask = batch.condition, batch.condition.mask
        target = batch.target * mask
        noise = torch.randn(target.shape, generator=generator, device=generator.device).to(target)
        time = torch.rand(len(target), generator=generator, device=generator.device).to(target)
        along = time.view(-1, 1, 1, 1)
        between = (1 - along) * target + along * condition.low_resolution
        state = (between + self.bridge_noise * (along * (1 - along)).sqrt() * noise) * mask
        loss = (network(condition, state=state, time=time) - target).square().sum() / mask.sum().clamp(min=1)
        return loss, {"map": loss}
