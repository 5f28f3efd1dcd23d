"""Networks and methods of the papers and of our own study at toy size: narrow, short and soon trained."""

from pathlib import Path

import torch
from tiny_cohort import METABOLITES

from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.results.checkpoint import Checkpoint, Weights
from mrsi_sr.sampling.method import Method
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings, reads_neighbours
from mrsi_sr.training.loop import TrainingResult, train
from mrsi_sr.training.trained import load_network
from mrsi_sr.workflow.configuration import Configuration

REPOSITORY = Path(__file__).parents[2]
STUDIES = Configuration.read(REPOSITORY / "config" / "own_method.yaml")  # a layer over papers.yaml
CPU = torch.device("cpu")
SHORTER = 10  # truncations and samplers' steps of 100, 50, 20 and 10 become 10, 5, 2 and 1
SMALL = {
    "batch_size": 2, "iterations": 2, "epochs": None, "validate_every": None, "critic_channels": 2, "critic_steps": 2,
    "diffusion_steps": 25, "metabolites": len(METABOLITES), "steps": 1,
}  # fmt: skip


def network_settings(name: str, changes: dict[str, dict] | None = None) -> NetworkSettings:
    """The settings of one of the networks at toy size, changed by architecture, then objective."""
    settings = STUDIES.network(name, fold=1)
    small = {key: value for key, value in SMALL.items() if key in type(settings).model_fields}
    if settings.architecture == "munet":
        small["channels"] = settings.channels // 8
    elif settings.architecture in ("denoising_unet", "unet"):
        small |= {"channels": [8] * len(settings.channels), "residual_blocks": 1}
    else:
        small["features"] = max(settings.features // 32, 2)
    if getattr(settings, "truncation", None):
        small["truncation"] = settings.truncation // SHORTER
    for kind in (settings.architecture, settings.objective):
        small |= (changes or {}).get(kind, {})
    return settings | small


def method_settings(name: str) -> MethodSettings:
    """The settings of one of the methods, for networks at toy size, with two points and samples at most."""
    method = STUDIES.method(name)
    method |= {"samples": min(method.samples, 2), "subset": {}}
    if method.sweep is not None:
        values = list(METABOLITES) if method.sweep.key == "conditioned_metabolite" else method.sweep.values[:2]
        method |= {"sweep": method.sweep.plain() | {"values": values}}
    if (getattr(method.sampler, "steps", None) or 0) < SHORTER:
        return method
    return method | {"sampler": method.sampler.plain() | {"steps": method.sampler.steps // SHORTER}}


class Trainer:
    """Trains networks, each once and those that it needs before it, and puts methods together from them."""

    def __init__(
        self, folder: Path, participants: list[ParticipantSlices], protocol: str, sizes: list[int],
        changes: dict[str, dict] | None = None,
    ):  # fmt: skip
        """participants: trained on and validated with. sizes: of networks that have none of their own.

        changes: of the networks' settings, by architecture and by objective.
        """
        self.changes = changes
        self.folder, self.participants, self.protocol, self.sizes = folder, participants, protocol, sizes
        self.results: dict[str, TrainingResult] = {}

    def settings(self, name: str) -> NetworkSettings:
        return network_settings(name, self.changes)

    def train(self, name: str) -> TrainingResult:
        """Train a network where it is not trained yet."""
        if name not in self.results:
            settings = self.settings(name)
            needed = {role: self._loaded(role, each) for role, each in settings.needs.items()}
            sizes = settings.sizes or self.sizes
            maps = MapsOnDevice(self.participants, self.protocol, sizes, neighbours=reads_neighbours(settings))
            result = train(
                settings, maps, maps, seed=1, checkpoint=Checkpoint(self.folder / f"{name}.checkpoint", "a"),
                checkpoint_every=1000, device=CPU, needed=needed,
            )  # fmt: skip
            factors = maps.factors and maps.factors.plain()
            facts = {"fold": 1, "protocol": self.protocol, "metabolites": list(METABOLITES), "sizes": sizes}
            facts["scale_factors"] = factors
            for kind, iteration in (("best", result.best_iteration), ("last", result.iterations)):
                weights = Weights(getattr(result, kind), settings.plain(), **facts, iteration=iteration)
                weights.save(self._path(name, kind))
            self.results[name] = result
        return self.results[name]

    def method(self, name: str, settings: MethodSettings, sizes: list[int]) -> Method:
        """A method of trained networks."""
        for network in settings.networks.values():
            self.train(network)
        return Method(
            name, settings, {role: self.settings(network) for role, network in settings.networks.items()},
            {role: self._path(network, settings.weights_of(role)) for role, network in settings.networks.items()},
            fold=1, protocol=self.protocol, sizes=sizes, device=CPU, batch_size=64,
        )  # fmt: skip

    def _loaded(self, role: str, name: str) -> torch.nn.Module:
        self.train(name)
        known = {"fold": 1, "protocol": self.protocol, "sizes": self.sizes, "device": CPU}
        return load_network(role, self._path(name, "best"), self.settings(name), **known).network

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}.{kind}.safetensors"
