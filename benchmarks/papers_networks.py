"""Networks and methods of the papers' configuration for benchmarks, and small ones of the same kinds for rehearsals."""

from pathlib import Path

import torch

from mrsi_sr import devices, networks
from mrsi_sr.samplers import sampler_of
from mrsi_sr.samplers.denoiser import Denoiser
from mrsi_sr.settings.network import NetworkSettings, network_settings
from mrsi_sr.workflow.configuration import Configuration

PAPERS = Path(__file__).parents[1] / "config" / "config.yaml"
# Settings by architecture that make a network small enough for a rehearsal on a CPU.
TOY = {
    "munet": {"channels": 2},
    "denoising_unet": {"channels": [8, 16], "residual_blocks": 1, "attention_at": [], "heads": 2},
    "flow": {"features": 8, "steps": 2},
}
TOY_CRITIC = {"critic_channels": 2}


def configuration() -> Configuration:
    """The papers' configuration."""
    return Configuration.read(PAPERS)


def settings_of(papers: Configuration, name: str, *, toy: bool, **changes) -> NetworkSettings:
    """Settings of a network of the papers, or of a small one of its kind; changes: further settings."""
    own = papers.network(name, None).plain()
    if toy:
        changes |= TOY[own["architecture"]] | (TOY_CRITIC if own["objective"] == "adversarial" else {})
    return network_settings(own | changes)


class PapersMethod:
    """A method of the papers' configuration with given weights, or random ones: time does not depend on them."""

    def __init__(
        self, papers: Configuration, name: str, device: torch.device, *, toy: bool = False,
        weights: dict[str, dict] | None = None,
    ):  # fmt: skip
        """weights: state dictionaries by the network's name."""
        self.name, self.device, self.factors = name, device, None
        self.settings = papers.method(name)
        self.networks = {}
        for role, network in self.settings.networks.items():
            settings = settings_of(papers, network, toy=toy)
            built = networks.build(settings)
            if weights is not None:
                built.load_state_dict(weights[network])
            ready = devices.fast(devices.place(built, device).eval().requires_grad_(False), device)
            self.networks[role] = Denoiser.trained(ready, settings) if role == "denoiser" else ready

    def __call__(self, condition, noise):
        """Maps [B, 1, H, W] in the condition's scale, and the number of network evaluations."""
        sampler = self.settings.sampler
        return sampler_of(sampler.kind)(self.networks, condition, noise, **sampler.own)
