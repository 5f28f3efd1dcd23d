"""Single pass: one evaluation of a network that returns the map."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition


def single_pass(
    networks: dict[str, nn.Module], condition: Condition, _noise, *, adversarial_weight: float | None
) -> tuple[Tensor, int]:
    """A network's map [B, 1, H, W]. NFE 1.

    networks: one of the role `network`, or one for each low-resolution size by the roles size_8, size_10, ..: then
    each map is made by the network of the nearest size. adversarial_weight: of the condition, for a network with
    sharpness.
    """
    if adversarial_weight is not None:
        weight = torch.full_like(condition.size, adversarial_weight, dtype=condition.low_resolution.dtype)
        condition = replace(condition, adversarial_weight=weight)
    if "network" in networks:
        return networks["network"](condition), 1
    image = torch.zeros_like(condition.low_resolution)
    sizes = torch.tensor([int(role.removeprefix("size_")) for role in networks], device=condition.size.device)
    nearest = (condition.size[:, None] - sizes).abs().argmin(dim=1)
    for position, network in enumerate(networks.values()):
        chosen = (nearest == position).nonzero()[:, 0]
        if len(chosen):
            image[chosen] = network(condition.select(chosen)).to(image.dtype)
    return image, 1
