"""Regression: the network's map should be the high-resolution one, in value (L1) and in structure (MS-SSIM)."""

from dataclasses import dataclass

import torch
from pytorch_msssim import ms_ssim
from torch import Tensor, nn
from torch.nn.functional import interpolate

MS_SSIM_SIZE = 192  # the smallest coarsest level of MS-SSIM needs more than 160 pixels; the papers use the MRI's grid


@dataclass(frozen=True)
class Regression:
    """(1 - alpha) L1 + alpha (1 - MS-SSIM), equation 4 of the multi-scale paper without its adversarial part."""

    alpha: float

    def __call__(
        self, network: nn.Module, batch, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of network(condition) [B, 1, H, W] against the target inside the mask, both zero outside it.

        Nothing here is random, so the generator is not used. Parts: l1, structural (1 - MS-SSIM).
        """
        target = batch.target * batch.condition.mask
        image = network(batch.condition)
        l1, structural = (image - target).abs().mean(), structural_loss(image, target)
        return (1 - self.alpha) * l1 + self.alpha * structural, {"l1": l1, "structural": structural}


def structural_loss(image: Tensor, target: Tensor) -> Tensor:
    """1 - MS-SSIM of maps [B, 1, H, W] with range 1, both resampled to 192x192 (bicubic), mean over the batch."""
    finer = [interpolate(x, size=(MS_SSIM_SIZE, MS_SSIM_SIZE), mode="bicubic") for x in (image, target)]
    return 1 - ms_ssim(*finer, data_range=1.0)
