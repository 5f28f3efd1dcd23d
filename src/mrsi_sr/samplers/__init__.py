"""Samplers: how methods make maps. A sampler of kind NAME is the function NAME of the module NAME in this package.

| sampler | networks by role | evaluations (NFE) |
|---|---|---|
| zero_filled | none | 0 |
| single_pass | network: condition -> map; or one for each low-resolution size: size_8, size_10, .. | 1 |
| ancestral | denoiser: noisy map, step, condition -> noise | T |
| respaced | denoiser | steps |
| dpm_solver | denoiser | steps + 1 |
| tdpm | generator: noise, step, condition -> map at the truncation point; denoiser of the truncated chain | 1 + chain |
| ftddm | flow: condition, noise -> map at the truncation point; denoiser of the truncated chain | 1 + chain |
| flow | flow: condition, noise -> map; super_resolver, where the flow was trained with one | 1 |

A truncated chain takes T_trunc evaluations, or steps + 1 with dpm_solver.

    NAME(networks, condition, noise, *, own settings) -> (maps [B, 1, H, W], number of network evaluations)

networks: by role, on the condition's device; a denoiser is a `denoiser.Denoiser`. noise(x): standard normal noise of
x's shape, type and device. Own settings: those of the sampler's class in settings/sampler.py. Maps are in the condition's
scale and zero outside its mask. A module is imported when its sampler is used, so that planning a workflow needs no
torch, and a changed sampler is part of the code of its own methods alone.
"""

from collections.abc import Callable
from importlib import import_module


def module_of(kind: str) -> str:
    """The dotted name of a sampler's module, such as mrsi_sr.samplers.ancestral."""
    return f"{__name__}.{kind}"


def sampler_of(kind: str) -> Callable:
    """The function of a kind of sampler."""
    return getattr(import_module(module_of(kind)), kind)


def walk_of(kind: str) -> Callable:
    """The walk down a denoiser's chain that a kind of sampler takes: the function `walk` of its module.

        walk(denoise, x, schedule, *, mask, noise, own options) -> (map [B, 1, H, W], number of network evaluations)

    x [B, 1, H, W]: a draw at the last step of the schedule. denoise(x, step): an estimate of its noise, same shape.
    """
    return import_module(module_of(kind)).walk
