"""Trained networks, loaded to be used: by a method, or by the training of a network that needs them first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mrsi_sr import devices, networks
from mrsi_sr.cli import UserError, log
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.settings.old_base import listed


@dataclass(frozen=True)
class Trained:
    """A network with its weights, frozen, on the device and in its arithmetic; metabolites: it was trained on."""

    network: nn.Module
    parameters: int
    metabolites: list[str]


def load(
    role: str, path: Path, settings: dict, *, fold: int, protocol: str, sizes: Sequence[int], device: torch.device
) -> Trained:
    """Build the network of a role and load its weights.

    settings: complete. Logs when it was not trained on one of the sizes.
    Raises UserError when the weights are of other settings, another fold or another protocol.
    """
    held = Weights.load(path)
    _check_same(path, held, settings, fold, protocol)
    new = [size for size in sizes if size not in held.sizes]
    if new:
        log.warning("the network of %s was not trained on low-resolution sizes %s", role, listed(new))
    network = networks.build(held.settings)
    held.load_into(network, path)
    parameters = networks.count_parameters(network)
    network = devices.place(network, device).eval().requires_grad_(False)
    return Trained(devices.fast(network, device), parameters, held.metabolites)


def paths_of(flag: str, words: list[str]) -> dict[str, Path]:
    """{role: path} from a flag's ROLE=PATH words. Raises UserError for another form, or a role given twice."""
    paths: dict[str, Path] = {}
    for word in words:
        role, equals, path = word.partition("=")
        if not (role and equals and path) or role in paths:
            raise UserError(f"{flag} {word}: expected ROLE=PATH, each role once, like network=a.safetensors")
        paths[role] = Path(path)
    return paths


def _check_same(path: Path, held: Weights, settings: dict, fold: int, protocol: str) -> None:
    """Raise UserError unless the weights were trained with these settings, on this fold, in this protocol."""
    for what, there, here in (("fold", held.fold, fold), ("protocol", held.protocol, protocol)):
        if there != here:
            raise UserError(f"{path} was trained on {what} {there}, but {what} {here} is to be used")
    keys = sorted(set(held.settings) | set(settings))
    different = [key for key in keys if held.settings.get(key) != settings.get(key)]
    if different:
        listed = "; ".join(f"{key}: {held.settings.get(key)} there, {settings.get(key)} here" for key in different)
        raise UserError(f"{path} was trained with other settings: {listed}\n  train again, or give the settings it has")
