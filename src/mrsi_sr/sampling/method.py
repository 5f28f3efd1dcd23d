"""A method: a row of a table, made of a sampler and the trained networks that it uses."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mrsi_sr import samplers
from mrsi_sr.cli import UserError
from mrsi_sr.diffusion.betas import check_chain
from mrsi_sr.maps.condition import Condition
from mrsi_sr.settings.old_base import default, listed
from mrsi_sr.settings.old_method import MethodSettings, check_needs, check_role, check_sizes, size_of_role
from mrsi_sr.training import trained


class Method:
    """A sampler with its networks, ready on the device."""

    def __init__(
        self, name: str, settings: MethodSettings, network_settings: dict[str, dict], weights: dict[str, Path], *,
        fold: int, protocol: str, sizes: Sequence[int], device: torch.device,
        batch_size: int = default("method-configured", "batch_size"),
    ):  # fmt: skip
        """Build the networks of every role and load their weights. network_settings: complete, by role.

        batch_size: maps sampled at a time.
        Raises UserError when a role lacks settings or weights or has learned something else than the sampler needs, and
        when weights are of other settings, fold, protocol.
        """
        self.name, self.settings, self.device, self.batch_size = name, settings, device, batch_size
        for given, flag in ((network_settings, "--network-settings"), (weights, "--weights")):
            if set(given) != set(settings.networks):
                raise UserError(
                    f"{flag} names the roles {listed(given)}, but the method {name} has networks for "
                    f"{listed(settings.networks)}"
                )
        check_chain(settings.sampler, network_settings, f"the method {name}")
        check_needs(settings.sampler, settings.networks, network_settings, f"the method {name}")
        check_sizes(settings.networks, sizes, f"the method {name}")
        self.metabolites: dict[str, list[str]] = {}  # that each role's network was trained on
        self.parameters = 0
        loaded = {}
        for role, path in weights.items():
            check_role(settings.sampler, role, network_settings[role], f"--network-settings.{role}")
            own = size_of_role(role)
            held = trained.load(
                role, path, network_settings[role], fold=fold, protocol=protocol, sizes=[own] if own else sizes,
                device=device,
            )  # fmt: skip
            self.parameters += held.parameters
            self.metabolites[role] = held.metabolites
            loaded[role] = held.network
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
