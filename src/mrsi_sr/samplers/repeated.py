"""Repeated samples of a map, which share what samplers compute of its condition."""

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition

# Fields of a condition in which two maps of a batch may differ.
DISTINCT = ("low_resolution", "kspace", "mask", "t1", "flair", "size", "metabolite")


def distinct(condition: Condition) -> tuple[Tensor, Tensor]:
    """Where runs of equal maps begin, long [k], and for each map the run that it is in, long [B]."""
    begins = torch.ones(len(condition), dtype=torch.bool, device=condition.mask.device)
    begins[1:] = False
    for name in DISTINCT:
        value = getattr(condition, name).reshape(len(condition), -1)
        begins[1:] |= (value[1:] != value[:-1]).any(1)
    return begins.nonzero()[:, 0], begins.cumsum(0) - 1


def mean_of(network: nn.Module, condition: Condition) -> Tensor:
    """A regressor's map [B, 1, H, W] of every condition, computed once for neighbours that are samples of one map."""
    first, of = distinct(condition)
    return network(condition.select(first))[of]
