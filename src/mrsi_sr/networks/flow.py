"""The conditional normalizing flow of FTDDM, of the flow enhancer and of SRFlow: one family with other settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrsi_sr.cli import UserError
from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.flow_layers import (
    ConditionalBase,
    LearnedBase,
    Level,
    LevelContext,
    PixelAffine,
    StandardBase,
    exact,
    latent_shapes,
)


@dataclass(frozen=True)
class Context:
    """The part of a flow that depends on B conditions alone, computed once for any number of passes and samples.

    log_scale, shift [B, 1, H, W]: level 0, all its steps in one affine map per pixel. levels: of the steps of the
    levels below. mean, log_std [B, H * W]: of the latents. All in float32.
    """

    log_scale: Tensor
    shift: Tensor
    levels: list[LevelContext]
    mean: Tensor
    log_std: Tensor

    def __len__(self) -> int:
        """B, the number of conditions."""
        return len(self.mean)

    def select(self, index: Tensor) -> Context:
        """The conditions that index, long [k], picks; it may pick one several times."""
        levels = [level.select(index) for level in self.levels]
        return Context(self.log_scale[index], self.shift[index], levels, self.mean[index], self.log_std[index])

    def repeat(self, k: int) -> Context:
        """Every condition k times in a row [k * B]: for k samples of each."""
        return self.select(torch.arange(len(self), device=self.mean.device).repeat_interleave(k))


class Flow(nn.Module):
    """An invertible map from images to latents, given a condition (FTDDM, section 2.4; flow enhancer, section 2.3).

    81 % of the arithmetic depends on the condition alone, so that is a call of its own: `context = flow.condition(y)`,
    then `log_prob(x, context)`, `sample(context, ...)` as often as needed. H and W are multiples of 2^(levels - 1).
    Passes through the flow are in float32 also under autocast: their inverse must be one. What comes of the condition
    is the same for both directions and may be computed in less.
    """

    def __init__(
        self, features: int, levels: int, steps: int, base: str, mask: bool, mri: bool, upscaling_factor: bool
    ):
        """The arguments are explained in settings/architecture.py."""
        super().__init__()
        self.mask, self.mri, self.upscaling_factor = mask, mri, upscaling_factor
        inputs = 1 + mask + 2 * mri + upscaling_factor
        # Squeezing makes four channels of one, and half of them leave after every level but the last.
        channels = [2 * 2**level for level in range(1, levels)]
        self.widths = [*(c // 2 for c in channels[:-1]), channels[-1]]
        self.first = PixelAffine(inputs, features, steps)
        self.levels = nn.ModuleList(Level(level, inputs, c, features, steps) for level, c in enumerate(channels, 1))
        self.base = {
            "standard": StandardBase,
            "learned": lambda: LearnedBase(self.widths),
            "conditional": lambda: ConditionalBase(inputs, self.widths),
        }[base]()

    def condition(self, condition: Condition) -> Context:
        """Compute all that depends on the condition of B maps alone.

        Raises UserError for a grid that cannot be halved as often as the flow has levels below the first.
        """
        y = self._maps(condition)
        shapes = latent_shapes(self.widths, *y.shape[-2:])
        return Context(*self.first(y), [level.condition(y) for level in self.levels], *self.base(y, shapes))

    def forward_map(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Images x [B, 1, H, W] -> latents z [B, H * W] and the log-determinant of the map's Jacobian [B]."""
        with _exact(x):
            return self._forward_map(x, context)

    def inverse(self, z: Tensor, context: Context) -> Tensor:
        """Latents z [B, H * W] -> images [B, 1, H, W], not a number where a 1x1 convolution has no inverse.

        Nothing is raised here, since a GPU would have to wait in every step of a training: see `check`.
        """
        shapes = latent_shapes(self.widths, *context.shift.shape[-2:])
        parts = z.split([c * h * w for c, h, w in shapes], dim=1)
        latents = [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]
        with _exact(z):
            x, singular = latents[-1], []
            for number in reversed(range(len(self.levels))):
                if number < len(self.levels) - 1:
                    x = torch.cat([x, latents[number]], dim=1)
                x, is_singular = self.levels[number].inverse(x, context.levels[number])
                singular.append(is_singular)
            x = (x - context.shift) * context.log_scale.neg().exp()
        return x.masked_fill(torch.stack(singular).any(), math.nan)

    def check(self, images: Tensor) -> None:
        """Raise UserError where images that were sampled are not finite: the flow has diverged in its training."""
        if not torch.isfinite(images).all():
            raise UserError(self._what_is_broken())

    def log_prob(self, x: Tensor, context: Context) -> Tensor:
        """Log-density [B], in nats, of images x [B, 1, H, W] (FTDDM equations 7 and 8)."""
        with _exact(x):
            z, logdet = self._forward_map(x, context)
            normalised = (z - context.mean) * context.log_std.neg().exp()
            density = -0.5 * (normalised.square() + math.log(2 * math.pi)) - context.log_std
            return density.sum(1) + logdet

    def sample(self, context: Context, temperature: float | Tensor, noise: Tensor) -> Tensor:
        """One image per condition of the context [B, 1, H, W] (FTDDM equation 11).

        The temperature, a number or one per image [B], multiplies the latents' standard deviation: 0 gives the image
        of their mean. noise: standard normal [B, H * W].
        """
        temperature = torch.as_tensor(temperature, dtype=torch.float32, device=noise.device).view(-1, 1)
        return self.inverse(context.mean + temperature * context.log_std.exp() * noise, context)

    def forward(self, condition: Condition) -> Tensor:
        """The image [B, 1, H, W] of temperature 0, zero outside the mask."""
        context = self.condition(condition)
        return self.inverse(context.mean, context) * condition.mask

    @torch.no_grad()
    def prepare(self, x: Tensor, condition: Condition) -> None:
        """Initialise every actnorm from images x [B, 1, H, W]: what it passes on has zero mean and unit variance.

        The published code left a mean, as it took the bias from the images before they were scaled.
        """
        y = self._maps(condition)
        with _exact(x):
            self.first.prepare(x, y)
            self._forward_map(x, self.condition(condition), prepare=True)

    def _forward_map(self, x: Tensor, context: Context, prepare: bool = False) -> tuple[Tensor, Tensor]:
        x = exact(x) * context.log_scale.exp() + context.shift
        logdet, latents = context.log_scale.flatten(1).sum(1), []
        for number, (level, level_context) in enumerate(zip(self.levels, context.levels, strict=True), 1):
            x, change = level(x, level_context, prepare)
            logdet = logdet + change
            if number < len(self.levels):
                x, leaving = x.chunk(2, dim=1)
                latents.append(leaving)
        return torch.cat([latent.flatten(1) for latent in [*latents, x]], dim=1), logdet

    def _maps(self, condition: Condition) -> Tensor:
        """Condition maps [B, i, H, W]: the map and, by the settings, mask, T1 and FLAIR, upscaling factor."""
        height, width = condition.low_resolution.shape[-2:]
        divisor = 2 ** len(self.levels)
        if height % divisor or width % divisor:
            raise UserError(
                f"a flow of {len(self.levels) + 1} levels halves the map {len(self.levels)} times, "
                f"but the map is {height}x{width}\n  both must be multiples of {divisor}, or set fewer levels"
            )
        y = [condition.mask] if self.mask else []
        y.append(condition.low_resolution)
        if self.mri:
            y += [condition.t1_low, condition.flair_low]
        if self.upscaling_factor:  # its inverse, which is below 1 as all the others are
            y.append((1 / condition.upscaling_factor).view(-1, 1, 1, 1).expand_as(condition.mask))
        # Grouped convolutions of many steps are a quarter faster in this layout, on a CPU too.
        return torch.cat(y, dim=1).contiguous(memory_format=torch.channels_last)

    def _what_is_broken(self) -> str:
        bad = [name for name, value in self.named_parameters() if not torch.isfinite(value).all()]
        cause = (
            f"{len(bad)} of its weights are not finite, the first {bad[0]}" if bad
            else "a 1x1 convolution has no inverse any more, or its values overflow"
        )  # fmt: skip
        return (
            f"the flow has no image for these latents: {cause}\n"
            "  its training has diverged: train it again with a lower learning_rate, or sample with weights: best"
        )


def _exact(x: Tensor) -> torch.autocast:
    return torch.autocast(x.device.type, enabled=False)
