"""Settings of tables and figures: what they show, and where it comes from."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import (
    Different,
    FoldNumber,
    MethodPoints,
    Metric,
    Names,
    Seeds,
    Settings,
    Sizes,
    Words,
)
from mrsi_sr.settings.errors import listed, rule
from mrsi_sr.settings.figure import AnyFigure
from mrsi_sr.settings.probe import Reading
from mrsi_sr.settings.protocol import REGIONS, TEST_UNITS, Protocol, Region, TestUnit

Bias = Literal["slope", "offset"]  # of estimate against truth: scored of every method, without being asked for
Test = Literal["signed_rank", "paired_t"]
Cost = Literal["nfe", "seconds_per_slice", "training_hours", "parameters"]
ShownMetrics = Annotated[list[Literal[Metric, Bias]], Field(min_length=1), Different]


class Shown(Settings):
    """Origin of a table or figure: protocol, experiment, cohort, folds and seeds. In the workflow, the plan says it."""

    protocol: Protocol = Field("clean", description="protocol of truncation, scaling, metrics and tests")
    experiment: str | None = Field(None, description="name of the experiment; null: any, not named")
    phantom: bool = Field(False, description="whether the cohort is simulated, for the caption")
    labels: dict[str, Words] = Field({}, description="labels of methods by name; others are labelled by their names")
    cohort: str = Field("not named", description="name of the cohort")
    unit: str = Field("mM", description="unit of the concentrations")
    folds: Annotated[list[FoldNumber], Field(min_length=1), Different] | None = Field(
        None, description="folds that must be present; null: the folds in the files"
    )
    folds_in_all: FoldNumber | None = Field(None, description="total number of folds; null: the folds in the files")
    seeds: Seeds | None = Field(
        None, description="seeds of training that must be present, the first one first; null: the seeds in the files"
    )
    expected: dict[str, dict[str, str]] | None = Field(
        None,
        description="fingerprint of the settings that scores and maps must have been made with, by method and fold;"
        " null: files are only compared with each other",
    )


class Grid(Settings):
    """Methods of a table by row and column. Names in braces in the headings are filled in as those in labels."""

    rows: list[Words] = Field(min_length=1, max_length=100, description="headings of the rows")
    columns: list[Words] = Field(min_length=1, max_length=100, description="headings of the columns")
    methods: list[Annotated[list[str | None], Field(min_length=1, max_length=100)]] = Field(
        min_length=1, max_length=100, description="methods of each row, from the first column to the last; null: none"
    )

    @model_validator(mode="after")
    def _is_rectangular(self) -> Self:
        """Rows and columns have their headings, and each has a method."""
        lengths = {len(row) for row in self.methods}
        if len(self.methods) != len(self.rows) or lengths != {len(self.columns)}:
            raise rule(
                "methods", f"expected {len(self.rows)} rows of {len(self.columns)} methods, as there are headings"
            )
        if not all(map(any, [*self.methods, *zip(*self.methods, strict=True)])):
            raise rule("methods", "has an empty row or column: expected a method in each")
        return self


class Mark(Settings):
    """Column of check marks of a table."""

    heading: Words = Field(description="heading of the column")
    methods: Names = Field(description="methods that have a check mark; the others have a cross")


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
    allow_partial: bool = Field(
        False,
        description="table of the scores that there are, where some are missing or of other settings; its caption and"
        " its rows say what is missing. false: no table then",
    )
    marks: list[Mark] = Field([], max_length=100, description="columns of check marks, after the methods' names")
    grid: Grid | None = Field(
        None, description="methods by row and column, of one metric at one size; null: a row for each method"
    )
    test: Test = Field(
        "signed_rank", description="test of a difference between two methods: Wilcoxon's signed-rank, or paired t-test"
    )
    test_unit: TestUnit | None = Field(
        None,
        description="unit of a test's pairs: map, as published, or participant, with Holm's correction over all tests"
        " of the table and bootstrap intervals over participants; null: participant in protocol clean, map in paper",
    )
    reference: str | None = Field(
        None, description="method that each other one is tested against; null: each pair of methods is tested"
    )
    mark_significance: bool = Field(
        False,
        description="a star where a method differs significantly from the reference, or from the best of the column",
    )

    @property
    def named(self) -> list[tuple[str, str]]:
        """Methods that a key beside `methods` names: key, method."""
        marked = [("marks", method) for mark in self.marks for method in mark.methods]
        labelled = [("labels", method) for method in self.labels]
        return [*labelled, *marked, *([("reference", self.reference)] if self.reference else [])]

    @model_validator(mode="after")
    def _grid_has_one_number_for_a_method(self) -> Self:
        """A grid shows one metric at one size and no costs; its methods are the table's."""
        if self.grid is None:
            return self
        shown = list(dict.fromkeys(method for row in self.grid.methods for method in row if method))
        if len(self.metrics) > 1 or (len(self.sizes) > 1 and not self.pool_sizes) or self.costs or self.marks:
            raise rule("grid", "has one number for a method: expected one metric, one size, costs [] and marks []")
        if self.methods and set(self.methods) != set(shown):
            raise rule("grid", f"shows {listed(shown)}: expected the methods of the table, {listed(self.methods)}")
        return self if self.methods else self.model_copy(update={"methods": shown})


class TableSettings(Shown, Table):
    """A table, and what its caption says of where the numbers come from."""

    @model_validator(mode="after")
    def _choices_of_protocol(self) -> Self:
        return of_protocol(self, self.protocol, "region")


class FigureSettings(Shown):
    """A figure, and what its caption says of where maps and scores come from."""

    figure: AnyFigure = Field(description="kind of the figure, and the keys of that kind")
    region: Region | None = Field(None, description="voxels that scores count; null: the protocol's first")


class ProbeTableSettings(Shown, Reading):
    """Table and figures of a probe, and what their captions say of where the findings come from."""


def of_protocol(table: Table, protocol: str, key: str) -> Table:
    """A table with its region and the unit of its tests: its own, or the protocol's first.

    Raises a rule's error for a region that the protocol does not score.
    """
    if table.region is not None and table.region not in REGIONS[protocol]:
        allowed = ", ".join(REGIONS[protocol])
        raise rule(key, f"is {table.region}, expected one of {allowed} in protocol {protocol}")
    region, unit = table.region or REGIONS[protocol][0], table.test_unit or TEST_UNITS[protocol]
    return table.model_copy(update={"region": region, "test_unit": unit})
