"""Settings of an experiment: participants, folds, low-resolution sizes, methods, tables and figures."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import (
    MOST_FOLDS,
    Different,
    File,
    FolderName,
    FoldNumber,
    MethodPoints,
    Metric,
    Metrics,
    Name,
    Names,
    Settings,
    Sizes,
    SweptValue,
    Words,
)
from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.figure import AnyFigure

Protocol = Literal["clean", "paper"]
LowResolution = Literal["masked", "filled"]
Region = Literal["mask", "frame"]
Bias = Literal["slope", "offset"]  # of estimate against truth: scored of every method, without being asked for
Cost = Literal["nfe", "seconds_per_slice", "training_hours", "parameters"]
ShownMetrics = Annotated[list[Literal[Metric, Bias]], Field(min_length=1), Different]
Seeds = Annotated[list[Annotated[int, Field(ge=0, le=2**63 - 1)]], Field(min_length=1, max_length=100), Different]
FirstSoMany = Annotated[int, Field(ge=3, le=100_000)]
Participants = Annotated[list[FolderName], Field(min_length=3, max_length=100_000), Different]

# Voxels that metrics are computed on, by protocol; the first is the one that tables show.
REGIONS: dict[str, tuple[str, ...]] = {"paper": ("frame",), "clean": ("mask", "frame")}
SIZES = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32]  # low-resolution matrix sizes of FTDDM, section 3.1


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


class Shown(Settings):
    """Which protocol, experiment and cohort a table or figure comes from. In the workflow, the experiment says it."""

    protocol: Protocol = Field("clean", description="protocol of truncation, scaling, metrics and tests")
    experiment: str | None = Field(None, description="name of the experiment; null: any, not named")
    phantom: bool = Field(False, description="whether the cohort is simulated, for the caption")
    labels: dict[str, Words] = Field({}, description="labels of methods by name; others are labelled by their names")


class Table(Settings):
    """One table: methods in rows; in columns their costs, and metrics at each size or over all sizes together."""

    title: Words = Field("Comparison of methods", description="first sentence of the caption")
    sizes: Sizes = Field([8, 16, 32], description="low-resolution matrix sizes, in the order shown")
    pool_sizes: bool = Field(
        False,
        description="mean, standard deviation and test over the maps of all sizes together; false: each size apart",
    )
    metrics: ShownMetrics = Field(
        ["nrmse", "psnr", "ssim"],
        description="metrics, in the order shown; slope and offset of estimate against truth inside the mask are"
        " available without being scored",
    )
    more_decimals: int = Field(
        0,
        ge=0,
        le=5,
        description="decimals beyond the usual ones, which are 3 of NRMSE and SSIM, 1 of PSNR, 4 of LPIPS",
    )
    costs: Annotated[list[Cost], Different] = Field(
        ["nfe", "seconds_per_slice", "parameters"],
        description="columns of cost, in the order shown; parameters and training_hours are sums over the method's"
        " networks",
    )
    methods: MethodPoints | None = Field(
        None,
        description="methods, in the order shown; NAME@VALUE is one point of a swept method, NAME all of them; null:"
        " all of the experiment",
    )
    labels: dict[str, Words] = Field(
        {}, description="labels of methods in this table by name; others have their method's label"
    )
    region: Region | None = Field(
        None,
        description="voxels that count; null: the protocol's, which is the quality mask (clean) or the whole frame"
        " (paper)",
    )
    mix_folds: bool = Field(
        False,
        description="average over folds of a method that were made with different settings; the caption then says what"
        " differs",
    )


class TableSettings(Shown, Table):
    """A table, and what its caption says of where the numbers come from."""

    cohort: str = Field("not named", description="name of the cohort")
    folds: Annotated[list[FoldNumber], Field(min_length=1), Different] | None = Field(
        None, description="folds that must be present; null: the folds in the files"
    )
    folds_in_all: FoldNumber | None = Field(None, description="total number of folds; null: the folds in the files")
    expected: dict[str, dict[str, str]] | None = Field(
        None,
        description="fingerprint of the settings that the metrics must have been made with, by method and fold; null:"
        " files are only compared with each other",
    )

    @model_validator(mode="after")
    def _region_of_protocol(self) -> Self:
        return with_region(self, self.protocol, "region")


class FigureSettings(Shown):
    """A figure, and what its caption says of where maps and scores come from."""

    figure: AnyFigure = Field(description="kind of the figure, and the keys of that kind")
    cohort: str = Field("not named", description="name of the cohort")
    unit: str = Field("mM", description="unit of the concentrations")
    folds: Annotated[list[FoldNumber], Field(min_length=1), Different] | None = Field(
        None, description="folds that are shown; null: those in the files"
    )
    folds_in_all: FoldNumber | None = Field(None, description="total number of folds; null: the folds in the files")
    region: Region | None = Field(None, description="voxels that scores count; null: the protocol's first")
    values: dict[str, dict[str, SweptValue]] = Field(
        {}, description="value of each point of a swept method, by the method's name and the point"
    )
    expected: dict[str, dict[str, str]] | None = Field(
        None,
        description="fingerprint of the settings that scores must have been made with, by method and fold; null: files"
        " are only compared with each other",
    )


class LpipsWeights(Settings):
    """Weights of one LPIPS metric."""

    backbone: File | None = Field(
        None, description="file of a torchvision VGG16 or AlexNet state dict (.pth or .safetensors)"
    )
    linear: File | None = Field(None, description="file of LPIPS linear weights; null: those of the lpips package")
    download: bool = Field(False, description="download of the backbone by torchvision")

    @model_validator(mode="after")
    def _backbone_or_download(self) -> Self:
        if (self.backbone is None) != self.download:
            raise rule("", "needs either a backbone (a file) or download: true")
        return self


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
        " inside the brain interpolated, as a scanner measures the whole brain",
    )
    sizes: Sizes = Field(SIZES, description="low-resolution matrix sizes that networks are trained on")
    evaluate_sizes: Sizes = Field(SIZES, description="low-resolution matrix sizes that are sampled and scored")
    methods: Names = Field(description="methods to compare")
    metrics: Metrics = Field(["nrmse", "psnr", "ssim"], description="metrics of the samples")
    lpips_weights: dict[Literal["lpips_vgg", "lpips_alex"], LpipsWeights] = Field(
        {}, description="weights of the LPIPS metrics; without them LPIPS is not available"
    )
    tables: dict[Name, Table] = Field({}, description="tables by name")
    figures: dict[Name, AnyFigure] = Field({}, description="figures by name")
    hand_over: bool = Field(
        False,
        description="folder of the trained networks in `hand_over/`, to give to other sites; protocol clean",
    )

    @model_validator(mode="after")
    def _shows_who_is_tested(self) -> Self:
        for key in ("tables", "figures"):
            if getattr(self, key) and not self.folds.test:
                raise rule(
                    key,
                    f"names {', '.join(getattr(self, key))}, but folds.test is false: expected none, since nobody is"
                    " tested",
                )
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
    def _scans_have_its_scale(self) -> Self:
        if self.hand_over and self.protocol == "paper":
            raise rule(
                "hand_over",
                "is true, but protocol paper scales maps by their high-resolution maximum, which a real low-resolution"
                " scan does not have: expected protocol clean",
            )
        return self

    @model_validator(mode="after")
    def _regions_of_protocol(self) -> Self:
        tables = {
            name: with_region(table, self.protocol, f"tables.{name}.region") for name, table in self.tables.items()
        }
        return self.model_copy(update={"tables": tables})


def with_region(table: Table, protocol: str, key: str) -> Table:
    """A table with the region that it shows: its own, or the protocol's first.

    Raises a rule's error for a region that the protocol does not score.
    """
    if table.region is not None and table.region not in REGIONS[protocol]:
        allowed = ", ".join(REGIONS[protocol])
        raise rule(key, f"is {table.region}, expected one of {allowed} in protocol {protocol}")
    return table.model_copy(update={"region": table.region or REGIONS[protocol][0]})
