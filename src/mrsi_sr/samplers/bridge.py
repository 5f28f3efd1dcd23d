"""Bridge: a few steps of a Brownian bridge from the zero-filled map to a sample."""

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition


def bridge(
    networks: dict[str, nn.Module], condition: Condition, noise, *, steps: int, bridge_noise: float
) -> tuple[Tensor, int]:
    """Walk from the zero-filled map (time 1) to an estimate of the true one (I2SB, algorithm 2). NFE: steps.

    Each step draws from the bridge between the state and the network's estimate of the true map; the last estimate is
    the sample, [B, 1, H, W].
    """
    network, mask = networks["network"], condition.mask
    x = condition.low_resolution * mask
    for number in range(steps, 0, -1):
        time, after = number / steps, (number - 1) / steps
        estimate = network(condition, state=x, time=torch.full_like(mask[:, 0, 0, 0], time))
        if after:
            deviation = bridge_noise * (after * (time - after) / time) ** 0.5
            x = (after / time * x + (1 - after / time) * estimate + deviation * noise(mask)) * mask
    return estimate, steps
