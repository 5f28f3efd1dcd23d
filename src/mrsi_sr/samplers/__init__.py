"""Samplers: how methods make maps. A sampler of kind NAME is the function NAME in the module NAME of this package.

    NAME(networks, condition, noise, *, own settings) -> (maps [B, 1, H, W], number of network evaluations)

| argument | is |
|---|---|
| networks | networks by role, on the condition's device; a denoiser is a `denoiser.Denoiser` |
| condition | a Condition of B maps |
| noise | function: noise(x) is standard normal noise of x's shape, type and device |
| own settings | those of the sampler's class, which settings/sampler.py lists, with its roles and evaluations |

Maps are in the condition's scale, and zero outside its mask. A module is imported when its sampler is used, and named
nowhere else: a changed sampler is part of the code of its own methods alone.
"""

from collections.abc import Callable
from importlib import import_module


def module_of(kind: str) -> str:
    """Dotted name of a sampler's module, such as mrsi_sr.samplers.ancestral."""
    return f"{__name__}.{kind}"


def sampler_of(kind: str) -> Callable:
    """The function of a kind of sampler."""
    return getattr(import_module(module_of(kind)), kind)


def walk_of(kind: str) -> Callable:
    """The walk down a diffusion chain that a kind of sampler takes: the function `walk` of its module.

        walk(denoise, x, schedule, *, mask, noise, own options) -> (map [B, 1, H, W], number of network evaluations)

    x [B, 1, H, W]: a draw at the last step of the schedule. denoise(x, step): an estimate of its noise, same shape.
    """
    return import_module(module_of(kind)).walk
