"""FTDDM's flow as the paper describes it (section 2.4): every step of every level one after the other.

The condition networks of a step run each time that the step does: for the likelihood, for the guide, for every sample.
Float32, channels first. Parameters have the names and shapes of ours, which hold the steps of a level side by side.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, pixel_shuffle, pixel_unshuffle

from mrsi_sr.maps.condition import Condition

SLOPE = 0.2


@dataclass(frozen=True)
class Context:
    """Known of B maps before a pass: condition maps [B, 4, H, W], mean and log_std of the latents [B, H * W]."""

    maps: Tensor
    mean: Tensor
    log_std: Tensor

    def repeat(self, k: int) -> "Context":
        """Every map k times in a row."""
        return Context(*(each.repeat_interleave(k, dim=0) for each in (self.maps, self.mean, self.log_std)))


class Flow(nn.Module):
    """The flow with the learned base, and with the calls that our objective and samplers make."""

    def __init__(self, features: int = 128, levels: int = 4, steps: int = 12, grid: int = 64):
        super().__init__()
        channels = [2 * 2**level for level in range(1, levels)]
        self.first = PixelLevel(features, steps)
        self.levels = nn.ModuleList(Level(level, c, features, steps) for level, c in enumerate(channels, 1))
        self.base = nn.ParameterDict({name: torch.zeros(grid * grid) for name in ("mean", "log_std")})

    def condition(self, condition: Condition) -> Context:
        """Nothing is computed of the condition beforehand."""
        maps = [condition.mask, condition.low_resolution, condition.t1_low, condition.flair_low]
        of_base = (self.base[name].expand(len(condition), -1) for name in ("mean", "log_std"))
        return Context(torch.cat(maps, dim=1), *of_base)

    def log_prob(self, x: Tensor, context: Context) -> Tensor:
        """Log-density [B] of images x [B, 1, H, W] (FTDDM equations 7 and 8)."""
        x, logdet = self.first(x, context.maps)
        latents = []
        for level in self.levels:
            x, change = level(x, context.maps)
            logdet = logdet + change
            if level is not self.levels[-1]:
                x, leaving = x.chunk(2, dim=1)
                latents.append(leaving)
        z = torch.cat([latent.flatten(1) for latent in [*latents, x]], dim=1)
        normalised = (z - context.mean) / context.log_std.exp()
        return (-0.5 * (normalised**2 + math.log(2 * math.pi)) - context.log_std).sum(1) + logdet

    def sample(self, context: Context, temperature, noise: Tensor) -> Tensor:
        """Images [B, 1, H, W] of latents at a temperature, a number or one per map (FTDDM equation 11)."""
        temperature = torch.as_tensor(temperature).to(noise).reshape(-1, 1)
        z = context.mean + temperature * context.log_std.exp() * noise
        height, width = context.maps.shape[-2:]
        last, latents = len(self.levels), []
        for level in range(1, last + 1):
            channels = 2 * 2**level // (1 if level == last else 2)
            shape = (channels, height >> level, width >> level)
            latents.append(z[:, : math.prod(shape)].unflatten(1, shape))
            z = z[:, math.prod(shape) :]
        x = latents.pop()
        for level in reversed(self.levels):
            x = level.inverse(x, context.maps)
            x = torch.cat([x, latents.pop()], dim=1) if latents else x
        return self.first.inverse(x, context.maps)


class Steps(nn.Sequential):
    """Convolutions of the K steps of a level, with LeakyReLU between them; `run` takes those of one step."""

    def __init__(self, *layers: nn.Module, steps: int):
        super().__init__(*layers)
        self.steps = steps

    def of(self, step: int) -> list[tuple[Tensor, Tensor, int]]:
        """Weight, bias and stride of each convolution of a step."""
        layers = [layer for layer in self if isinstance(layer, nn.Conv2d)]
        each = [(layer.weight.chunk(self.steps), layer.bias.chunk(self.steps), layer.stride) for layer in layers]
        return [(weights[step], biases[step], stride) for weights, biases, stride in each]

    def run(self, step: int, x: Tensor) -> Tensor:
        """[B, i, H, W] -> [B, o, h, w]."""
        for number, (weight, bias, stride) in enumerate(self.of(step)):
            x = conv2d(x if number == 0 else leaky_relu(x, SLOPE), weight, bias, stride, padding=1)
        return x


def alternating(*convolutions: nn.Conv2d, steps: int = 1) -> Steps:
    """Convolutions with an activation between each two."""
    layers = [each for convolution in convolutions for each in (nn.LeakyReLU(SLOPE), convolution)]
    return Steps(*layers[1:], steps=steps)


def condition_networks(level: int, hidden: int, outputs: int, steps: int) -> Steps:
    """From the condition maps to a level's grid."""
    stride, width = 1 if level == 0 else 2, hidden * steps
    halving = [nn.Conv2d(width, width, 3, 2, 1, groups=steps) for _ in range(level - 1)]
    last = nn.Conv2d(width, outputs * steps, 3, 1, 1, groups=steps)
    return alternating(nn.Conv2d(4, width, 3, stride, 1), *halving, last, steps=steps)


