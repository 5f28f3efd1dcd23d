"""How a method makes a map: functions that return the images and the number of network evaluations (NFE), by name.

| sampler | networks by role |
|---|---|
| zero_filled | none |
| single_pass | network: condition -> map |
| ancestral | denoiser: noisy map, step, condition -> noise |

Their settings are in workflow/schemas/sampler-KIND.schema.yaml.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr import objectives
from mrsi_sr.conditions import Condition
from mrsi_sr.samplers.ancestral import ancestral
from mrsi_sr.samplers.direct import single_pass, zero_filled

Noise = Callable[[Tensor], Tensor]
Sampler = Callable[[Condition, Noise], tuple[Tensor, int]]


def build(settings: dict, networks: dict[str, nn.Module], network_settings: dict[str, dict]) -> Sampler:
    """A sampler as sampler(condition, noise) -> (images [B, 1, H, W], NFE).

    settings: `kind` and that sampler's own, complete, as method_settings returns them. networks and network_settings:
    by role; a denoiser's settings say how long its chain is. noise(x) draws standard normal noise of x's shape, type
    and device.
    """
    if settings["kind"] == "zero_filled":
        return lambda condition, noise: zero_filled(condition)
    if settings["kind"] == "single_pass":
        return lambda condition, noise: single_pass(networks["network"], condition)
    temperature, variance, bounds = settings["temperature"], settings["variance"], settings["bounds"]
    schedule = objectives.schedule(network_settings["denoiser"])

    def sample(condition: Condition, noise: Noise) -> tuple[Tensor, int]:
        def denoise(x: Tensor, step: int) -> Tensor:
            estimate = networks["denoiser"](x, torch.full((len(x),), step, device=x.device), condition)
            return schedule.noise_within(x, estimate, step, bounds) if bounds else estimate

        mask = condition.mask
        x = noise(mask)
        return ancestral(denoise, x, schedule, mask=mask, temperature=temperature, variance=variance, noise=noise)

    return sample
