"""Rectified flow: the velocity on straight paths from a regressor's map, with noise, to the true map."""

import torch
from torch import Tensor, nn

from mrsi_sr.networks.roles import starting_map
from mrsi_sr.objectives.base import Objective


class RectifiedFlow(Objective):
    """Mean squared error of the velocity inside the mask (Liu et al. 2023, equation 1).

    Paths start near the mean, not at pure noise, so that few steps keep a map's level.
    """

    def __init__(self, *, starting_noise: float, mean: nn.Module):
        """The arguments are explained in settings/objective.py; mean: trained network that makes the start."""
        self.starting_noise, self.mean = starting_noise, mean

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss at a time of each map's own, drawn uniformly. One part: velocity, the loss itself."""
        condition, mask = batch.condition, batch.condition.mask
        target = batch.target * mask
        noise = torch.randn(target.shape, generator=generator, device=generator.device).to(target)
        time = torch.rand(len(target), generator=generator, device=generator.device).to(target)
        with torch.no_grad():
            mean = self.mean(condition)
            start = starting_map(mean, noise, condition, self.starting_noise)
        along = time.view(-1, 1, 1, 1)
        state = (1 - along) * start + along * target
        velocity = network.change(condition, state=state, centre=mean, time=time)
        loss = ((velocity - (target - start)).square() * mask).sum() / mask.sum().clamp(min=1)
        return loss, {"velocity": loss}
