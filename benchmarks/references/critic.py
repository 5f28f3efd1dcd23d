"""Reference of the critic: three-dimensional layers and WGAN-GP, as the papers describe them."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate, leaky_relu

LEAK = 0.2
GRID = (3, 192, 192)


class Discriminator(nn.Module):
    """The critic of the cWGAN: four strided convolutions of a slab of 192x192x3, two linear layers."""

    def __init__(self, channels: int):
        super().__init__()
        widths = [4, *(channels * 2**level for level in range(4))]
        shapes = [((3, 4, 4), (3, 2, 2), (0, 1, 1)), *[((1, 4, 4), (1, 2, 2), (0, 1, 1))] * 3]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(i, o, kernel, stride, padding, bias=False)
            for (i, o), (kernel, stride, padding) in zip(pairwise(widths), shapes, strict=True)
        )
        self.hidden, self.score = nn.Linear(widths[-1] * 12 * 12, 16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [B] of {T1, FLAIR, low-resolution map, image} [B, 4, 3, 192, 192]."""
        for convolution in self.convolutions:
            x = leaky_relu(instance_norm(convolution(x)), LEAK)
        return self.score(leaky_relu(self.hidden(x.flatten(1)), LEAK))[:, 0]


def critic_input(image: Tensor, condition) -> Tensor:
    """{T1, FLAIR, low-resolution map, image} [B, 4, 3, 192, 192] of maps [B, 1, H, W]."""
    maps = torch.cat([condition.low_resolution, image], dim=1)[:, :, None]
    return torch.cat([_on_grid(torch.stack([condition.t1, condition.flair], dim=1)), _on_grid(maps)], dim=1)


def _on_grid(x: Tensor) -> Tensor:
    return x if x.shape[2:] == GRID else interpolate(x, size=GRID, mode="trilinear")


def critic_loss(critic: nn.Module, made: Tensor, real: Tensor, share: Tensor, condition, weight: float) -> Tensor:
    """Wasserstein loss with gradient penalty (Gulrajani et al. 2017, algorithm 1); share [B] places the penalty."""
    real, made = critic_input(real, condition), critic_input(made, condition)
    between = (share.view(-1, 1, 1, 1, 1) * (real - made) + made).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return critic(made).mean() - critic(real).mean() + weight * penalty
