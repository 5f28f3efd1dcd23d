"""A method: a row of a table, made of a sampler and the trained networks that it uses."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mrsi_sr import devices, networks, samplers
from mrsi_sr.checkpoints import Weights
from mrsi_sr.cli import UserError, log
from mrsi_sr.conditions import Condition
from mrsi_sr.method_settings import MethodSettings, check_role
from mrsi_sr.settings import listed


class Method:
    """A sampler with its networks, ready on the device."""

    def __init__(
        self, name: str, settings: MethodSettings, network_settings: dict[str, dict], weights: dict[str, Path], *,
        fold: int, protocol: str, sizes: Sequence[int], device: torch.device,
    ):  # fmt: skip
        """Build the networks of every role and load their weights. network_settings: complete, by role.

        Raises UserError when a role lacks settings or weights or has learned something else than the sampler needs, and
        when weights are of other settings, fold, protocol.
        """
        self.name, self.settings, self.device = name, settings, device
        for given, flag in ((network_settings, "--network-settings"), (weights, "--weights")):
            if set(given) != set(settings.networks):
                raise UserError(
                    f"{flag} names the roles {listed(given)}, but the method {name} has networks for "
                    f"{listed(settings.networks)}"
                )
        self.metabolites: dict[str, list[str]] = {}  # that each role's network was trained on
        self.parameters = 0
        loaded = {}
        for role, path in weights.items():
            check_role(settings.sampler, role, network_settings[role], f"--network-settings.{role}")
            held = Weights.load(path)
            _check_same(path, held, network_settings[role], fold, protocol)
            _warn_of_new_sizes(role, held, sizes)
            network = networks.build(held.settings)
            held.load_into(network, path)
            self.parameters += networks.count_parameters(network)
            self.metabolites[role] = held.metabolites
            network = devices.place(network, device).eval().requires_grad_(False)
            loaded[role] = devices.fast(network, device)
        self.sampler = samplers.build(settings.sampler, loaded, network_settings)

    def check_metabolites(self, participant: str, metabolites: Sequence[str]) -> None:
        """Raise UserError unless the participant has the metabolites that the networks were trained on, in order."""
        for role, trained_on in self.metabolites.items():
            if list(metabolites) != trained_on:
                raise UserError(
                    f"{participant} has the metabolites {listed(metabolites)}, but the weights of {role} were "
                    f"trained on {listed(trained_on)}\n  make the slices with those metabolites"
                )

    def __call__(self, condition: Condition, noise) -> tuple[Tensor, int]:
        """Super-resolve a batch: maps [B, 1, H, W] in the condition's scale, and the number of network evaluations."""
        return self.sampler(condition, noise)


def _check_same(path: Path, held: Weights, settings: dict, fold: int, protocol: str) -> None:
    """Raise UserError unless the weights were trained with these settings, on this fold, in this protocol."""
    for what, there, here in (("fold", held.fold, fold), ("protocol", held.protocol, protocol)):
        if there != here:
            raise UserError(f"{path} was trained on {what} {there}, but {what} {here} is to be sampled")
    keys = sorted(set(held.settings) | set(settings))
    different = [key for key in keys if held.settings.get(key) != settings.get(key)]
    if different:
        listed = "; ".join(f"{key}: {held.settings.get(key)} there, {settings.get(key)} here" for key in different)
        raise UserError(f"{path} was trained with other settings: {listed}\n  train again, or give the settings it has")


def _warn_of_new_sizes(role: str, held: Weights, sizes: Sequence[int]) -> None:
    new = [size for size in sizes if size not in held.sizes]
    if new:
        log.warning("the network of %s was not trained on low-resolution sizes %s", role, listed(new))
