"""Regression on the high-resolution map, in value (L1) and in structure (MS-SSIM)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrsi_sr.objectives.base import Objective
from mrsi_sr.objectives.structural import structural_loss


@dataclass(frozen=True)
class Regression(Objective):
    """(1 - alpha) distance + alpha (1 - MS-SSIM), equation 4 of the multi-scale paper without its adversarial part.

    The paper's distance is L1; l2 is the mean squared difference.
    """

    alpha: float
    distance: str

    def __call__(
        self, network: nn.Module, batch, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of network(condition) [B, 1, H, W] against the target inside the mask, both zero outside it.

        Nothing here is random, so the generator is not used. Parts: l1 or l2, and structural (1 - MS-SSIM) where alpha
        is not 0.
        """
        target = batch.target * batch.condition.mask
        image = network(batch.condition)
        difference = image - target
        distance = difference.abs().mean() if self.distance == "l1" else difference.square().mean()
        if not self.alpha:
            return distance, {self.distance: distance}
        structural = structural_loss(image, target)
        loss = (1 - self.alpha) * distance + self.alpha * structural
        return loss, {self.distance: distance, "structural": structural}
