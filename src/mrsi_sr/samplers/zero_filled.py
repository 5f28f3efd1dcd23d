"""Zero-filling: the low-resolution map itself."""

from torch import Tensor

from mrsi_sr.maps.condition import Condition


def zero_filled(_networks: dict, condition: Condition, _noise) -> tuple[Tensor, int]:
    """The low-resolution map [B, 1, H, W], zero outside the mask: the k-space that was not measured is zero. NFE 0."""
    return condition.low_resolution * condition.mask, 0
