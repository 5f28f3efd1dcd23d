"""The networks by name: built from settings, their parameters counted.

| architecture | maps | settings |
|---|---|---|
| munet | condition -> map | munet.SETTINGS |
| denoising_unet | noisy map, step, condition -> noise | denoising_unet.SETTINGS |
"""

from torch import nn

from mrsi_sr.cli import UserError
from mrsi_sr.networks import denoising_unet, munet
from mrsi_sr.networks.settings import Setting, resolve

ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Setting]]] = {
    "munet": (munet.MUNet, munet.SETTINGS),
    "denoising_unet": (denoising_unet.DenoisingUNet, denoising_unet.SETTINGS),
}


def build(settings: dict) -> nn.Module:
    """Build a network, randomly initialised, from `architecture` and that architecture's own settings.

    Raises UserError, naming the key, the value and what is allowed, for an unknown architecture, key or value.
    """
    network, known = _architecture(settings)
    own = {key: value for key, value in settings.items() if key != "architecture"}
    return network(**resolve(settings["architecture"], own, known))


def own_settings(settings: dict) -> dict:
    """Of a trained network's settings, those that `build` takes; the others say how it is trained."""
    _, known = _architecture(settings)
    return {key: value for key, value in settings.items() if key == "architecture" or key in known}


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def _architecture(settings: dict) -> tuple[type[nn.Module], dict[str, Setting]]:
    name = settings.get("architecture")
    if name not in ARCHITECTURES:
        raise UserError(f"architecture is {name!r}\n  allowed: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
