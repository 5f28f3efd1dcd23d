"""Training of one network on one fold."""

from collections.abc import Iterable

from mrsi_sr import networks, objectives
from mrsi_sr.results.code import code_of
from mrsi_sr.settings.network import NetworkSettings


def code(settings: NetworkSettings, needed: Iterable[NetworkSettings] = ()) -> dict[str, str]:
    """The code that can change a network's weights: training, its architecture and objective, and what they import.

    needed: settings of the networks that its training needs, whose architectures it evaluates.
    """
    architectures = {each.architecture for each in (settings, *needed)}
    return code_of(
        "mrsi_sr.training.fold",
        objectives.module_of(settings.objective),
        *map(networks.module_of, sorted(architectures)),
    )
