"""Moving average of weights during a training."""

import torch
from torch import nn


class MovingAverage:
    """Exponential moving average of a network's weights, in a copy of the network."""

    def __init__(self, averaged: nn.Module, network: nn.Module, decay: float):
        # Listed once: on a GPU, listing takes as long as a step.
        self._weights = [list(each.parameters()) for each in (averaged, network)]
        self._buffers = list(zip(averaged.buffers(), network.buffers(), strict=True))
        self.decay = decay

    @torch.no_grad()
    def update(self, iteration: int) -> None:
        """Update it after an iteration, counted from 1: averaged = d averaged + (1 - d) network.

        d = min(decay, (1 + i) / (10 + i)) at iteration i: the average spans at most the last ninth of the run so far,
        so that a short run's average is not full of initial weights. From i = 90,000 on, 0.9999 is 0.9999.
        """
        weight = 1 - min(self.decay, (1 + iteration) / (10 + iteration))
        torch._foreach_lerp_(*self._weights, weight)
        for old, new in self._buffers:
            old.copy_(new)
