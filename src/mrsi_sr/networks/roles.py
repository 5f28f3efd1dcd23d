"""Networks that work for another one: how training and sampling both call them, so that each meets the same input."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition


def generated(generator: nn.Module, noise: Tensor, condition: Condition, index: int) -> Tensor:
    """The noisy map [B, 1, H, W] that TDPM's generator makes of standard normal noise of that shape.

    It is the map after step `index` of the diffusion chain, zero outside the mask.
    """
    step = torch.full((len(noise),), index, device=noise.device)
    return generator(noise * condition.mask, step, condition) * condition.mask


def super_resolved(condition: Condition, super_resolver: nn.Module | None) -> Condition:
    """The condition of a flow enhancer: the super-resolver's map, inside the mask, in place of the low-resolution map.

    Without a super-resolver it is the condition itself.
    """
    if super_resolver is None:
        return condition
    with torch.no_grad():
        return replace(condition, low_resolution=super_resolver(condition) * condition.mask)


def starting_map(mean: Tensor, noise: Tensor, condition: Condition, deviation: float) -> Tensor:
    """Start of a rectified flow [B, 1, H, W]: a regressor's map, with noise in what was not measured.

    noise: standard normal, of the map's shape. deviation: standard deviation that it gets before its measured part is
    taken out. Zero outside the mask.
    """
    return (mean + deviation * condition.unmeasured(noise)) * condition.mask
