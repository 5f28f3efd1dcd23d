"""Settings of a CLAIM answer sheet: what the workflow knows of a study beside its records."""

from typing import Annotated

from pydantic import Field

from mrsi_sr.settings.base import Different, FolderName, FoldNumber, Metabolite, Metrics, Name, Settings, Sizes, Words
from mrsi_sr.settings.protocol import LowResolution, Protocol


class TableTest(Settings):
    """Statistical test of a table."""

    test: str = Field(description="name of the test")
    unit: str = Field(description="unit of its pairs, map or participant")


class ClaimSettings(Settings):
    """An experiment, as far as the records of its scores do not tell of it."""

    experiment: Name = Field(description="name of the experiment")
    cohort: FolderName = Field(description="name of the cohort")
    phantom: bool = Field(False, description="whether the cohort is simulated")
    protocol: Protocol = Field(description="protocol of truncation, scaling, metrics and tests")
    low_resolution: LowResolution = Field(
        "masked", description="maps that low-resolution ones are made of, or refitted"
    )
    unit: str = Field("mM", description="unit of the concentrations")
    metabolites: Annotated[list[Metabolite], Field(min_length=1), Different] = Field(description="metabolites")
    sizes: Sizes = Field(description="low-resolution matrix sizes that are scored")
    metrics: Metrics = Field(description="metrics of the scores")
    folds_in_all: FoldNumber = Field(description="total number of folds")
    labels: dict[str, Words] = Field({}, description="labels of methods by name")
    tables: dict[Name, TableTest] = Field({}, description="tests of the tables by the table's name")
    figures: list[Name] = Field([], description="names of the figures")
