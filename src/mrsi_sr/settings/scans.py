"""Settings of new scans that are super-resolved with trained networks: which scans, which networks, what is written."""

from typing import Annotated

from pydantic import Field

from mrsi_sr.settings.base import Different, File, Name, Settings
from mrsi_sr.settings.cohort import IngestSettings, MriSettings, PhantomCohort, QualitySettings, Unit

RATIO = r"^[^/,\s]+/[^/,\s]+$"
Ratios = Annotated[list[Annotated[str, Field(pattern=RATIO, max_length=100)]], Field(max_length=50), Different]


class ScansSettings(Settings):
    """New low-resolution scans, without ground truth, to super-resolve."""

    table: File = Field(
        "config/scans.tsv", description="path of the table of scans; columns as in the participants table"
    )
    networks: File = Field(
        "clinic", description="experiment of this configuration whose networks are used, or path of a networks folder"
    )
    method: Name = Field(description="method of these networks")
    samples: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="number of samples of each map; null: 50 on a GPU, 1 on a CPU"
    )
    temperature: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="temperature of the sampling noise; null: the method's own"
    )
    ensemble: bool = Field(False, description="whether the samples are shared by the networks of all folds")
    ratios: Ratios = Field(
        ["tCho/NAA", "tCho/tCr", "Ins/tCr"], description="ratio maps, where both metabolites are there"
    )
    keep_samples: bool = Field(False, description="whether every sample is written as a file of its own")
    allow_unlearned_size: bool = Field(
        False, description="whether scans of an upscaling factor that no network has learned are super-resolved"
    )
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of the sampling noise")
    unit: Unit | None = Field(None, description="unit of the concentrations; null: the networks'")
    simulate: PhantomCohort | None = Field(
        None,
        description="settings of phantom scans, such as their low-resolution matrix; null or left out for real ones",
    )
    ingest: IngestSettings = Field(IngestSettings.of(), description="reading of the scans")
    mri: MriSettings = Field(MriSettings.of(), description="preparation of raw MRI, of rows with `raw` under `mri`")
    quality: QualitySettings = Field(QualitySettings.of(), description="limits of the quality mask")
