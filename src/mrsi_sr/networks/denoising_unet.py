"""Denoising U-Net: estimates the noise in a map from the step of the chain, the condition and the upscaling factor."""

import torch
from torch import Tensor

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.unet_layers import Embedding, UNetLayers


class DenoisingUNet(UNetLayers):
    """Denoising U-Net of FTDDM, sections 2.3 and 3.1."""

    def __init__(
        self, channels: list[int], residual_blocks: int, attention_at: list[int], heads: int, upscaling_factor: bool,
        normalisation: str, mask: bool, mri: bool,
    ):  # fmt: skip
        """The arguments are explained in settings/architecture.py."""
        inputs = 2 + mask + 2 * mri  # x_t and the low-resolution map in any case
        embedding = Embedding(channels[0], upscaling_factor)
        super().__init__(inputs, embedding, channels, residual_blocks, attention_at, heads, normalisation)
        self.mask, self.mri = mask, mri

    def forward(self, x: Tensor, step: Tensor, condition: Condition) -> Tensor:
        """Estimate the noise: x [B, 1, H, W] at step [B] (from 0) of the chain, condition of B -> [B, 1, H, W]."""
        y = [condition.mask] if self.mask else []
        y.append(condition.low_resolution)
        y += [condition.t1_low, condition.flair_low] if self.mri else []
        return self.estimate(torch.cat([x, *y], dim=1), step, condition.upscaling_factor)

    def estimate(self, x: Tensor, step: Tensor, upscaling_factor: Tensor) -> Tensor:
        """All layers: inputs [B, i, H, W], step [B], upscaling factor [B] -> [B, 1, H, W]."""
        return self.layers(x, self.embedding(step, upscaling_factor))
