"""Regression on the high-resolution map, in value (L1) and in structure (MS-SSIM)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrsi_sr.objectives.base import Objective
from mrsi_sr.objectives.structural import structural_loss


@dataclass(frozen=True)
class Regression(Objective):
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
