"""Layers of the conditional flow: functions of the condition alone are computed for all steps of a level at once.

Convolutions have 3x3 kernels and LeakyReLU 0.2 between them. The K steps of a level lie side by side in grouped
convolutions, and in tensors [B, K, C, h, w].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from mrsi_sr.networks.winograd import Convolution
from mrsi_sr.settings.architecture import FRAME

SLOPE = 0.2
BASE_WIDTH = 32  # of the conditional base's residual network; with it the enhancer comes to the paper's 37.6 M
SMALLEST_STD = 1e-6  # of an actnorm's input


@dataclass(frozen=True)
class LevelContext:
    """Functions of the condition for the K steps of one level: injectors and the conditional part of the couplings.

    log_scale, shift [B, K, C, h, w]; coupling [B, K, C/2, h, w], features that each coupling's network reads.
    """

    log_scale: Tensor
    shift: Tensor
    coupling: Tensor

    def select(self, index: Tensor) -> LevelContext:
        """The maps that index picks along the batch."""
        return LevelContext(self.log_scale[index], self.shift[index], self.coupling[index])


class ConditionNetworks(nn.Sequential):
    """The condition networks of K steps: condition maps [B, i, H, W] -> [B, K * o, H / 2^level, W / 2^level]."""

    def __init__(self, level: int, inputs: int, hidden: int, outputs: int, steps: int):
        width = hidden * steps
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 3, stride=1 if level == 0 else 2, padding=1)]
        for _ in range(level - 1):
            layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(width, width, 3, stride=2, padding=1, groups=steps)]
        layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(width, outputs * steps, 3, padding=1, groups=steps)]
        super().__init__(*layers)


class Injectors(nn.Module):
    """The affine injectors of K steps at one level: log-scale and shift of every value, from the condition alone."""

    def __init__(self, level: int, inputs: int, channels: int, features: int, steps: int):
        super().__init__()
        self.steps = steps
        self.condition = ConditionNetworks(level, inputs, features // 2, channels, steps)
        self.network = affine_network(channels, 2 * channels, features, steps)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Condition maps [B, i, H, W] -> log-scale and shift, each [B, K, C, h, w], in float32."""
        both = exact(self.network(self.condition(y))).unflatten(1, (self.steps, -1))
        log_scale, shift = both.chunk(2, dim=2)
        return bounded(log_scale), shift


