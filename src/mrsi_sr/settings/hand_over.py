"""Description of networks that are handed over: the settings of hand_over.py, and the content of networks.json."""

from typing import Annotated, Any

from pydantic import Field

from mrsi_sr.settings.base import Different, FolderName, FoldNumber, Metabolite, Name, Settings, Sizes, Words
from mrsi_sr.settings.method import PlannedMethod
from mrsi_sr.settings.protocol import LowResolution, Protocol

FORMAT = 1  # of networks.json: another number is another content, and is refused
Percentiles = Annotated[list[float], Field(min_length=5, max_length=5)]
Edges = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]
HANDED_FILE = r"^fold-[1-9][0-9]{0,3}/[A-Za-z0-9_]{1,100}\.(best|last)\.safetensors$"


class HandOverSettings(Settings):
    """Networks of an experiment that are handed over to other sites."""

    experiment: Name = Field(description="name of the experiment")
    cohort: FolderName = Field(description="name of the cohort that the networks were trained on")
    phantom: bool = Field(False, description="whether the cohort is simulated")
    protocol: Protocol = Field(description="protocol of truncation and scaling")
    low_resolution: LowResolution = Field(description="maps that the low-resolution ones were made of")
    sizes: Sizes = Field(description="low-resolution matrix sizes that the networks were trained on")
    folds: Annotated[list[FoldNumber], Field(min_length=1), Different] = Field(description="folds that were trained")
    methods: dict[Name, PlannedMethod] = Field(description="methods by name, each with its sampler and networks")
    networks: dict[Name, dict[str, Any]] = Field(description="settings of the networks by name and fold")

    def files_of(self, method: str, fold: int) -> dict[str, str]:
        """Names in the folder of the weights of a method's networks, by role."""
        roles = self.methods[method]
        return {role: file_of(fold, name, roles.weights_of(role)) for role, name in roles.networks.items()}


class Training(Settings):
    """Training of a network on one fold."""

    parameters: int = Field(ge=1, description="number of trainable parameters")
    iterations: int = Field(ge=1, description="number of iterations")
    seconds: float = Field(ge=0, description="duration of the training in seconds")
    device: Words = Field(description="device that it was trained on")
    validation_loss: dict[str, float] = Field(description="validation loss of the best and of the last weights")


class Participants(Settings):
    """Numbers of participants and maps of a fold."""

    train: int = Field(ge=1, description="participants that the networks were trained on")
    validation: int = Field(ge=1, description="participants that they were validated on")
    maps: int = Field(ge=1, description="maps that they were trained on")


class Seen(Settings):
    """Distribution over the scans trained on of their characteristics, see scan/characteristics.py."""

    scans: int = Field(ge=1, description="number of scans")
    percentiles: Percentiles = Field(description="percentiles that are listed")
    reference: Metabolite = Field(description="metabolite that ratios are to")
    level: dict[Metabolite, Percentiles | None] = Field(description="median concentration")
    ratio: dict[Metabolite, Percentiles | None] = Field(description="median ratio to the reference")
    sd_percent: dict[Metabolite, Percentiles | None] = Field(description="median %SD")
    rejected: dict[Metabolite, Percentiles | None] = Field(description="fraction of the brain's voxels not valid")
    snr: Percentiles | None = Field(description="median S/N")
    fwhm_ppm: Percentiles | None = Field(description="median line width")
    voxel_mm: Edges = Field(description="edges of a voxel in mm, medians")
    flair: bool = Field(description="whether there was a FLAIR")


class HandedNetworks(HandOverSettings):
    """Content of networks.json, beside the weights."""

    format: int = Field(description="number of this form of the file")
    version: Words = Field(description="version of mrsi-sr that wrote the folder")
    metabolites: list[Metabolite] = Field(min_length=1, description="metabolites, in the networks' order")
    unit: Words = Field(description="unit of the concentrations")
    frame: int = Field(ge=2, le=1024, description="side of the networks' maps in voxels")
    voxel_mm: Edges = Field(description="edges of a voxel in mm")
    participants: dict[str, Participants] = Field(description="numbers of participants and maps by fold")
    training: dict[str, dict[str, Training]] = Field(description="training by network and fold")
    seen: Seen = Field(description="distribution of the characteristics of the scans trained on")
    files: dict[Annotated[str, Field(pattern=HANDED_FILE)], str] = Field(description="SHA-256 of each file of weights")


def file_of(fold: int, network: str, weights: str) -> str:
    """Name in the folder of a network's weights (best or last)."""
    return f"fold-{fold}/{network}.{weights}.safetensors"
