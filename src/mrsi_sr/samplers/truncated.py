"""Truncated chains: another network draws the map at the truncation point, and the denoiser goes on from there."""

from collections.abc import Callable

import torch
from torch import Tensor

Descent = Callable[[Tensor], tuple[Tensor, int]]  # from a draw at the chain's last step to a clean map, and its NFE
Noise = Callable[[Tensor], Tensor]


def ftddm(flow, context, descend: Descent, *, flow_temperature: float, mask: Tensor, noise: Noise = torch.randn_like):
    """A flow draws the map at the truncation point, the reverse chain finishes it (FTDDM, algorithm 1).

    flow.sample(context, temperature, z) is lines 1 to 3: it inverts the flow at mean + temperature x standard deviation
    x z, z standard normal [B, H * W]. descend(x) is lines 4 to 7: `ancestral` on the truncated chain, or `dpm_solver`.
    Every map is zero outside the mask [B, 1, H, W].
    Returns the map [B, 1, H, W] and the number of network evaluations: the chain's, and one of the flow.
    """
    x = flow.sample(context, flow_temperature, noise(mask.flatten(1)))
    x, nfe = descend(x * mask)
    return x, nfe + 1


def tdpm(generate: Callable[[Tensor], Tensor], descend: Descent, *, mask: Tensor, noise: Noise = torch.randn_like):
    """A generator draws the map at the truncation point, the reverse chain finishes it (Zheng et al. 2022, section 3).

    generate(z) makes that map of standard normal noise z [B, 1, H, W], zero outside the mask. Else as `ftddm`.
    """
    x, nfe = descend(generate(noise(mask) * mask) * mask)
    return x, nfe + 1
