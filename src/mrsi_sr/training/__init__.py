"""Training of one network on one fold."""

from collections.abc import Iterable

from mrsi_sr import networks
from mrsi_sr.results.code import code_of
from mrsi_sr.settings.network import NetworkSettings


def code(
    settings: NetworkSettings, needed: Iterable[NetworkSettings] = (), low_resolution: str = "masked"
) -> dict[str, str]:
    """Code that can change a network's weights: training, its architecture and objective, and what they import.

    needed: settings of the networks that its training needs, whose architectures it evaluates. low_resolution: maps
    that low-resolution ones are made of, masked or filled, or refitted scans.
    """
    architectures = (networks.module_of(each.architecture) for each in (settings, *needed))
    by_name = {"filled": ["mrsi_sr.scan.holes"], "refitted": ["mrsi_sr.maps.refitted"]}.get(low_resolution, [])
    # Not by objectives.module_of: sampling imports this package too, and no objective is part of its code.
    return code_of("mrsi_sr.training.fold", f"mrsi_sr.objectives.{settings.objective}", *architectures, *by_name)
