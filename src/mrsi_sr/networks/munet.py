"""MUNet: a U-Net with two encoders that takes a low-resolution map, T1 and FLAIR to a map in one pass."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.layers import UNMODULATED, Block, Modulation, SlabConvolution
from mrsi_sr.networks.modulators import Conditioning
from mrsi_sr.scan.slices import MRI_FACTOR

LEVELS = 5


class MUNet(nn.Module):
    """Multi-encoder U-Net (Dong et al. 2022, multi-scale super-resolution MRSI, Fig. 1 and section 3.2).

    It works at the MRI's grid of 3H x 3W x 3 slices; 3H and 3W must be multiples of 16. Kernels are 3x3x3 at the first
    level, and 3x3x1 below, where pooling has left one plane. The papers have 8 and 16 channels.
    """

    def __init__(self, channels: int, modulation: str, metabolite: bool, sharpness: bool, metabolites: int):
        """The arguments are explained in settings/architecture.py."""
        super().__init__()
        self.modulation = Modulation(modulation, metabolites if metabolite else None, sharpness)
        widths = [channels * 2**level for level in range(LEVELS)]
        self.encoder_t1 = Encoder(widths, self.modulation)
        self.encoder_flair = Encoder(widths, self.modulation)
        self.decoder = Decoder(widths, self.modulation)
        self.head = nn.Conv2d(channels, 1, 1)  # 1x1x1, the same for every slice

    def forward(self, condition: Condition) -> Tensor:
        """Super-resolve a batch: condition of B maps on H x W -> maps [B, 1, H, W], zero outside the mask."""
        return self.unmasked(condition) * condition.mask

    def unmasked(self, condition: Condition) -> Tensor:
        """The map [B, 1, H, W] before masking: consistent with the measured k-space."""
        conditioning = None
        if self.modulation != UNMODULATED:
            conditioning = Conditioning.of(condition, sharpness=self.modulation.sharpness)
        return condition.consistent(self.predicted(condition, conditioning))

    def predicted(self, condition: Condition, conditioning: Conditioning | None) -> Tensor:
        """The output [B, 1, H, W] of the layers, between 0 and the condition's ceiling."""
        low = interpolate(condition.low_resolution, scale_factor=MRI_FACTOR, mode="bilinear")
        low = low.expand(-1, MRI_FACTOR, -1, -1)  # trilinear resampling of one plane: every slice sees the same map
        t1 = self.encoder_t1(torch.cat([low, condition.t1], dim=1), conditioning)
        flair = self.encoder_flair(torch.cat([low, condition.flair], dim=1), conditioning)
        features = self.decoder(t1, flair, conditioning)
        batch, _, height, width = features.shape
        # The slices are stored as further rows, which a 1x1 convolution treats alike.
        slab = features.reshape(batch, -1, MRI_FACTOR * height, width)
        image = condition.ceiling * torch.sigmoid(self.head(slab)).reshape(batch, MRI_FACTOR, height, width)
        return avg_pool2d(image.mean(dim=1, keepdim=True), MRI_FACTOR)


class Encoder(nn.Module):
    """One contrast's way down, from a slab of three slices through four planes of half the size each."""

    def __init__(self, widths: list[int], modulation: Modulation):
        super().__init__()
        self.first = Block(2, widths[0], MRI_FACTOR, modulation)
        self.below = nn.ModuleList([Block(i, o, modulation=modulation) for i, o in pairwise(widths)])

    def forward(self, x: Tensor, conditioning: Conditioning | None) -> list[Tensor]:
        """{map, MRI} [B, 2 * 3, H, W] -> features [B, f * 3, H, W], [B, 2f, H/2, W/2], ... [B, 16f, H/16, W/16]."""
        features = [self.first(x, conditioning)]
        thickest = features[0].unflatten(1, (-1, MRI_FACTOR)).amax(dim=2)
        for level in self.below:
            features.append(level(halved(thickest if len(features) == 1 else features[-1]), conditioning))
        return features


def halved(x: Tensor) -> Tensor:
    """Maximum pooling by 2 x 2: [B, C, H, W] -> [B, C, H/2, W/2]."""
    if torch.is_grad_enabled():
        return max_pool2d(x, 2)
    rows = torch.maximum(x[..., ::2, :], x[..., 1::2, :])  # seven times as fast on a CPU, but not its gradient
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


class Decoder(nn.Module):
    """The way up: upsampling, a biased convolution, both encoders' features of that level beside it, and a block."""

    def __init__(self, widths: list[int], modulation: Modulation):
        super().__init__()
        # The deepest features of both encoders come in together, every other level's as one block's output.
        inputs = [2 * widths[-1], *widths[-2:0:-1]]
        outputs = widths[-2::-1]
        slices = [1] * (LEVELS - 2) + [MRI_FACTOR]
        self.up = nn.ModuleList(
            SlabConvolution(i, o, s, bias=True, from_plane=s > 1)
            for i, o, s in zip(inputs, outputs, slices, strict=True)
        )
        self.blocks = nn.ModuleList(Block(3 * o, o, s, modulation) for o, s in zip(outputs, slices, strict=True))

    def forward(self, t1: list[Tensor], flair: list[Tensor], conditioning: Conditioning | None) -> Tensor:
        """Both encoders' features, finest first -> features [B, f * 3, H, W]."""
        x = torch.cat([t1[-1], flair[-1]], dim=1)
        for up, level, one, other in zip(self.up, self.blocks, t1[-2::-1], flair[-2::-1], strict=True):
            x = up(interpolate(x, scale_factor=2, mode="bilinear"))
            x = level(torch.cat([x, one, other], dim=1), conditioning)
        return x
