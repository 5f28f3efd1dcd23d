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
    """Input of the modulators for a batch of B maps.

    half_size           float [B, 1]: n / 2, 4..16
    metabolite          long [B]
    adversarial_weight  float [B, 1], or None where the network does not read it
    """

    half_size: Tensor
    metabolite: Tensor
    adversarial_weight: Tensor | None

    @classmethod
    def of(cls, condition: Condition, *, sharpness: bool) -> Conditioning:
        """The conditioning of a batch; sharpness: whether the network reads the adversarial weight.

        Raises UserError for a network with sharpness without an adversarial weight.
        """
        weight, kind = None, condition.low_resolution.dtype
        if sharpness:
            if condition.adversarial_weight is None:
                raise UserError(
                    "a network with sharpness has to be conditioned on the adversarial weight\n  give it a number"
                )
            weight = condition.adversarial_weight.to(kind)[:, None]
        return cls(condition.size.to(kind)[:, None] / 2, condition.metabolite, weight)


def convolve_each(x: Tensor, kernels: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each map [B, i, H, W] with its own of the kernels [B, o, i, 3, 3], zeros beyond the edge -> [B, o, H, W].

    bias: [o], of all maps.
    """
    batch, _, height, width = x.shape
    biases = None if bias is None else bias.repeat(batch)
    grouped = conv2d(x.reshape(1, -1, height, width), kernels.flatten(0, 1), biases, padding=1, groups=batch)
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
        """Factors [B, o, i]."""
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
        """Weights [B, o, i, ...]."""
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
        style = self.style(conditioning.half_size)
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
