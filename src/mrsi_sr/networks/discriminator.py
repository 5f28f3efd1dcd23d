"""The critic of the adversarial objective: a score of how much a map looks like a measured one, given its condition."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, interpolate, leaky_relu

from mrsi_sr.maps.condition import Condition
from mrsi_sr.scan.slices import MRI_FACTOR

GRID = 192  # of the MRI of a map of 64x64; maps on other grids are resampled to it
LAYERS = 4
HIDDEN = 16
LEAK = 0.2


class Discriminator(nn.Module):
    """Four strided convolutions and two linear layers (Dong et al. 2021 and 2022); no sigmoid: a Wasserstein critic.

    The first kernel is 4x4x3 and leaves one plane of the slab's three slices, so here it is a 4x4 one that reads the
    slices as channels. 32 channels give 1,284,129 trainable parameters.
    """

    def __init__(self, channels: int):
        """channels: number of the first layer's; each of the three after it has twice as many as the one before."""
        super().__init__()
        widths = [4 * MRI_FACTOR, *(channels * 2**level for level in range(LAYERS))]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 4, stride=2, padding=1, bias=False) for i, o in pairwise(widths)
        )
        self.hidden = nn.Linear(widths[-1] * (GRID // 2**LAYERS) ** 2, HIDDEN)
        self.score = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [B] of inputs [B, 12, 192, 192] of `critic_input`; measured maps should score higher."""
        for convolution in self.convolutions:
            x = convolution(x)
            x = leaky_relu(group_norm(x, x.shape[1]), LEAK)
        return self.score(leaky_relu(self.hidden(x.flatten(1)), LEAK))[:, 0]


def critic_input(image: Tensor, condition: Condition) -> Tensor:
    """All that the critic reads of images [B, 1, H, W]: T1, FLAIR, low-resolution map, image, [B, 12, 192, 192].

    Each is a slab of 192 x 192 x 3, its slices as channels; a map is resampled, and the same in all slices.
    """
    maps = torch.cat([condition.low_resolution, image], dim=1)
    maps = interpolate(maps, size=(GRID, GRID), mode="bilinear").repeat_interleave(MRI_FACTOR, dim=1)
    mri = torch.cat([condition.t1, condition.flair], dim=1)
    if mri.shape[-1] != GRID:
        mri = interpolate(mri, size=(GRID, GRID), mode="bilinear")
    return torch.cat([mri, maps], dim=1)
