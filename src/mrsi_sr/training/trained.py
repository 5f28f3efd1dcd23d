"""Trained networks, loaded for use: by a method, or by the training of a network that needs them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mrsi_sr import devices, networks
from mrsi_sr.cli import UserError, log
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.network import NetworkSettings


@dataclass(frozen=True)
class LoadedNetwork:
    """A trained network, frozen, on the device and in its arithmetic.

    metabolites, factors: of the maps that it was trained on; factors: None in protocol 'paper'.
    """

    network: nn.Module
    parameters: int
    metabolites: list[str]
    factors: ScaleFactors | None


def load_network(
    role: str, path: Path, settings: NetworkSettings, *, fold: int, protocol: str, sizes: Sequence[int],
    device: torch.device, low_resolution: str = "masked",
) -> LoadedNetwork:  # fmt: skip
    """Build a network and load its weights. role: its name in the log, which warns of sizes that it was not trained on.

    low_resolution: maps, masked or filled, that low-resolution ones were made of, or refitted scans.
    Raises UserError when the weights are of other settings, another fold, protocol or low resolution.
    """
    weights = Weights.load(path)
    _check_same(path, weights, settings, fold=fold, protocol=protocol, low_resolution=low_resolution)
    new = [size for size in sizes if size not in weights.sizes]
    if new:
        log.warning("the network of %s was not trained on low-resolution sizes %s", role, listed(new))
    network = networks.build(settings)
    weights.load_into(network, path)
    parameters = networks.count_parameters(network)
    network = devices.place(network, device).eval().requires_grad_(False)
    return LoadedNetwork(devices.fast(network, device), parameters, weights.metabolites, _factors(path, weights))


def check_same_scale(factors: Mapping[str, ScaleFactors | None]) -> None:
    """Raise UserError unless all have the same factors, so that their maps have one scale. factors: by a name."""
    named = [(name, each and each.plain()) for name, each in factors.items()]
    for name, each in named[1:]:
        if each != named[0][1]:
            raise UserError(
                f"{named[0][0]} and {name} scale maps by different factors, learned from their training participants\n"
                "  train both on the same participants and slices"
            )


def _factors(path: Path, weights: Weights) -> ScaleFactors | None:
    """The factors that a network was trained with. Raises UserError where the file lacks those of its protocol."""
    table, metabolites = weights.scale_factors, weights.metabolites
    if weights.protocol == "paper":
        return None
    rows = (len(row) == len(metabolites) and all(0 < value < math.inf for value in row) for row in table or [])
    if not table or not all(rows):
        raise UserError(f"{path} lacks scale factors of {listed(metabolites)}\n  train the network again: train.py")
    return ScaleFactors(torch.tensor(table, dtype=torch.float64))


def _check_same(path: Path, weights: Weights, settings: NetworkSettings, **facts) -> None:
    """Raise UserError unless the weights were trained with these settings, and on this fold, protocol and so on."""
    for key, wanted in facts.items():
        what, trained_on = key.replace("_", " "), getattr(weights, key)
        if trained_on != wanted:
            raise UserError(f"{path} was trained on {what} {trained_on}, but {what} {wanted} is to be used")
    before, now = weights.settings, settings.plain()
    different = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if different:
        words = "; ".join(f"{key}: {before.get(key)} there, {now.get(key)} here" for key in different)
        raise UserError(f"{path} was trained with other settings: {words}\n  train again, or give the settings it has")
