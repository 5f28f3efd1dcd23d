"""Shortcut model: the velocity from pure noise to the map, for steps of several lengths."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.objectives.base import Objective


@dataclass(frozen=True)
class Shortcut(Objective):
    """Flow matching for most maps of a batch, self-consistency for the others (Frans et al. 2025, equation 5).

    A long step learns to equal two of half its length; the shortest ones stand on velocities, of span 0. The halves are
    the network's own, in place of its moving average's.
    """

    consistent_share: float
    halvings: int

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared error inside the mask. Parts: velocity and consistency, each of its own maps."""
        condition, mask = batch.condition, batch.condition.mask
        target = batch.target * mask
        noise = torch.randn(target.shape, generator=generator, device=generator.device).to(target) * mask
        uniform = torch.rand((2, len(target)), generator=generator, device=generator.device).to(target)
        number = max(1, round(self.consistent_share * len(target)))  # of maps for self-consistency
        halving = (uniform[0] * self.halvings).floor() + 1  # 1 .. halvings
        half = 0.5**halving
        long_time = (uniform[1] / (2 * half)).floor() * 2 * half  # a multiple of the long step below 1
        long = torch.arange(len(target), device=target.device) < number
        time, span = torch.where(long, long_time, uniform[1]), torch.where(long, 2 * half, 0.0)
        along = time.view(-1, 1, 1, 1)
        state, velocity = (1 - along) * noise + along * target, target - noise
        own = torch.where(halving < self.halvings, half, 0.0)[:number]
        part = condition.select(slice(number))
        wanted = self._two_halves(network, part, state[:number], time[:number], half[:number], own)
        wanted = torch.cat([wanted, velocity[number:]])
        error = (network.change(condition, state=state, time=time, span=span) - wanted).square() * mask
        consistency = error[:number].sum() / mask[:number].sum().clamp(min=1)
        matching = error[number:].sum() / mask[number:].sum().clamp(min=1)
        share = number / len(mask)
        loss = share * consistency + (1 - share) * matching
        return loss, {"velocity": matching, "consistency": consistency}

    @torch.no_grad()
    def _two_halves(
        self, network: nn.Module, condition: Condition, state: Tensor, time: Tensor, half: Tensor, span: Tensor
    ) -> Tensor:
        """Mean velocity [b, 1, H, W] of two steps of length `half`, made with networks that are told `span`."""
        first = network.change(condition, state=state, time=time, span=span) * condition.mask
        reached = state + half.view(-1, 1, 1, 1) * first
        second = network.change(condition, state=reached, time=time + half, span=span) * condition.mask
        return (first + second) / 2
