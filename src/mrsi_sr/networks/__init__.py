"""Networks by architecture: built from settings, their parameters counted.

The class of an architecture NAME is in the module NAME of this package, and has the name of its settings' class in
settings/architecture.py. It is imported when a network is built, and named nowhere else: a changed architecture is part
of the code of its own networks alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.network import NetworkSettings

if TYPE_CHECKING:
    from torch import nn


def module_of(architecture: str) -> str:
    """Dotted name of an architecture's module, such as mrsi_sr.networks.flow."""
    return f"{__name__}.{architecture}"


def build(settings: NetworkSettings) -> "nn.Module":
    """A network, randomly initialised; its arguments are the settings of its architecture."""
    own = ARCHITECTURES[settings.architecture]
    network = getattr(import_module(module_of(settings.architecture)), own.__name__)
    return network(**{key: getattr(settings, key) for key in own.model_fields})


def count_parameters(network: "nn.Module") -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
