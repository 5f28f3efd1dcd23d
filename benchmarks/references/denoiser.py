"""Denoising U-Net as FTDDM describes it (sections 2.3 and 3.1), layer by layer: float32, channels first.

Parameters have the names of ours. Attention is written out, as in Nichol and Dhariwal 2021.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from mrsi_sr.maps.condition import Condition

CHANNELS, BLOCKS, ATTENTION_AT, HEADS, GROUPS = (64, 128, 192, 256), 3, (2, 3), 4, 32  # attention at levels 16 and 8


class DenoisingUNet(nn.Module):
    """U-Net that reads the step, the mask, the low-resolution map, T1, FLAIR and the upscaling factor."""

    def __init__(self, channels=CHANNELS, blocks: int = BLOCKS, attention_at=ATTENTION_AT, heads: int = HEADS):
        """attention_at: levels with attention."""
        super().__init__()
        self.embedding = Embedding(channels[0])
        width = 8 * channels[0]

        def stage(inputs: int, level: int) -> Stage:
            return Stage(inputs, channels[level], width, heads if level in attention_at else 0)

        last = len(channels) - 1
        self.first = nn.Conv2d(5, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips = [channels[0]]
        for level, outputs in enumerate(channels):
            for _ in range(blocks):
                self.down.append(stage(skips[-1], level))
                skips.append(outputs)
            if level < last:
                self.down.append(nn.Conv2d(outputs, outputs, 3, stride=2, padding=1))
                skips.append(outputs)
        self.middle = Stage(channels[-1], channels[-1], width, heads)
        self.middle_last = ResidualBlock(channels[-1], channels[-1], width)
        inputs = channels[-1]
        for level in reversed(range(len(channels))):
            for _ in range(blocks + 1):
                self.up.append(stage(inputs + skips.pop(), level))
                inputs = channels[level]
            if level > 0:
                self.up.append(Upsample(inputs, inputs, 3, padding=1))
        self.last_norm = normalisation(channels[0])
        self.last = nn.Conv2d(channels[0], 1, 3, padding=1)

    def forward(self, x: Tensor, step: Tensor, condition: Condition) -> Tensor:
        """Estimate the noise in x [B, 1, H, W] at step [B] -> [B, 1, H, W]."""
        embedding = self.embedding(step, condition.upscaling_factor)
        maps = [x, condition.mask, condition.low_resolution, condition.t1_low, condition.flair_low]
        x = self.first(torch.cat(maps, dim=1))
        skips = [x]
        for layer in self.down:
            x = layer(x, embedding) if isinstance(layer, Stage) else layer(x)
            skips.append(x)
        x = self.middle_last(self.middle(x, embedding), embedding)
        for layer in self.up:
            x = layer(torch.cat([x, skips.pop()], dim=1), embedding) if isinstance(layer, Stage) else layer(x)
        return self.last(silu(self.last_norm(x)))


class Embedding(nn.Module):
    """Sinusoids of the step, and the upscaling factor, each through fully connected layers."""

    def __init__(self, sinusoids: int):
        super().__init__()
        self.sinusoids, hidden = sinusoids, 4 * sinusoids
        self.step = nn.Sequential(nn.Linear(sinusoids, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        layers = [nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)]
        self.factor = nn.Sequential(*layers)

    def forward(self, step: Tensor, factor: Tensor) -> Tensor:
        """step [B], factor [B] -> [B, 8 sinusoids]."""
        half = self.sinusoids // 2
        angles = step[:, None] * torch.exp(-math.log(10_000) * torch.arange(half) / half)
        sinusoids = torch.cat([angles.cos(), angles.sin()], dim=1).to(factor.dtype)
        return torch.cat([self.step(sinusoids), self.factor(factor[:, None])], dim=1)


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, norm, scale and shift by the embedding, SiLU, convolution; added to the input."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.norm_in, self.norm_out = normalisation(inputs), normalisation(outputs)
        self.convolution_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.convolution_out = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, i, H, W], [B, e] -> [B, o, H, W]."""
        h = self.convolution_in(silu(self.norm_in(x)))
        scale, shift = self.modulation(silu(embedding))[..., None, None].chunk(2, dim=1)
        return self.skip(x) + self.convolution_out(silu(self.norm_out(h) * (1 + scale) + shift))


class Attention(nn.Module):
    """Self-attention of all positions, added to the input."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads, self.norm = heads, normalisation(channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        batch, channels, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        q, k, v = qkv.unbind(dim=1)
        weights = torch.softmax(q.transpose(-1, -2) @ k / math.sqrt(channels // self.heads), dim=-1)
        return x + self.out((v @ weights.transpose(-1, -2)).reshape(x.shape))


class Stage(nn.Module):
    """A residual block, then attention where there are heads."""

    def __init__(self, inputs: int, outputs: int, embedding: int, heads: int):
        super().__init__()
        self.block = ResidualBlock(inputs, outputs, embedding)
        self.attention = Attention(outputs, heads) if heads else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, i, H, W], [B, e] -> [B, o, H, W]."""
        return self.attention(self.block(x, embedding))


class Upsample(nn.Conv2d):
    """Nearest-neighbour upsampling by 2, then a convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, 2H, 2W]."""
        return super().forward(interpolate(x, scale_factor=2, mode="nearest"))


def normalisation(channels: int) -> nn.GroupNorm:
    """Group norm with 32 groups, or half as many as there are channels."""
    return nn.GroupNorm(min(GROUPS, channels // 2), channels)