class PixelAffine(nn.Module):
    """Level 0: K times [actnorm, injector] of a map of one channel, which is one affine map per pixel."""

    def __init__(self, inputs: int, features: int, steps: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(steps))  # actnorms
        self.bias = nn.Parameter(torch.zeros(steps))
        self.injectors = Injectors(0, inputs, 1, features, steps)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Condition maps [B, i, H, W] -> log-scale and shift [B, 1, H, W] of all steps in one."""
        return self._folded(*self.injectors(y))

    def _folded(self, log_scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        each = self.log_scale.view(-1, 1, 1, 1) + log_scale
        total = each.sum(1)
        after = total[:, None] - each.cumsum(1)  # log-scale that the following steps apply to a step's shift
        shifts = self.bias.view(-1, 1, 1, 1) * log_scale.exp() + shift
        return total, (shifts * after.exp()).sum(1)

    @torch.no_grad()
    def prepare(self, x: Tensor, y: Tensor) -> None:
        """Initialise the actnorms, one after the other, from maps x [B, 1, H, W] and their condition maps."""
        log_scale, shift = self.injectors(y)
        for step in range(len(self.bias)):
            x = normalise(x, self.log_scale[step, None], self.bias[step, None])
            x = x * log_scale[:, step].exp() + shift[:, step]


class Level(nn.Module):
    """A level below the first: squeeze, actnorm, invertible 1x1; K times [actnorm, invertible 1x1, injector, coupling].

    An actnorm and the 1x1 convolution after it are one matrix and one offset, K + 1 of each.
    """

    def __init__(self, level: int, inputs: int, channels: int, features: int, steps: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(steps + 1, channels))  # actnorms
        self.bias = nn.Parameter(torch.zeros(steps + 1, channels))
        self.weight = nn.Parameter(torch.stack([_orthogonal(channels) for _ in range(steps + 1)]))
        self.injectors = Injectors(level, inputs, channels, features, steps)
        self.coupling_condition = ConditionNetworks(level, inputs, features // 2, channels // 2, steps)
        self.couplings = nn.ModuleList(affine_network(channels, channels, features) for _ in range(steps))

    def condition(self, y: Tensor) -> LevelContext:
        """All that depends on the condition maps [B, i, H, W] alone."""
        coupling = exact(self.coupling_condition(y)).unflatten(1, (len(self.couplings), -1))
        return LevelContext(*self.injectors(y), coupling)

    def forward(self, x: Tensor, context: LevelContext, prepare: bool = False) -> tuple[Tensor, Tensor]:
        """x [B, C/4, 2h, 2w] -> [B, C, h, w] and the log-determinant [B].

        prepare: set each actnorm from what reaches it before it is used.
        """
        x, (matrix, offset), scale = pixel_unshuffle(x, 2), self._mixing(), context.log_scale.exp()

        def mixed(x: Tensor, step: int) -> Tensor:
            nonlocal matrix, offset
            if prepare:
                normalise(x, self.log_scale[step], self.bias[step])
                matrix, offset = self._mixing()
            return _pointwise(x, matrix[step], offset[step])

        x = mixed(x, 0)
        pixels = x.shape[-2] * x.shape[-1]
        logdet = pixels * (torch.linalg.slogdet(self.weight).logabsdet.sum() + self.log_scale.sum())
        logdet = logdet + context.log_scale.flatten(1).sum(1)
        for step in range(len(self.couplings)):
            x = mixed(x, step + 1) * scale[:, step] + context.shift[:, step]
            kept, changed = x.chunk(2, dim=1)
            log_scale, shift = self._coupling(step, kept, context)
            x = torch.cat([changed * log_scale.exp() + shift, kept], dim=1)
            logdet = logdet + log_scale.flatten(1).sum(1)
        return x, logdet

    def inverse(self, x: Tensor, context: LevelContext) -> tuple[Tensor, Tensor]:
        """x [B, C, h, w] -> [B, C/4, 2h, 2w], and whether a 1x1 convolution has no inverse, bool []."""
        scale = context.log_scale.neg().exp()
        inverse, info = torch.linalg.inv_ex(self.weight.double())
        undo = self.log_scale.neg().exp()
        matrix, offset = inverse.to(undo.dtype) * undo[..., None], -self.bias * undo
        for step in reversed(range(len(self.couplings))):
            changed, kept = x.chunk(2, dim=1)
            log_scale, shift = self._coupling(step, kept, context)
            x = torch.cat([kept, (changed - shift) * log_scale.neg().exp()], dim=1)
            x = (x - context.shift[:, step]) * scale[:, step]
            x = _pointwise(x, matrix[step + 1], offset[step + 1])
        return pixel_shuffle(_pointwise(x, matrix[0], offset[0]), 2), info.any()

    def _mixing(self) -> tuple[Tensor, Tensor]:
        """Actnorm and 1x1 convolution in one: matrices [K + 1, C, C] and offsets [K + 1, C]."""
        matrix = self.weight * self.log_scale.exp()[:, None, :]
        return matrix, (self.weight @ self.bias[..., None])[..., 0]

    def _coupling(self, step: int, kept: Tensor, context: LevelContext) -> tuple[Tensor, Tensor]:
        both = self.couplings[step](torch.cat([kept, context.coupling[:, step]], dim=1))
        log_scale, shift = both.chunk(2, dim=1)
        return bounded(log_scale), shift


class LearnedBase(nn.Module):
    """One mean and one log standard deviation per latent, the same for every condition.

    They are learned on the grid of 64x64; latents of maps on another grid take them averaged to it.
    """

    def __init__(self, widths: list[int]):
        super().__init__()
        self.shapes = latent_shapes(widths, FRAME, FRAME)
        latents = sum(c * h * w for c, h, w in self.shapes)
        self.mean = nn.Parameter(torch.zeros(latents))
        self.log_std = nn.Parameter(torch.zeros(latents))

    def forward(self, y: Tensor, shapes: list[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Condition maps [B, i, H, W] and the latents' shapes -> mean and log standard deviation [B, H * W]."""
        values = torch.stack([self.mean, self.log_std])
        if shapes != self.shapes:
            parts = values.split([c * h * w for c, h, w in self.shapes], dim=1)
            parts = [part.unflatten(1, shape) for part, shape in zip(parts, self.shapes, strict=True)]
            parts = [interpolate(p, size=shape[1:], mode="area") for p, shape in zip(parts, shapes, strict=True)]
            values = torch.cat([part.flatten(1) for part in parts], dim=1)
        mean, log_std = values[:, None].expand(-1, len(y), -1)
        return mean, log_std


