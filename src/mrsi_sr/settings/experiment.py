"""Settings of an experiment: participants, folds, low-resolution sizes, methods, tables and figures."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import (
    MOST_FOLDS,
    Different,
    FolderName,
    FoldNumber,
    Metrics,
    Name,
    Names,
    Seeds,
    Settings,
    Sizes,
)
from mrsi_sr.settings.calibration import Calibration
from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.figure import AnyFigure
from mrsi_sr.settings.probe import Probe
from mrsi_sr.settings.protocol import SIZES, LowResolution, Protocol
from mrsi_sr.settings.reader_study import ReaderStudy
from mrsi_sr.settings.report import Table, of_protocol

FirstSoMany = Annotated[int, Field(ge=3, le=100_000)]
Participants = Annotated[list[FolderName], Field(min_length=3, max_length=100_000), Different]


class FoldSettings(Settings):
    """Cross-validation by participant."""

    number: int = Field(
        5,
        ge=3,
        le=MOST_FOLDS,
        description="number of folds; each tests one group of participants, validates on the next, trains on the rest",
    )
    seed: int = Field(
        1, ge=0, le=2**63 - 1, description="seed of the draw, where the participants table has no folds of its own"
    )
    test: bool = Field(
        True,
        description="whether a fold tests its group; false: it validates on that group and trains on all others, for"
        " networks that are handed over and not evaluated",
    )


class PlannedFolds(FoldSettings):
    """Folds of an experiment, and which of them are run."""

    run: Annotated[list[FoldNumber], Field(max_length=MOST_FOLDS), Different] = Field(
        [], description="folds to train and score; empty: all"
    )

    @model_validator(mode="after")
    def _all_where_none_is_named(self) -> Self:
        return self if self.run else self.model_copy(update={"run": list(range(1, self.number + 1))})


class ExperimentSettings(Settings):
    """A study: which participants, folds and low-resolution sizes, which methods, which tables and figures."""

    protocol: Protocol = Field("clean", description="protocol of truncation, scaling, metrics and tests")
    seeds: Seeds = Field(
        [1], description="seeds of training; each fold is run with each of them, as repeated measurements"
    )
    participants: FirstSoMany | Participants | None = Field(
        None,
        description="participants: their names, or the first so many of the table in order of names; null: all",
    )
    folds: PlannedFolds = Field(PlannedFolds.of(), description="number and seed of the folds, and which are run")
    low_resolution: LowResolution = Field(
        "masked",
        description="maps that low-resolution ones are made of: masked (as published) or filled, their rejected voxels"
        " inside the brain interpolated, as a scanner measures the whole brain; refitted: low-resolution scans of the"
        " participants that were fitted anew, instead of truncated maps",
    )
    sizes: Sizes = Field(SIZES, description="low-resolution matrix sizes that networks are trained on")
    evaluate_sizes: Sizes = Field(SIZES, description="low-resolution matrix sizes that are sampled and scored")
    methods: Names = Field(description="methods to compare")
    metrics: Metrics = Field(
        ["nrmse", "psnr", "ssim"], description="metrics of the samples; LPIPS needs the weights of the section `lpips`"
    )
    tables: dict[Name, Table] = Field({}, description="tables by name")
    figures: dict[Name, AnyFigure] = Field({}, description="figures by name")
    reader_studies: dict[Name, ReaderStudy] = Field({}, description="reader studies by name")
    probes: dict[Name, Probe] = Field({}, description="probes with planted and erased lesions by name")
    calibration: Calibration | None = Field(
        None, description="calibration of methods with repeated samples; null: none"
    )
    hand_over: bool = Field(
        False,
        description="folder of the trained networks in `hand_over/`, to give to other sites; protocol clean",
    )

    @model_validator(mode="after")
    def _shows_who_is_tested(self) -> Self:
        for key in ("tables", "figures", "reader_studies", "probes"):
            if getattr(self, key) and not self.folds.test:
                raise rule(
                    key,
                    f"names {', '.join(getattr(self, key))}, but folds.test is false: expected none, since nobody is"
                    " tested",
                )
        if self.calibration and not self.folds.test:
            raise rule("calibration", "is given, but folds.test is false: expected null, since nobody is tested")
        return self

    @model_validator(mode="after")
    def _filled_is_not_evaluated(self) -> Self:
        if self.low_resolution == "filled" and self.folds.test:
            raise rule(
                "low_resolution",
                "is filled, but folds.test is true, and test participants are measured as masked maps: expected"
                " folds.test false; such networks are evaluated on scans, by super_resolve",
            )
        return self

    @model_validator(mode="after")
    def _refitted_is_clean(self) -> Self:
        if self.low_resolution == "refitted" and self.protocol == "paper":
            raise rule(
                "low_resolution",
                "is refitted, but protocol paper scales maps by the full scan's maximum, and measures a line of k-space"
                " (k = -n/2) that an even matrix does not tell from its conjugate: expected protocol clean",
            )
        return self

    @model_validator(mode="after")
    def _scans_have_its_scale(self) -> Self:
        if self.hand_over and self.protocol == "paper":
            raise rule(
                "hand_over",
                "is true, but protocol paper scales maps by their high-resolution maximum, which a real low-resolution"
                " scan does not have: expected protocol clean",
            )
        return self

    @model_validator(mode="after")
    def _choices_of_protocol(self) -> Self:
        tables = {
            name: of_protocol(table, self.protocol, f"tables.{name}.region") for name, table in self.tables.items()
        }
        return self.model_copy(update={"tables": tables})
