"""How a method makes a map: functions that return the images and the number of network evaluations (NFE), by name.

| sampler | networks by role | NFE |
|---|---|---|
| zero_filled | none | 0 |
| single_pass | network: condition -> map; or one for each low-resolution size: size_8, size_10, .. | 1 |
| ancestral | denoiser: noisy map, step, condition -> noise | T |
| respaced | denoiser | steps |
| dpm_solver | denoiser | steps + 1 |
| tdpm | generator: noise, step, condition -> map at the truncation point; denoiser of the truncated chain | 1 + chain |
| ftddm | flow: condition, noise -> map at the truncation point; denoiser of the truncated chain | 1 + chain |
| flow | flow: condition, noise -> map; it may be told a super_resolver's map | 1 |

A truncated chain takes T_trunc evaluations, or steps + 1 with dpm_solver. Settings are in
workflow/schemas/sampler-KIND.schema.yaml.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr import objectives
from mrsi_sr.maps.condition import Condition
from mrsi_sr.objectives.adversarial import generated
from mrsi_sr.samplers.ancestral import ancestral
from mrsi_sr.samplers.direct import single_pass, zero_filled
from mrsi_sr.samplers.dpm_solver import dpm_solver
from mrsi_sr.samplers.flow import flow, shared_context
from mrsi_sr.samplers.respaced import respaced
from mrsi_sr.samplers.truncated import ftddm, tdpm

Noise = Callable[[Tensor], Tensor]
Sampler = Callable[[Condition, Noise], tuple[Tensor, int]]


def build(settings: dict, networks: dict[str, nn.Module], network_settings: dict[str, dict]) -> Sampler:
    """A sampler as sampler(condition, noise) -> (images [B, 1, H, W], NFE).

    settings: `kind` and that sampler's own, complete, as method_settings returns them. networks and network_settings:
    by role; a denoiser's settings say which chain it has learned. noise(x) draws standard normal noise of x's shape,
    type and device.
    """
    chain = Chain(settings, networks["denoiser"], network_settings["denoiser"]) if "denoiser" in networks else None
    return KINDS[settings["kind"]](settings, networks, chain)


WALKS = {
    "ancestral": (ancestral, ["temperature", "variance"]),
    "respaced": (respaced, ["steps", "temperature", "variance"]),
    "dpm_solver": (dpm_solver, ["steps", "spacing"]),
}


class Chain:
    """A denoiser with the chain that it has learned, whole or truncated, and how a sampler's settings walk it down."""

    def __init__(self, settings: dict, network: nn.Module, network_settings: dict):
        self.network, self.schedule = network, objectives.schedule(network_settings)
        self.settings, self.solver = settings, settings.get("solver", settings["kind"])

    def descend(self, x: Tensor, condition: Condition, noise: Noise) -> tuple[Tensor, int]:
        """From a draw x [B, 1, H, W] at the chain's last step to the map, and the denoiser's evaluations."""
        walk, names = WALKS[self.solver]
        options = {name: self.settings[name] for name in names}
        if self.solver != "dpm_solver":  # the others add noise on their way
            options["noise"] = noise
        return walk(self._denoiser(condition), x, self.schedule, mask=condition.mask, **options)

    def _denoiser(self, condition: Condition) -> Callable[[Tensor, int], Tensor]:
        clip = self.settings.get("clip")

        def denoise(x: Tensor, step: int) -> Tensor:
            noise = self.network(x, torch.full((len(x),), step, device=x.device), condition)
            if clip is None:
                return noise
            return self.schedule.noise(x, self.schedule.clean(x, noise, step).clamp(*clip), step)

        return denoise


def _from_noise(_settings: dict, _networks: dict, chain: Chain) -> Sampler:
    return lambda condition, noise: chain.descend(noise(condition.mask), condition, noise)


def _tdpm(_settings: dict, networks: dict, chain: Chain) -> Sampler:
    def sample(condition: Condition, noise: Noise) -> tuple[Tensor, int]:
        def generate(z: Tensor) -> Tensor:
            return generated(networks["generator"], z, condition, chain.schedule.steps - 1)

        return tdpm(generate, lambda x: chain.descend(x, condition, noise), mask=condition.mask, noise=noise)

    return sample


def _ftddm(settings: dict, networks: dict, chain: Chain) -> Sampler:
    def sample(condition: Condition, noise: Noise) -> tuple[Tensor, int]:
        context = shared_context(networks["flow"], condition)
        options = {"flow_temperature": settings["flow_temperature"], "mask": condition.mask, "noise": noise}
        return ftddm(networks["flow"], context, lambda x: chain.descend(x, condition, noise), **options)

    return sample


def _flow(settings: dict, networks: dict, _chain: None) -> Sampler:
    options = {"temperature": settings["temperature"], "super_resolver": networks.get("super_resolver")}
    return lambda condition, noise: flow(networks["flow"], condition, noise=noise, **options)


def _single_pass(settings: dict, networks: dict, _chain: None) -> Sampler:
    return lambda condition, noise: single_pass(networks, condition, settings.get("adversarial_weight"))


KINDS: dict[str, Callable[[dict, dict, Chain | None], Sampler]] = {
    "zero_filled": lambda *_: lambda condition, noise: zero_filled(condition),
    "single_pass": _single_pass,
    "ancestral": _from_noise,
    "respaced": _from_noise,
    "dpm_solver": _from_noise,
    "tdpm": _tdpm,
    "ftddm": _ftddm,
    "flow": _flow,
}
