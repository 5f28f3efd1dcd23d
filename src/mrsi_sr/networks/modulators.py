"""Modulators of MUNet: the effect of size, metabolite and sharpness on convolutions and normalised features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from mrsi_sr.cli import UserError
from mrsi_sr.maps.condition import Condition

LATENT = 32  # width of the fully connected layers that read the size
SHARPNESS_LATENT = 64  # width of those that read the adversarial weight
EMBEDDING = 3  # size of the embedding of a metabolite
LEAK = 0.2


@dataclass(frozen=True)
class Conditioning:
    """Input of the modulators for a batch of B maps, in K groups of equal size (and metabolite).

    half_size           float [K, 1]: n / 2, 4..16
    metabolite          long [K]
    counts              number of maps in each group, one group after the other; None: every map is a group (K = B)
    map_half_size       float [B, 1]
    adversarial_weight  float [B, 1], or None where the network does not read it
    """

    half_size: Tensor
    metabolite: Tensor
    counts: list[int] | None
    map_half_size: Tensor
    adversarial_weight: Tensor | None

    @classmethod
    def of(cls, condition: Condition, *, metabolite: bool, sharpness: bool) -> tuple[Conditioning, Tensor | None]:
        """The conditioning of a batch, and the order [B] that its maps must be brought into first (None: as they are).

        On a CPU maps of one group are brought together: each kernel is made and used once. A GPU would have to wait
        for the count, and takes the maps one by one in a grouped convolution.
        Raises UserError for a network with sharpness without an adversarial weight.
        """
        weight = None
        if sharpness:
            if condition.adversarial_weight is None:
                raise UserError(
                    "a network with sharpness has to be conditioned on the adversarial weight\n  give it a number"
                )
            weight = condition.adversarial_weight.to(condition.low_resolution.dtype)[:, None]
        names = condition.metabolite if metabolite else torch.zeros_like(condition.metabolite)
        half = condition.size.to(condition.low_resolution.dtype)[:, None] / 2
        if condition.size.is_cuda:
            return cls(half, names, None, half, weight), None
        pairs, which, counts = torch.stack([condition.size, names], 1).unique(
            dim=0, return_inverse=True, return_counts=True
        )
        order = which.argsort(stable=True)
        weight = None if weight is None else weight[order]
        return cls(pairs[:, :1].to(half.dtype) / 2, pairs[:, 1].long(), counts.tolist(), half[order], weight), order

    def convolve(self, x: Tensor, kernels: Tensor) -> Tensor:
        """Each map [B, i, H, W] with its own of the kernels [K, o, i, 3, 3], zeros beyond the edge -> [B, o, H, W]."""
        if self.counts is not None:
            parts = zip(x.split(self.counts), kernels, strict=True)
            return torch.cat([conv2d(maps, kernel, padding=1) for maps, kernel in parts])
        batch, _, height, width = x.shape
        grouped = conv2d(x.reshape(1, -1, height, width), kernels.flatten(0, 1), padding=1, groups=batch)
        return grouped.reshape(batch, -1, height, width)


class FilterScaling(nn.Module):
    """One factor for each k x k filter of a convolution (Dong et al. 2022, equations 2 and 3)."""

    def __init__(self, inputs: int, outputs: int, metabolites: int | None):
        """metabolites: their number; None for factors that depend on the size alone."""
        super().__init__()
        self.shape = (outputs, inputs)
        self.embedding = None
        if metabolites is None:
            self.size = dense(1, *[LATENT] * 4, inputs * outputs)
            last = self.size[-1]
        else:
            self.embedding = nn.Embedding(metabolites, EMBEDDING)
            self.size = dense(1, *[LATENT] * 4)
            self.metabolite = dense(EMBEDDING, *[LATENT] * 4)
            self.both = nn.Sequential(nn.LeakyReLU(LEAK), *dense(2 * LATENT, 2 * LATENT, inputs * outputs))
            last = self.both[-1]
        nn.init.ones_(last.bias)  # training starts near the network without factors

    def forward(self, conditioning: Conditioning) -> Tensor:
        """Factors [K, o, i]."""
        factors = self.size(conditioning.half_size)
        if self.embedding is not None:
            metabolite = self.metabolite(self.embedding(conditioning.metabolite))
            factors = self.both(torch.cat([factors, metabolite], dim=1))
        return factors.unflatten(1, self.shape)


class Hypernetwork(nn.Module):
    """All kernels of a convolution, predicted from the size (Ha et al. 2017, with the layers of filter scaling)."""

    def __init__(self, shape: tuple[int, ...]):
        """shape: of the convolution's weight, [o, i, ...]."""
        super().__init__()
        self.shape = shape
        self.size = dense(1, *[LATENT] * 4, math.prod(shape))
        # Training starts near one random network of the usual scale, whatever the size.
        usual = nn.init.kaiming_normal_(torch.empty(shape, device=self.size[-1].bias.device), a=0.25)
        with torch.no_grad():
            self.size[-1].weight *= math.sqrt(2 / (1 + 0.25**2) / math.prod(shape[1:]))
            self.size[-1].bias.copy_(usual.flatten())

    def forward(self, conditioning: Conditioning) -> Tensor:
        """Weights [K, o, i, ...]."""
        return self.size(conditioning.half_size).unflatten(1, self.shape)


class AMLayer(nn.Module):
    """Mean and standard deviation of each feature, set from what they are and from the size (Hui et al. 2021).

    It is applied in place of an instance norm's affine parameters: before the norm, the norm would undo it.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.style = dense(1, *[LATENT] * 4, channels)
        self.shift = dense(2 * channels, *[LATENT] * 4, channels)
        self.scale = dense(2 * channels, *[LATENT] * 4, channels)

    def forward(self, features: Tensor, conditioning: Conditioning) -> tuple[Tensor, Tensor]:
        """Scale and shift [B, C] of the normalised features, from the features [B, C, S, H, W] before the norm."""
        style = self.style(conditioning.map_half_size)
        deviation, mean = torch.std_mean(features, dim=(2, 3, 4))
        return 1 + self.scale(torch.cat([style, deviation], 1)), self.shift(torch.cat([style, mean], 1))


class Sharpness(nn.Module):
    """Conditional instance norm: scale and shift of normalised features from the adversarial weight (equation 5)."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = dense(1, *[SHARPNESS_LATENT] * 4, 2 * channels)

    def forward(self, features: Tensor, conditioning: Conditioning) -> tuple[Tensor, Tensor]:
        """Scale and shift [B, C], independent of the features."""
        scale, shift = self.layers(conditioning.adversarial_weight).chunk(2, dim=1)
        return 1 + scale, shift


def dense(*widths: int) -> nn.Sequential:
    """Fully connected layers of these widths, leaky rectifiers between them: [B, first] -> [B, last]."""
    layers: list[nn.Module] = []
    for i, o in pairwise(widths):
        layers += [nn.LeakyReLU(LEAK), nn.Linear(i, o)]
    return nn.Sequential(*layers[1:])
