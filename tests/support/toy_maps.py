"""Small random maps, conditions and batches for the tests of networks and of what uses them."""

from types import SimpleNamespace

import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.settings.old_base import check


def architecture(name: str, **settings) -> dict:
    """What networks.build needs of a network's settings, the rest as the schema says."""
    return {"architecture": name} | check(f"architecture-{name}", settings)


def objective(name: str, **settings) -> dict:
    """What objectives.build needs of a network's settings, the rest as the schema says."""
    return {"objective": name} | check(f"objective-{name}", settings)


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
