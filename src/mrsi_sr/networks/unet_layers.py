"""Layers of U-Nets that read a step or time: residual blocks, attention, and their arrangement in levels."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention, silu

from mrsi_sr.networks.normalisation import group_norm
from mrsi_sr.networks.winograd import Convolution
from mrsi_sr.settings.architecture import FRAME


class UNetLayers(nn.Module):
    """U-Net of Nichol and Dhariwal 2021 as in FTDDM, sections 2.3 and 3.1; H, W are multiples of 2^(levels - 1)."""

    def __init__(
        self, inputs: int, embedding: nn.Module, channels: list[int], residual_blocks: int, attention_at: list[int],
        heads: int, normalisation: str,
    ):  # fmt: skip
        """The other arguments are explained in settings/architecture.py.

        inputs: number of input channels. embedding: module that makes the vector [B, embedding.width] that every
        residual block reads.
        """
        super().__init__()
        norm = {"instance": normalisation == "instance"}
        self.embedding = embedding

        def stage(inputs: int, level: int) -> Stage:
            attends = FRAME // 2**level in attention_at
            return Stage(inputs, channels[level], self.embedding.width, heads if attends else None, **norm)

        self.first = nn.Conv2d(inputs, channels[0], 3, padding=1)
        width, skips = channels[0], [channels[0]]
        self.down = nn.ModuleList()
        for level, outputs in enumerate(channels):
            for _ in range(residual_blocks):
                self.down.append(stage(width, level))
                width = outputs
                skips.append(width)
            if level < len(channels) - 1:
                self.down.append(Downsample(width))
                skips.append(width)

        self.middle = Stage(width, width, self.embedding.width, heads, **norm)
        self.middle_last = ResidualBlock(width, width, self.embedding.width, **norm)

        self.up = nn.ModuleList()
        for level in reversed(range(len(channels))):
            for _ in range(residual_blocks + 1):
                self.up.append(stage(width + skips.pop(), level))
                width = channels[level]
            if level > 0:
                self.up.append(Upsample(width))
        self.last_norm = Norm(width, **norm)
        self.last = _zero(nn.Conv2d(width, 1, 3, padding=1))

    def layers(self, x: Tensor, embedding: Tensor) -> Tensor:
        """All layers: inputs [B, i, H, W], embedding [B, width] -> [B, 1, H, W]."""
        x = self.first(_laid_out(x))
        skips = [x]
        for layer in self.down:
            x = layer(x, embedding)
            skips.append(x)
        x = self.middle_last(self.middle(x, embedding), embedding)
        for layer in self.up:
            if isinstance(layer, Stage):
                x = torch.cat([x, skips.pop()], dim=1)
            x = layer(x, embedding)
        return self.last(silu(self.last_norm(x)))


class Embedding(nn.Module):
    """Embedding of the step, and if so set of the upscaling factor: one vector that every residual block reads."""

    def __init__(self, sinusoids: int, upscaling_factor: bool):
        super().__init__()
        hidden = 4 * sinusoids
        self.width = 2 * hidden if upscaling_factor else hidden
        frequencies = torch.exp(-math.log(10_000) * torch.arange(sinusoids // 2) / (sinusoids // 2))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.step = nn.Sequential(nn.Linear(sinusoids, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.factor = None
        if upscaling_factor:
            layers = [nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)]
            self.factor = nn.Sequential(*layers)

    def forward(self, step: Tensor, factor: Tensor) -> Tensor:
        """step [B] and upscaling factor [B] -> [B, width]."""
        angles = step[:, None].to(self.frequencies.dtype) * self.frequencies
        embedding = self.step(torch.cat([angles.cos(), angles.sin()], dim=1))
        if self.factor is None:
            return embedding
        return torch.cat([embedding, self.factor(factor[:, None].to(self.frequencies.dtype))], dim=1)


class Stage(nn.Module):
    """A residual block, followed by attention where heads are given."""

    def __init__(self, inputs: int, outputs: int, embedding: int, heads: int | None, *, instance: bool):
        super().__init__()
        self.block = ResidualBlock(inputs, outputs, embedding, instance=instance)
        self.attention = Attention(outputs, heads, instance=instance) if heads else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, i, H, W], [B, e] -> [B, o, H, W]."""
        return self.attention(self.block(x, embedding))


class ResidualBlock(nn.Module):
    """Two normalised convolutions; the embedding scales and shifts the second one's input (FTDDM equation 6)."""

    def __init__(self, inputs: int, outputs: int, embedding: int, *, instance: bool):
        super().__init__()
        self.norm_in = Norm(inputs, instance=instance)
        self.convolution_in = Convolution(inputs, outputs)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm_out = Norm(outputs, instance=instance)
        self.convolution_out = _zero(Convolution(outputs, outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, i, H, W], [B, e] -> [B, o, H, W]."""
        h = self.convolution_in(silu(self.norm_in(x)))
        scale, shift = self.modulation(silu(embedding))[..., None, None].chunk(2, dim=1)
        h = self.norm_out(h) * (1 + scale) + shift
        return self.skip(x) + self.convolution_out(silu(h))


class Attention(nn.Module):
    """Self-attention between all positions of a map, added to it."""

    def __init__(self, channels: int, heads: int, *, instance: bool):
        super().__init__()
        self.heads = heads
        self.norm = Norm(channels, instance=instance)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        batch, channels, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(dim=1)
        h = scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        return x + self.out(h.reshape(batch, channels, height, width))


class Norm(nn.Module):
    """Group norm or instance norm, with one scale and one shift per channel."""

    def __init__(self, channels: int, *, instance: bool):
        super().__init__()
        self.groups = channels if instance else group_count(channels)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        return group_norm(x, self.groups, self.weight, self.bias)


class Downsample(nn.Conv2d):
    """Learned convolution with stride 2."""

    def __init__(self, channels: int):
        super().__init__(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, _embedding: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H/2, W/2]."""
        return super().forward(x)


class Upsample(Convolution):
    """Nearest-neighbour upsampling by 2, then a convolution."""

    def __init__(self, channels: int):
        super().__init__(channels, channels)

    def forward(self, x: Tensor, _embedding: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, 2H, 2W]."""
        return super().forward(interpolate(x, scale_factor=2, mode="nearest"))


def _laid_out(x: Tensor) -> Tensor:
    """Inputs in the memory layout that all layers will keep; on a GPU the weights' layout decides.

    Channels last, but for gradients in bfloat16: those of group norm take ten times as long there.
    """
    gradients_in_bfloat16 = torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")
    return x if x.is_cuda or gradients_in_bfloat16 else x.contiguous(memory_format=torch.channels_last)


def group_count(channels: int, largest: int = 32) -> int:
    """Groups of group norm: 32, or at narrow widths the most that divide the channels and leave two in each group."""
    return max((g for g in range(1, min(largest, channels // 2) + 1) if channels % g == 0), default=1)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Start a layer at zero, so that its block starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
