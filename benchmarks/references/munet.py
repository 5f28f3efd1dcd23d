"""Reference of MUNet and its filter scaling: three-dimensional layers, written down as the papers describe them.

Features are [B, C, S, H, W] with S slices. Modules and parameters have the names of mrsi_sr.networks.munet, which is
written for speed, so that sharing.py copies its weights by name.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, conv3d, instance_norm, interpolate, max_pool3d, prelu

LEAK = 0.2


class Dense(nn.Sequential):
    """Fully connected layers with leaky rectifiers between them; a rectifier comes first where `after` asks for it."""

    def __init__(self, *widths: int, after: bool = False):
        layers = [part for i, o in pairwise(widths) for part in (nn.LeakyReLU(LEAK), nn.Linear(i, o))]
        super().__init__(*layers[0 if after else 1 :])


class FilterScaling(nn.Module):
    """A factor for each k x k filter, from n / 2 and the metabolite (multi-scale paper, equation 3)."""

    def __init__(self, inputs: int, outputs: int, metabolites: int):
        super().__init__()
        self.embedding = nn.Embedding(metabolites, 3)
        self.size, self.metabolite = Dense(1, 32, 32, 32, 32), Dense(3, 32, 32, 32, 32)
        self.both = Dense(64, 64, inputs * outputs, after=True)

    def forward(self, condition) -> Tensor:
        """Factors [B, o * i]."""
        size = self.size(condition.size[:, None] / 2)
        return self.both(torch.cat([size, self.metabolite(self.embedding(condition.metabolite))], dim=1))


class Sharpness(nn.Module):
    """Conditional instance norm of the adversarial weight (multi-scale paper, equation 5)."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = Dense(1, 64, 64, 64, 64, 2 * channels)

    def forward(self, x: Tensor, condition) -> Tensor:
        """Normalised features [B, C, S, H, W] -> the same, scaled and shifted."""
        scale, shift = self.layers(condition.adversarial_weight[:, None])[..., None, None, None].chunk(2, dim=1)
        return (1 + scale) * x + shift


class Convolution(nn.Module):
    """A three-dimensional convolution: kernel 3x3x3 of a slab, 1x3x3 of a plane, same size."""

    def __init__(self, inputs: int, outputs: int, slices: int, bias: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, slices, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.padding = (slices // 2, 1, 1)

    def forward(self, x: Tensor, factors: Tensor | None = None) -> Tensor:
        """[B, i, S, H, W] -> [B, o, S, H, W]. factors [B, o * i]: each map has its own kernel, as one of B groups."""
        if factors is None:
            return conv3d(x, self.weight, self.bias, padding=self.padding)
        kernels = factors.view(len(x), *self.weight.shape[:2], 1, 1, 1) * self.weight
        grouped = conv3d(x.flatten(0, 1)[None], kernels.flatten(0, 1), padding=self.padding, groups=len(x))
        return grouped.unflatten(1, (len(x), -1))[0]


class PReLU(nn.Module):
    """One slope per channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.slope = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Features of any shape -> the same."""
        return prelu(x, self.slope)


class Unit(nn.Module):
    """Convolution, instance norm, PReLU."""

    def __init__(self, inputs: int, outputs: int, slices: int, metabolites: int | None, sharpness: bool):
        super().__init__()
        self.convolution, self.activation = Convolution(inputs, outputs, slices), PReLU(outputs)
        self.factors = FilterScaling(inputs, outputs, metabolites) if metabolites else None
        self.affine = nn.ModuleList([Sharpness(outputs)] if sharpness else [])

    def forward(self, x: Tensor, condition) -> Tensor:
        """[B, i, S, H, W] -> [B, o, S, H, W]."""
        x = instance_norm(self.convolution(x, self.factors(condition) if self.factors else None))
        for each in self.affine:
            x = each(x, condition)
        return self.activation(x)


class Block(nn.ModuleList):
    """Two units."""

    def __init__(self, inputs: int, outputs: int, slices: int, modulation: tuple):
        super().__init__([Unit(inputs, outputs, slices, *modulation), Unit(outputs, outputs, slices, *modulation)])

    def forward(self, x: Tensor, condition) -> Tensor:
        """[B, i, S, H, W] -> [B, o, S, H, W]."""
        for unit in self:
            x = unit(x, condition)
        return x


class Encoder(nn.Module):
    """The way down of one contrast."""

    def __init__(self, widths: list[int], modulation: tuple):
        super().__init__()
        self.first = Block(2, widths[0], 3, modulation)
        self.below = nn.ModuleList(Block(i, o, 1, modulation) for i, o in pairwise(widths))

    def forward(self, x: Tensor, condition) -> list[Tensor]:
        """[B, 2, 3, H, W] -> features of each level, the finest first."""
        features = [self.first(x, condition)]
        for level in self.below:
            pooled = max_pool3d(features[-1], (features[-1].shape[2], 2, 2))
            features.append(level(pooled, condition))
        return features


class Decoder(nn.Module):
    """The way up."""

    def __init__(self, widths: list[int], modulation: tuple):
        super().__init__()
        inputs, outputs, slices = [2 * widths[-1], *widths[-2:0:-1]], widths[-2::-1], [1, 1, 1, 3]
        self.up = nn.ModuleList(Convolution(*each, bias=True) for each in zip(inputs, outputs, slices, strict=True))
        self.blocks = nn.ModuleList(Block(3 * o, o, s, modulation) for o, s in zip(outputs, slices, strict=True))

    def forward(self, t1: list[Tensor], flair: list[Tensor], condition) -> Tensor:
        """Both encoders' features -> features [B, f, 3, H, W]."""
        x = torch.cat([t1[-1], flair[-1]], dim=1)
        for up, block, one, other in zip(self.up, self.blocks, t1[-2::-1], flair[-2::-1], strict=True):
            x = up(interpolate(x, scale_factor=(one.shape[2], 2, 2), mode="trilinear"))
            x = block(torch.cat([x, one, other], dim=1), condition)
        return x


class MUNet(nn.Module):
    """Multi-encoder U-Net on 3H x 3W x 3, with filter scaling by size and metabolite where metabolites are given."""

    def __init__(self, channels: int, metabolites: int | None = None, sharpness: bool = False):
        super().__init__()
        widths = [channels * 2**level for level in range(5)]
        modulation = (metabolites, sharpness)
        self.encoder_t1, self.encoder_flair = Encoder(widths, modulation), Encoder(widths, modulation)
        self.decoder, self.head = Decoder(widths, modulation), nn.Conv3d(channels, 1, 1)

    def forward(self, condition) -> Tensor:
        """A condition of B maps on H x W -> maps [B, 1, H, W]."""
        low = interpolate(condition.low_resolution[:, :, None], scale_factor=(3, 3, 3), mode="trilinear")
        t1, flair = (
            encoder(torch.cat([low, mri[:, None]], dim=1), condition)
            for encoder, mri in ((self.encoder_t1, condition.t1), (self.encoder_flair, condition.flair))
        )
        image = condition.ceiling * torch.sigmoid(self.head(self.decoder(t1, flair, condition)))
        return condition.consistent(avg_pool3d(image, 3)[:, :, 0]) * condition.mask
