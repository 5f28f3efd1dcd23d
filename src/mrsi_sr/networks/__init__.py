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
    """Build a network, randomly initialised, from a network's settings: `architecture` and the keys of that one.

    Keys of no architecture say how the network is trained, and are checked there. Raises UserError, naming the key, the
    value and what is allowed, for an unknown architecture, a key of another architecture, or a value out of range.
    """
    name = settings.get("architecture")
    if name not in ARCHITECTURES:
        raise UserError(f"architecture is {name!r}\n  allowed: {', '.join(ARCHITECTURES)}")
    network, known = ARCHITECTURES[name]
    of_any = {key for _, keys in ARCHITECTURES.values() for key in keys}
    return network(**resolve(name, {key: value for key, value in settings.items() if key in of_any}, known))


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