class ConditionalBase(nn.Module):
    """Mean and log standard deviation of every latent from the condition, by a small residual network.

    A residual block of stride 2 leads to each level, and one convolution from there to its latents' statistics
    (flow enhancer, section 2.3: a ResNet whose layers the paper does not give). It starts as a standard normal base.
    """

    def __init__(self, inputs: int, widths: list[int]):
        super().__init__()
        self.first = nn.Conv2d(inputs, BASE_WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(DownBlock(BASE_WIDTH) for _ in widths)
        self.last = nn.ModuleList(_zero(nn.Conv2d(BASE_WIDTH, 2 * width, 3, padding=1)) for width in widths)

    def forward(self, y: Tensor, shapes: list[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Condition maps [B, i, H, W] -> mean and log standard deviation [B, H * W], in float32."""
        x, both = self.first(y), []
        for block, last in zip(self.blocks, self.last, strict=True):
            x = block(x)
            both.append(exact(last(leaky_relu(x, SLOPE))).unflatten(1, (2, -1)).flatten(2))
        mean, log_std = torch.cat(both, dim=2).unbind(1)
        return mean, log_std


class StandardBase(nn.Module):
    """Mean 0, standard deviation 1: fixed (SRFlow)."""

    def forward(self, y: Tensor, shapes: list[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Condition maps [B, i, H, W] and the latents' shapes -> mean and log standard deviation [B, H * W]."""
        zeros = y.new_zeros(len(y), sum(c * h * w for c, h, w in shapes), dtype=torch.float32)
        return zeros, zeros


class DownBlock(nn.Module):
    """Residual block to half the grid."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H/2, W/2]."""
        return avg_pool2d(x, 2) + self.second(leaky_relu(self.first(leaky_relu(x, SLOPE)), SLOPE))


def latent_shapes(widths: list[int], height: int, width: int) -> list[tuple[int, int, int]]:
    """(C, h, w) of the latents that leave after each level below the first, of a map of height x width."""
    return [(channels, height >> level, width >> level) for level, channels in enumerate(widths, 1)]


def affine_network(inputs: int, outputs: int, features: int, steps: int = 1) -> nn.Sequential:
    """Log-scale and shift of `steps` steps side by side; zero at the start, so that they change nothing."""
    return nn.Sequential(
        nn.Conv2d(inputs * steps, features * steps, 3, padding=1, groups=steps),
        nn.LeakyReLU(SLOPE),
        Convolution(features * steps, features * steps, groups=steps),
        nn.LeakyReLU(SLOPE),
        _zero(nn.Conv2d(features * steps, outputs * steps, 3, padding=1, groups=steps)),
    )


def exact(x: Tensor) -> Tensor:
    """What comes of the condition, in float32 at least: from here on a pass and its inverse have to agree."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def bounded(x: Tensor) -> Tensor:
    """A log-scale between -1 and 1: 2 sigmoid(x) - 1."""
    return 2 * torch.sigmoid(x) - 1


@torch.no_grad()
def normalise(x: Tensor, log_scale: Tensor, bias: Tensor) -> Tensor:
    """Set an actnorm's log_scale and bias [C] so that it makes every channel of x zero mean, unit variance; apply it.

    It computes x exp(log_scale) + bias, so the mean that bias takes away is the scaled one.
    """
    std, mean = torch.std_mean(x, dim=(0, 2, 3), correction=0)
    log_scale.copy_(-std.clamp(min=SMALLEST_STD).log())
    bias.copy_(-mean * log_scale.exp())
    return x * log_scale.exp().view(-1, 1, 1) + bias.view(-1, 1, 1)


def _pointwise(x: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """The same matrix and offset at every pixel: [B, C, h, w] -> [B, C, h, w]."""
    return conv2d(x, matrix[:, :, None, None], offset)


def _orthogonal(channels: int) -> Tensor:
    return nn.init.orthogonal_(torch.empty(channels, channels))


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Start a layer at zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
