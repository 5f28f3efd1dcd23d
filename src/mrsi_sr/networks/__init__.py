"""Networks by architecture: built from settings, their parameters counted.

| architecture | computes |
|---|---|
| munet | condition -> map |
| denoising_unet | noisy map, step, condition -> noise |
| flow | condition, and an image or latents -> log-density, or image |

Their settings are in settings/architecture.py. A module is imported when a network is built from it, so that planning a
workflow needs no torch, and a changed architecture is part of the code of its own networks alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.network import NetworkSettings

if TYPE_CHECKING:
    from torch import nn

CLASSES = {
    "munet": ("munet", "MUNet"),
    "denoising_unet": ("denoising_unet", "DenoisingUNet"),
    "flow": ("flow", "Flow"),
}  # architecture -> module in this package, class


def module_of(architecture: str) -> str:
    """The dotted name of an architecture's module, such as mrsi_sr.networks.flow."""
    return f"{__name__}.{CLASSES[architecture][0]}"


def build(settings: NetworkSettings) -> "nn.Module":
    """Build a network of settings.architecture, randomly initialised; its arguments are that architecture's settings."""
    network = getattr(import_module(module_of(settings.architecture)), CLASSES[settings.architecture][1])
    return network(**{key: getattr(settings, key) for key in ARCHITECTURES[settings.architecture].model_fields})


def count_parameters(network: "nn.Module") -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
