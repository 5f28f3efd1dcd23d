"""Settings of figures: one class per kind, each drawn by the module of report/figures of that name."""

from functools import reduce
from operator import or_
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import (
    Different,
    FolderName,
    FoldNumber,
    Metabolite,
    MethodPoint,
    MethodPoints,
    Metric,
    Metrics,
    Settings,
    Size,
    Sizes,
    Words,
)
from mrsi_sr.settings.errors import rule

Width = Literal["single", "double"]
Slice = Annotated[int, Field(ge=0, le=255)]
MOST_PANELS = 40  # methods side by side that a page has room for


class ShownMap(Settings):
    """One map of a figure. What is null is chosen: a participant whom no other map shows, with the largest lesion."""

    size: Size = Field(16, description="low-resolution matrix size")
    metabolite: Metabolite | None = Field(
        None, description="metabolite; null: tCho, or else the first with a map there"
    )
    participant: FolderName | None = Field(
        None, description="participant; null: of those that no map before it shows, the one with the largest lesion"
    )
    slice: Slice | None = Field(None, description="index of the slice in the scan; null: that with the largest lesion")


class Figure(Settings):
    """Keys of every figure.

    shows: whether it is drawn of maps or of scores. layout: keys that change words and layout, not what is shown.
    """

    shows: ClassVar[Literal["maps", "scores"]] = "maps"
    layout: ClassVar[tuple[str, ...]] = ("title", "width", "errors", "shown", "magnification")

    title: Words | None = Field(None, description="first sentence of the caption; null: the kind's own")
    fold: FoldNumber | None = Field(None, description="fold whose participants are shown; null: the first that is run")
    width: Width = Field("double", description="width in a journal: single, one column of 3.5 in, or double, 7.16 in")

    @property
    def all_methods(self) -> list[str]:
        """Methods whose samples or scores are shown, as METHOD or METHOD@VALUE."""
        raise NotImplementedError

    @property
    def shown_maps(self) -> list[ShownMap]:
        """Maps that are shown, where it is drawn of maps."""
        return []

    @property
    def all_metrics(self) -> list[Metric]:
        """Metrics that are shown."""
        return []


class Qualitative(Figure):
    """Maps by several methods, one row each: MRI, zero-filled, the methods, ground truth; errors below, or scores."""

    kind: Literal["qualitative"]
    maps: Annotated[list[ShownMap], Field(min_length=1, max_length=12)] = Field(
        [ShownMap.of()], description="maps to show, one below the other"
    )
    methods: Annotated[MethodPoints, Field(max_length=MOST_PANELS)] | None = Field(
        None, description="methods, in the order shown; null: all of the experiment"
    )
    zero_filled: bool = Field(
        True, description="zero-filled map before the methods, from the measured k-space where no method is that"
    )
    errors: bool = Field(
        True, description="row of absolute errors below each map, MRI before the maps; false: FLAIR after them"
    )
    scores: Annotated[list[Metric], Different] = Field(["nrmse"], description="metrics under each map")
    deviation: MethodPoint | None = Field(
        None,
        description="method whose repeated samples give the standard deviation that is shown below the ground truth;"
        " needs errors",
    )

    @property
    def all_methods(self) -> list[str]:
        return list(dict.fromkeys([*(self.methods or []), *filter(None, [self.deviation])]))

    @property
    def shown_maps(self) -> list[ShownMap]:
        return self.maps

    @property
    def all_metrics(self) -> list[Metric]:
        return self.scores

    @model_validator(mode="after")
    def _deviation_has_its_row(self) -> Self:
        if self.deviation is not None and not self.errors:
            raise rule("deviation", "is shown in the row of errors, but errors is false")
        return self


class Metabolites(Figure):
    """All metabolites of one slice: zero-filled and super-resolved at each size, and ground truth; T1, FLAIR, mask."""

    kind: Literal["metabolites"]
    method: MethodPoint = Field(description="method whose maps are shown")
    sizes: Sizes = Field([8], description="low-resolution matrix sizes, one below the other")
    participant: FolderName | None = Field(None, description="participant; null: the one with the largest lesion")
    slice: Slice | None = Field(None, description="index of the slice in the scan; null: that with the largest lesion")

    @property
    def all_methods(self) -> list[str]:
        return [self.method]

    @property
    def shown_maps(self) -> list[ShownMap]:
        return [ShownMap.of(size=size, participant=self.participant, slice=self.slice) for size in self.sizes]


class RepeatedSamples(Figure):
    """Repeated samples of one map beside its input and ground truth, with their mean and standard deviation."""

    kind: Literal["samples"]
    map: ShownMap = Field(ShownMap.of(), description="the map")
    method: MethodPoint = Field(description="method with repeated samples")
    first: MethodPoint | None = Field(None, description="method whose map is shown first, such as what a flow enhances")
    shown: int = Field(5, ge=1, le=20, description="number of samples that are shown")
    magnification: float = Field(5.0, ge=1, le=1000, description="factor of the shown standard deviation")

    @property
    def all_methods(self) -> list[str]:
        return list(dict.fromkeys([self.method, *filter(None, [self.first])]))

    @property
    def shown_maps(self) -> list[ShownMap]:
        return [self.map]


class Scores(Figure):
    """Keys of the figures that are drawn of scores, over all folds that are run."""

    shows: ClassVar[str] = "scores"

    sizes: Sizes | None = Field(None, description="low-resolution matrix sizes; null: all that methods are scored at")


class Line(Settings):
    """One line of a plot."""

    label: Words = Field(description="label of the line")
    methods: MethodPoints = Field(description="methods of its points; a swept method has all its points")


class Curves(Scores):
    """Mean scores of one or more methods against a quantity: a panel for each metric."""

    kind: Literal["curves"]
    lines: Annotated[list[Line], Field(min_length=1, max_length=10)] = Field(
        description="lines, in the order of the legend"
    )
    x: Literal["nfe", "value"] | Metric = Field(
        description="quantity along the horizontal axis: number of network evaluations (nfe), value of the sweep, or a"
        " metric"
    )
    metrics: Metrics = Field(["nrmse", "psnr", "ssim"], description="metrics, a panel each")
    pool_sizes: bool = Field(False, description="mean over the maps of all sizes together; false: a row for each size")
    axis: Words | None = Field(
        None, description="label of the horizontal axis with its unit; null: the quantity's name"
    )

    @property
    def all_methods(self) -> list[str]:
        return list(dict.fromkeys(name for line in self.lines for name in line.methods))

    @property
    def all_metrics(self) -> list[Metric]:
        return [*self.metrics, *([self.x] if self.x not in ("nfe", "value") else [])]


class Conditions(Scores):
    """Mean score of a method at each size or metabolite of the map, with networks conditioned on another one."""

    kind: Literal["conditions"]
    method: str = Field(description="method with a sweep over conditioned_size or conditioned_metabolite")
    metric: Metric = Field("ssim", description="metric")

    @property
    def all_methods(self) -> list[str]:
        return [self.method]

    @property
    def all_metrics(self) -> list[Metric]:
        return [self.metric]


FIGURES: dict[str, type[Figure]] = {
    "qualitative": Qualitative,
    "metabolites": Metabolites,
    "samples": RepeatedSamples,
    "curves": Curves,
    "conditions": Conditions,
}
AnyFigure = Annotated[reduce(or_, FIGURES.values()), Field(discriminator="kind")]
