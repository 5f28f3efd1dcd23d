"""Weights and gradients of our networks, copied to references whose parameters have the same names."""

import torch
from torch import nn


@torch.no_grad()
def share_weights(ours: nn.Module, reference: nn.Module) -> None:
    """Copy our weights to a reference; kernels may differ by axes of length 1.

    Raises KeyError where a parameter of one has no namesake in the other.
    """
    own = dict(ours.named_parameters())
    for name, parameter in reference.named_parameters():
        parameter.copy_(own.pop(name).view_as(parameter))
    if own:
        raise KeyError(f"parameters without a namesake: {', '.join(own)}")


def distance_of_gradients(ours: nn.Module, reference: nn.Module) -> float:
    """Distance between the gradients of all parameters, relative to their length."""
    own = dict(ours.named_parameters())
    theirs = {name: parameter.grad for name, parameter in reference.named_parameters() if parameter.requires_grad}
    apart = torch.stack([(gradient - own[name].grad.view_as(gradient)).norm() for name, gradient in theirs.items()])
    return float(apart.norm() / torch.stack([gradient.norm() for gradient in theirs.values()]).norm())