def affine_networks(inputs: int, outputs: int, features: int, steps: int = 1) -> Steps:
    """To log-scale and shift."""
    widths = [inputs * steps, features * steps, features * steps, outputs * steps]
    layers = [nn.Conv2d(i, o, 3, 1, 1, groups=steps) for i, o in pairwise(widths)]
    return alternating(*layers, steps=steps)


def log_scale_and_shift(both: Tensor) -> tuple[Tensor, Tensor]:
    """Log-scale between -1 and 1, and shift."""
    log_scale, shift = both.chunk(2, dim=1)
    return 2 * torch.sigmoid(log_scale) - 1, shift


class Injectors(nn.Module):
    """Affine injectors of K steps: log-scale and shift from the condition alone."""

    def __init__(self, level: int, channels: int, features: int, steps: int):
        super().__init__()
        self.condition = condition_networks(level, features // 2, channels, steps)
        self.network = affine_networks(channels, 2 * channels, features, steps)

    def forward(self, step: int, y: Tensor) -> tuple[Tensor, Tensor]:
        """Condition maps [B, 4, H, W] -> log-scale and shift [B, C, h, w]."""
        return log_scale_and_shift(self.network.run(step, self.condition.run(step, y)))


class PixelLevel(nn.Module):
    """Level 0: K times [actnorm, injector] at full resolution."""

    def __init__(self, features: int, steps: int):
        super().__init__()
        self.log_scale, self.bias = (nn.Parameter(torch.zeros(steps)) for _ in range(2))
        self.injectors = Injectors(0, 1, features, steps)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, 1, H, W] -> the same and the log-determinant [B]."""
        logdet = x.new_zeros(len(x))
        for step in range(len(self.bias)):
            x = x * self.log_scale[step].exp() + self.bias[step]
            log_scale, shift = self.injectors(step, y)
            x = x * log_scale.exp() + shift
            logdet = logdet + x[0].numel() * self.log_scale[step] + log_scale.flatten(1).sum(1)
        return x, logdet

    def inverse(self, x: Tensor, y: Tensor) -> Tensor:
        """The steps backwards."""
        for step in reversed(range(len(self.bias))):
            log_scale, shift = self.injectors(step, y)
            x = (x - shift) / log_scale.exp()
            x = (x - self.bias[step]) / self.log_scale[step].exp()
        return x


class Level(nn.Module):
    """Squeeze, actnorm, invertible 1x1; K times [actnorm, invertible 1x1, injector, coupling]."""

    def __init__(self, level: int, channels: int, features: int, steps: int):
        super().__init__()
        self.log_scale, self.bias = (nn.Parameter(torch.zeros(steps + 1, channels)) for _ in range(2))
        self.weight = nn.Parameter(torch.zeros(steps + 1, channels, channels))
        self.injectors = Injectors(level, channels, features, steps)
        self.coupling_condition = condition_networks(level, features // 2, channels // 2, steps)
        self.couplings = nn.ModuleList(affine_networks(channels, channels, features) for _ in range(steps))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C/4, 2h, 2w] -> [B, C, h, w] and the log-determinant [B]."""
        x, logdet = self._mixed(pixel_unshuffle(x, 2), 0)
        for step in range(len(self.couplings)):
            x, change = self._mixed(x, step + 1)
            log_scale, shift = self.injectors(step, y)
            x = x * log_scale.exp() + shift
            logdet = logdet + change + log_scale.flatten(1).sum(1)
            kept, changed = x.chunk(2, dim=1)
            log_scale, shift = self._coupling(step, kept, y)
            x = torch.cat([changed * log_scale.exp() + shift, kept], dim=1)
            logdet = logdet + log_scale.flatten(1).sum(1)
        return x, logdet

    def inverse(self, x: Tensor, y: Tensor) -> Tensor:
        """x [B, C, h, w] -> [B, C/4, 2h, 2w]."""
        for step in reversed(range(len(self.couplings))):
            changed, kept = x.chunk(2, dim=1)
            log_scale, shift = self._coupling(step, kept, y)
            x = torch.cat([kept, (changed - shift) / log_scale.exp()], dim=1)
            log_scale, shift = self.injectors(step, y)
            x = self._unmixed((x - shift) / log_scale.exp(), step + 1)
        return pixel_shuffle(self._unmixed(x, 0), 2)

    def _mixed(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Actnorm and invertible 1x1 convolution, and their log-determinant [1]."""
        log_scale, bias = self.log_scale[step, :, None, None], self.bias[step, :, None, None]
        x = conv2d(x * log_scale.exp() + bias, self.weight[step, :, :, None, None])
        change = torch.linalg.slogdet(self.weight[step]).logabsdet + self.log_scale[step].sum()
        return x, x[0, 0].numel() * change.view(1)

    def _unmixed(self, x: Tensor, step: int) -> Tensor:
        log_scale, bias = self.log_scale[step, :, None, None], self.bias[step, :, None, None]
        x = conv2d(x, torch.linalg.inv(self.weight[step])[:, :, None, None])
        return (x - bias) / log_scale.exp()

    def _coupling(self, step: int, kept: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        features = self.coupling_condition.run(step, y)
        return log_scale_and_shift(self.couplings[step].run(0, torch.cat([kept, features], dim=1)))
