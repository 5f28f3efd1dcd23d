"""How a method makes a map: functions that return the images and the number of network evaluations (NFE), by name.

| sampler | networks by role | settings |
|---|---|---|
| zero_filled | none | |
| single_pass | network: condition -> map | |
| ancestral | denoiser: noisy map, step, condition -> noise | temperature: of the noise, a number from 0, default 1 |
| | | variance: of a reverse step, posterior (default) or beta |
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr import objectives
from mrsi_sr.cli import UserError
from mrsi_sr.conditions import Condition
from mrsi_sr.diffusion import VARIANCES
from mrsi_sr.samplers.ancestral import ancestral
from mrsi_sr.samplers.direct import single_pass, zero_filled

Noise = Callable[[Tensor], Tensor]
Sampler = Callable[[Condition, Noise], tuple[Tensor, int]]

ROLES = {"zero_filled": (), "single_pass": ("network",), "ancestral": ("denoiser",)}
SETTINGS = {"zero_filled": (), "single_pass": (), "ancestral": ("temperature", "variance")}


def build(settings: dict, networks: dict[str, nn.Module], network_settings: dict[str, dict]) -> Sampler:
    """A sampler as sampler(condition, noise) -> (images [B, 1, H, W], NFE).

    settings: `kind` and that sampler's own. networks and network_settings: by role, as ROLES names them; a denoiser's
    settings say how long its chain is. noise(x) draws standard normal noise of x's shape, type and device.
    Raises UserError for an unknown sampler, setting, value or role.
    """
    kind = settings.get("kind")
    _check(kind, settings, networks)
    if kind == "zero_filled":
        return lambda condition, noise: zero_filled(condition)
    if kind == "single_pass":
        return lambda condition, noise: single_pass(networks["network"], condition)
    temperature, variance = settings.get("temperature", 1.0), settings.get("variance", "posterior")
    schedule = objectives.schedule(network_settings["denoiser"])

    def sample(condition: Condition, noise: Noise) -> tuple[Tensor, int]:
        def denoise(x: Tensor, step: int) -> Tensor:
            return networks["denoiser"](x, torch.full((len(x),), step, device=x.device), condition)

        mask = condition.mask
        x = noise(mask)
        return ancestral(denoise, x, schedule, mask=mask, temperature=temperature, variance=variance, noise=noise)

    return sample


def _check(kind: object, settings: dict, networks: dict) -> None:
    if kind not in ROLES:
        raise UserError(f"sampler.kind is {kind!r}\n  allowed: {', '.join(ROLES)}")
    for key, value in settings.items():
        if key != "kind" and key not in SETTINGS[kind]:
            raise UserError(
                f"the sampler {kind} has no setting '{key}' (given: {value!r})\n"
                f"  it has: {', '.join(SETTINGS[kind]) or 'none'}"
            )
    temperature, variance = settings.get("temperature", 1.0), settings.get("variance", "posterior")
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not 0 <= temperature < float("inf"):
        raise UserError(f"sampler.temperature is {temperature!r}\n  allowed: a number from 0")
    if variance not in VARIANCES:
        raise UserError(f"sampler.variance is {variance!r}\n  allowed: {', '.join(VARIANCES)}")
    if set(networks) != set(ROLES[kind]):
        raise UserError(
            f"the sampler {kind} needs networks for the roles: {', '.join(ROLES[kind]) or 'none'}\n"
            f"  given: {', '.join(networks) or 'none'}"
        )
