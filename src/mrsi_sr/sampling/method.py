"""A method: a row of a table, made of a sampler and the trained networks that it uses."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from mrsi_sr import samplers
from mrsi_sr.cli import UserError
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.sampling.conditioned import conditioned_on
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.method import (
    MethodSettings,
    check_chain,
    check_needs,
    check_role,
    check_sizes_covered,
    size_of_role,
)
from mrsi_sr.settings.network import NetworkSettings, reads_neighbours
from mrsi_sr.training.trained import check_same_scale, load_network


class Method:
    """A sampler with its networks, ready on the device."""

    def __init__(
        self, name: str, settings: MethodSettings, network_settings: dict[str, NetworkSettings],
        weights: dict[str, Path], *, fold: int, protocol: str, sizes: Sequence[int], device: torch.device,
        batch_size: int, low_resolution: str = "masked",
    ):  # fmt: skip
        """Build the networks of every role and load their weights. network_settings, weights: by role.

        batch_size: number of maps sampled at a time; the maps do not depend on it. low_resolution: maps, masked or
        filled, that the measured ones are made of.
        Raises UserError when a role lacks settings or weights or has learned something else than the sampler needs, and
        when weights are of other settings, fold, protocol or low resolution, or of training participants that differ
        between roles.
        """
        self.name, self.settings, self.device, self.batch_size = name, settings, device, batch_size
        self.points = settings.points
        self.neighbours = any(map(reads_neighbours, network_settings.values()))
        self._check(network_settings, weights, sizes)
        self._of_network = {key: getattr(network_settings["network"], key) for key in settings.sampler.of_network}
        loaded = {
            role: load_network(
                role, path, network_settings[role], fold=fold, protocol=protocol, low_resolution=low_resolution,
                sizes=[size_of_role(role)] if size_of_role(role) else sizes, device=device,
            )
            for role, path in weights.items()
        }  # fmt: skip
        by_name = {settings.networks[role]: each.parameters for role, each in loaded.items()}
        self.parameters = sum(by_name.values())  # a network of several roles counts once
        self.metabolites = {role: each.metabolites for role, each in loaded.items()}  # that it was trained on
        check_same_scale({f"the weights of {role}": each.factors for role, each in loaded.items()})
        self.factors = next((each.factors for each in loaded.values()), None)
        self._check_conditioned()
        self.networks = {role: each.network for role, each in loaded.items()}
        if "denoiser" in loaded:  # imported by name: chains are part of the code of their own samplers' methods alone
            denoiser = import_module("mrsi_sr.samplers.denoiser").Denoiser
            self.networks["denoiser"] = denoiser.trained(loaded["denoiser"].network, network_settings["denoiser"])

    def __call__(self, condition: Condition, noise, point: str = "") -> tuple[Tensor, int]:
        """Super-resolve a batch: maps [B, 1, H, W] in the condition's scale, and the number of network evaluations.

        noise(x): standard normal noise of x's shape, type and device. point: of the sweep, where the method has one.
        Of a method with several draws, the maps are the means of as many that are drawn one after the other. In
        protocol 'paper' each is clipped to the range that is meant, as published.
        """
        sampler = self.points[point]
        named = sampler.conditioned_metabolite
        metabolite = None if named is None else next(iter(self.metabolites.values())).index(named)
        condition = conditioned_on(condition, sampler.conditioned_size, metabolite)
        draw, total, evaluations = samplers.sampler_of(sampler.kind), 0, 0
        for _ in range(self.settings.draws):
            maps, own = draw(self.networks, condition, noise, **sampler.own, **self._of_network)
            maps = maps.float()
            total += maps.clamp(0, condition.ceiling) if condition.truncation.protocol == "paper" else maps
            evaluations += own
        return total / self.settings.draws, evaluations

    def factors_for(self, slices: ParticipantSlices) -> ScaleFactors:
        """The factors that scale a participant's maps, on the device.

        Raises UserError unless the maps have the metabolites, in order, and the frame that the networks were trained
        on.
        """
        for role, trained_on in self.metabolites.items():
            if list(slices.metabolites) != trained_on:
                raise UserError(
                    f"{slices.participant} has the metabolites {listed(slices.metabolites)}, but the weights of {role} "
                    f"were trained on {listed(trained_on)}\n  make the slices with those metabolites"
                )
        frame = slices.maps.shape[-1]
        factors = self.factors or ScaleFactors.ones(frame, len(slices.metabolites))
        if factors.frame != frame:
            raise UserError(
                f"{slices.participant} has maps of {frame}x{frame} voxels, but the weights were trained on "
                f"{factors.frame}x{factors.frame}\n  make the slices with slices.frame: {factors.frame}"
            )
        return factors.to(self.device)

    def _check_conditioned(self) -> None:
        """Raise UserError where a sampler conditions networks on a metabolite that they do not know."""
        for sampler in self.points.values():
            named = sampler.conditioned_metabolite
            for role, known in self.metabolites.items():
                if named is not None and named not in known:
                    raise UserError(
                        f"the sampler of {self.name} conditions on the metabolite {named}, but the weights of {role}"
                        f" were trained on {listed(known)}\n  choose one of these"
                    )

    def _check(self, network_settings: dict, weights: dict, sizes: Sequence[int]) -> None:
        """Raise UserError unless every role has settings and weights, and its network fits the sampler."""
        settings, where = self.settings, f"the method {self.name}"
        for given, flag in ((network_settings, "--network-settings"), (weights, "--weights")):
            if set(given) != set(settings.networks):
                raise UserError(
                    f"{flag} names the roles {listed(given)}, but {where} has networks for {listed(settings.networks)}"
                )
        for role, network in network_settings.items():
            check_role(settings.sampler, role, network, f"--network-settings.{role}")
        check_chain(settings.sampler, network_settings, where)
        check_needs(settings, network_settings, where)
        check_sizes_covered(settings, sizes, where)
