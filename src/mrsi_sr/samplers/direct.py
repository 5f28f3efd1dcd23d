"""Maps without a chain: the low-resolution map itself, and one evaluation of a network."""

from torch import Tensor, nn

from mrsi_sr.conditions import Condition


def zero_filled(condition: Condition) -> tuple[Tensor, int]:
    """The low-resolution map [B, 1, H, W], zero outside the mask: the rest of k-space is zero. NFE 0."""
    return condition.low_resolution * condition.mask, 0


def single_pass(network: nn.Module, condition: Condition) -> tuple[Tensor, int]:
    """The network's map [B, 1, H, W]. NFE 1."""
    return network(condition), 1
