"""A method: a row of a table, made of a sampler and the trained networks that it uses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mrsi_sr import devices, networks, samplers
from mrsi_sr.checkpoints import Weights
from mrsi_sr.cli import UserError, log
from mrsi_sr.conditions import Condition
from mrsi_sr.settings import check_number


@dataclass(frozen=True)
class MethodSettings:
    """A row of a table.

    | key | meaning | allowed | default |
    |---|---|---|---|
    | name, label | in file names and in tables | words | required |
    | sampler | {kind: ..., its own settings}, see samplers | a sampler | required |
    | networks | {role: network}, the roles that the sampler needs | | {} |
    | weights | of best validation loss, or of the end of training | best, last | best |
    | samples | drawn for each map and size | integer >= 1 | 1 |
    | seed | of the noise | integer >= 0 | 1 |
    | batch_size | maps at a time; the maps do not depend on it | integer >= 1 | 64 |
    """

    name: str = ""
    label: str = ""
    sampler: dict = field(default_factory=dict)
    networks: dict = field(default_factory=dict)
    weights: str = "best"
    samples: int = 1
    seed: int = 1
    batch_size: int = 64

    def __post_init__(self):
        for key in ("name", "label", "sampler"):
            if not getattr(self, key):
                raise UserError(f"the method's settings lack {key}\n  expected at least name, label and sampler")
        check_number("samples", self.samples, 1, whole=True)
        check_number("seed", self.seed, 0, whole=True)
        check_number("batch_size", self.batch_size, 1, whole=True)
        if self.weights not in ("best", "last"):
            raise UserError(f"weights is {json.dumps(self.weights)}\n  allowed: best or last")
        for key in ("sampler", "networks"):
            if not isinstance(getattr(self, key), dict):
                raise UserError(f"{key} is {json.dumps(getattr(self, key))}\n  allowed: an object")


class Method:
    """A sampler with its networks, ready on the device."""

    def __init__(
        self, settings: MethodSettings, network_settings: dict[str, dict], weights: dict[str, Path], *, fold: int,
        protocol: str, sizes: Sequence[int], device: torch.device,
    ):  # fmt: skip
        """Build the networks of every role and load their weights.

        Raises UserError when a role lacks settings or weights, and when weights are of other settings, fold, protocol.
        """
        self.settings, self.device = settings, device
        for given, flag in ((network_settings, "--network-settings"), (weights, "--weights")):
            if set(given) != set(settings.networks):
                raise UserError(
                    f"{flag} names the roles {_listed(given)}, but the method {settings.name} has networks for "
                    f"{_listed(settings.networks)}"
                )
        self.metabolites: dict[str, list[str]] = {}  # that each role's network was trained on
        self.parameters = 0
        loaded = {}
        for role, path in weights.items():
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
                    f"{participant} has the metabolites {_listed(metabolites)}, but the weights of {role} were "
                    f"trained on {_listed(trained_on)}\n  make the slices with those metabolites"
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
        log.warning("the network of %s was not trained on low-resolution sizes %s", role, _listed(new))


def _listed(names) -> str:
    return ", ".join(str(name) for name in names) or "nothing"
