"""The networks by name: built from settings, their parameters counted.

| architecture | maps | settings |
|---|---|---|
| munet | condition -> map | workflow/schemas/architecture-munet.schema.yaml |
| denoising_unet | noisy map, step, condition -> noise | workflow/schemas/architecture-denoising_unet.schema.yaml |
| flow | condition, and an image or latents -> log-density, or image | workflow/schemas/architecture-flow.schema.yaml |
"""

from torch import nn

from mrsi_sr.networks.denoising_unet import DenoisingUNet
from mrsi_sr.networks.flow import Flow
from mrsi_sr.networks.munet import MUNet
from mrsi_sr.settings.old_base import schema

ARCHITECTURES: dict[str, type[nn.Module]] = {"munet": MUNet, "denoising_unet": DenoisingUNet, "flow": Flow}


def build(settings: dict) -> nn.Module:
    """Build a network, randomly initialised, from its `architecture` and the keys of that one.

    settings: complete, as network_settings.resolve_network returns them; the other keys say how it is trained.
    """
    name = settings["architecture"]
    return ARCHITECTURES[name](**{key: settings[key] for key in schema(f"architecture-{name}")["properties"]})


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
