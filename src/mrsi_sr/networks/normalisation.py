"""Group norm that keeps the type of its input."""

import torch
from torch import Tensor
from torch.nn import functional


def group_norm(x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Group norm of x [B, C, H, W], of its type: also in bfloat16, where moments are still sums in float32.

    Autocast would turn x to float32, and the layers after it would move twice the bytes.
    """
    with torch.autocast(x.device.type, enabled=False):
        weight, bias = (None if each is None else each.to(x.dtype) for each in (weight, bias))
        return functional.group_norm(x, groups, weight, bias)
