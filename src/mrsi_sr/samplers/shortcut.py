"""Shortcut model: steps of equal length from pure noise to a sample."""

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition


def shortcut(networks: dict[str, nn.Module], condition: Condition, noise, *, steps: int) -> tuple[Tensor, int]:
    """Follow velocities that are told the length of their step (Frans et al. 2025, algorithm 2). NFE: steps.

    Returns maps [B, 1, H, W] that are consistent with the measurement.
    """
    network, mask = networks["network"], condition.mask
    x, span = noise(mask) * mask, torch.full_like(mask[:, 0, 0, 0], 1 / steps)
    for step in range(steps):
        velocity = network.change(condition, state=x, time=step * span, span=span)
        x = x + velocity * mask / steps
    return network.consistent(condition, x) * mask, steps
