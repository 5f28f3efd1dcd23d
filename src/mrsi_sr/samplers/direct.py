"""Maps without a chain: the low-resolution map itself, and one evaluation of a network."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.settings.old_method import size_of_role


def zero_filled(condition: Condition) -> tuple[Tensor, int]:
    """The low-resolution map [B, 1, H, W], zero outside the mask: the rest of k-space is zero. NFE 0."""
    return condition.low_resolution * condition.mask, 0


def single_pass(
    networks: dict[str, nn.Module], condition: Condition, adversarial_weight: float | None = None
) -> tuple[Tensor, int]:
    """A network's map [B, 1, H, W]. NFE 1.

    networks: one of the role `network`, or one for each low-resolution size by the roles size_8, size_10, ..: then
    each map is given to that of its own size. adversarial_weight: what a network with sharpness is told.
    """
    if adversarial_weight is not None:
        weight = torch.full_like(condition.size, adversarial_weight, dtype=condition.low_resolution.dtype)
        condition = replace(condition, adversarial_weight=weight)
    if "network" in networks:
        return networks["network"](condition), 1
    image = torch.zeros_like(condition.low_resolution)
    for role, network in networks.items():
        chosen = (condition.size == size_of_role(role)).nonzero()[:, 0]
        if len(chosen):
            image[chosen] = network(condition.select(chosen)).to(image.dtype)
    return image, 1
