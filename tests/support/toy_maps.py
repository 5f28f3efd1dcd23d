"""Small random maps, conditions and batches for the tests of networks and of what uses them."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers import sampler_of
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.network import NetworkSettings, network_settings
from mrsi_sr.settings.sampler import SAMPLERS


def toy_network(architecture: str, objective: str, **settings) -> NetworkSettings:
    """Settings of a network; those that are not given are at their defaults."""
    trained = {"iterations": 1, "batch_size": 1, "learning_rate": 1e-3}
    return network_settings({"architecture": architecture, "objective": objective} | trained | settings)


def architecture(name: str, **settings) -> NetworkSettings:
    """Settings of a network of this architecture, with an objective that it can learn."""
    return toy_network(name, "adversarial" if settings.get("sharpness") else ARCHITECTURES[name].learns[0], **settings)


def objective(name: str, **settings) -> NetworkSettings:
    """Settings of a network with this objective, of an architecture that can learn it."""
    fitting = [each for each, settings in ARCHITECTURES.items() if name in settings.learns]
    return toy_network(fitting[-1 if settings.get("truncation") else 0], name, **settings)


def toy_sampler(kind: str, networks: dict, **settings) -> Callable:
    """A sampler with its networks by role; settings that are not given are at their defaults.

    What it takes of its network's training is 0.1 where it is not given.
    """
    learned = {key: settings.pop(key, 0.1) for key in SAMPLERS[kind].of_network}
    return partial(sampler_of(kind), networks, **SAMPLERS[kind].of(kind=kind, **settings).own, **learned)


def toy_batch(number: int = 3, grid: int = 32, protocol: str = "clean", sizes=(8, 10, 16), seed: int = 0):
    """A batch of maps on grid x grid with values in [0, 1], zero outside a disc, each truncated at a size in turn."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, grid)
    disc = (axis[:, None] ** 2 + axis[None, :] ** 2 < 0.8).float().expand(number, 1, grid, grid)
    target = torch.rand(number, 1, grid, grid, generator=generator) * disc
    truncation = Truncation(protocol, grid)
    size = torch.tensor([sizes[index % len(sizes)] for index in range(number)])
    kspace = truncation.measure(target, size)
    t1, flair = torch.rand(2, number, 3, 3 * grid, 3 * grid, generator=generator)
    metabolite = torch.arange(number) % 7
    condition = Condition(truncation.image(kspace), kspace, truncation, disc, t1, flair, size, metabolite)
    return SimpleNamespace(target=target, condition=condition)


def noise_of(maps):
    """Function that draws standard normal noise for a batch of these maps, each from a generator of its own."""
    generators = [torch.Generator().manual_seed(index) for index in maps]
    return lambda x: torch.stack([torch.randn(x.shape[1:], generator=generator) for generator in generators])
