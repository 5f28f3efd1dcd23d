"""Convolutions of 3x3 with a quarter of the products, for wide layers on a CPU in float32 (Winograd's algorithm).

Lavin and Gray 2016, F(4x4, 3x3): a tile of 4x4 outputs needs 6x6 inputs. Both are transformed by small matrices, and in
between each of the 36 places is a product of matrices over channels: 36 products for 16 outputs in place of 144.
The sums are other ones than a convolution's, so results differ from it by rounding, about 1e-5 of their spread.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

TILE, PATCH = 4, 6
FEWEST_CHANNELS = 128  # with fewer, the transforms of a tile take as long as the products that they save
FEWEST_TILES = 64  # with fewer, the transform of the weights does
TILES_AT_A_TIME = 128  # what they become stays in the processor's cache


def _both_axes(matrix: list[list[int]], divisor: int = 1) -> Tensor:
    one = torch.tensor(matrix, dtype=torch.float64, device="cpu") / divisor
    return torch.kron(one, one)


# Transforms for interpolation at 0, 1, -1, 2, -2 and infinity.
OF_PATCH = _both_axes([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
                       [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])  # fmt: skip
OF_KERNEL = _both_axes([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], 24)
TO_TILE = _both_axes([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


class Convolution(nn.Conv2d):
    """Convolution of 3x3, zeros beyond the edge, stride 1: by Winograd's algorithm where that is faster."""

    def __init__(self, inputs: int, outputs: int, groups: int = 1):
        super().__init__(inputs, outputs, 3, padding=1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """[B, i, H, W] -> [B, o, H, W]."""
        if not self._pays(x):
            return super().forward(x)
        parts = zip(*(each.chunk(self.groups) for each in (x.transpose(0, 1), self.weight, self.bias)), strict=True)
        outputs = [_Winograd.apply(inputs.transpose(0, 1), weight, bias) for inputs, weight, bias in parts]
        return torch.cat(outputs, dim=1) if self.groups > 1 else outputs[0]

    def _pays(self, x: Tensor) -> bool:
        batch, _, height, width = x.shape
        wide = min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS * self.groups
        tiled = batch * height * width >= FEWEST_TILES * TILE**2 and height % TILE == width % TILE == 0
        return wide and tiled and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


class _Winograd(torch.autograd.Function):
    """The convolution of x [B, i, H, W] with weight [o, i, 3, 3] and bias [o], a few maps at a time."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        kernel, y = _kernel(weight), _empty(x, len(weight))
        for maps in _parts(x):
            products = _patches(x[maps]) @ kernel
            tiles = _tiles(y[maps])
            tiles.copy_((TO_TILE.to(x) @ products.flatten(1)).view(tiles.shape) + bias)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        x, weight = ctx.saved_tensors
        kernel, of_x = _kernel(weight), _empty(x, x.shape[1])
        of_kernel = torch.zeros_like(kernel)
        for maps in _parts(x):
            of_tiles = _tiles(gradient[maps]).reshape(TILE**2, -1)
            of_products = (TO_TILE.T.to(x) @ of_tiles).view(PATCH**2, -1, len(weight))
            of_kernel.baddbmm_(_patches(x[maps]).mT, of_products)
            _sum_of_patches(OF_PATCH.T.to(x) @ (of_products @ kernel.mT).flatten(1), of_x[maps])
        of_weight = (OF_KERNEL.T.to(x) @ of_kernel.flatten(1)).view(3, 3, *kernel.shape[1:]).permute(3, 2, 0, 1)
        return of_x, of_weight, gradient.sum((0, 2, 3))


def _parts(x: Tensor) -> Iterator[slice]:
    """Maps of a batch, as many at a time as fit the cache."""
    batch, _, height, width = x.shape
    number = max(1, TILES_AT_A_TIME * TILE**2 // (height * width))
    return (slice(first, first + number) for first in range(0, batch, number))


def _empty(x: Tensor, channels: int) -> Tensor:
    """Maps of so many channels, in the memory layout of x."""
    batch, _, height, width = x.shape
    if x.is_contiguous():
        return x.new_empty(batch, channels, height, width)
    return x.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)


def _kernel(weight: Tensor) -> Tensor:
    """Weights [o, i, 3, 3] -> [36, i, o]."""
    flat = weight.permute(2, 3, 1, 0).reshape(9, -1)
    return (OF_KERNEL.to(weight) @ flat).view(PATCH**2, weight.shape[1], len(weight))


def _patches(x: Tensor) -> Tensor:
    """The transformed 6x6 inputs of every tile, [B, i, H, W] -> [36, tiles, i]."""
    padded = pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    patches = padded.unfold(1, PATCH, TILE).unfold(2, PATCH, TILE).permute(4, 5, 0, 1, 2, 3)
    return (OF_PATCH.to(x) @ patches.reshape(PATCH**2, -1)).view(PATCH**2, -1, x.shape[1])


def _tiles(y: Tensor) -> Tensor:
    """The same numbers, tile by tile: a view of [B, o, H, W] as [4, 4, B, H/4, W/4, o]."""
    return y.permute(0, 2, 3, 1).unflatten(1, (-1, TILE)).unflatten(3, (-1, TILE)).permute(2, 4, 0, 1, 3, 5)


def _sum_of_patches(patches: Tensor, x: Tensor) -> None:
    """Fill x [B, i, H, W] with the sums of the patches [36, tiles * i] where they overlap."""
    batch, channels, height, width = x.shape
    padded = x.new_zeros(batch, height + 2, width + 2, channels)
    each = patches.view(PATCH, PATCH, batch, height // TILE, width // TILE, channels)
    for row in range(PATCH):
        for column in range(PATCH):
            padded[:, row : row + height - TILE + 1 : TILE, column : column + width - TILE + 1 : TILE] += each[
                row, column
            ]
    x.copy_(padded[:, 1:-1, 1:-1].permute(0, 3, 1, 2))
