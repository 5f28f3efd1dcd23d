"""Settings of a reader study: pairs of low-resolution and super-resolved images that radiologists rate blind."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import File, Name, Settings, Sizes, Words
from mrsi_sr.settings.errors import rule

READER_SIZES = [8, 10, 12, 14, 16]  # low-resolution matrix sizes that FTDDM's readers saw, section 3.3.8


class ReaderStudy(Settings):
    """One reader study: a blinded page of image pairs, and the figure of what readers gave them.

    Each pair is one metabolite of one slice by two methods. Every size has the same number of slices.
    """

    title: Words = Field("Image quality assessment by readers", description="first sentence of the figure's caption")
    participants: Annotated[int, Field(ge=1, le=10_000)] = Field(
        10, description="number of test participants, drawn from all folds that are run"
    )
    slices_per_participant: Annotated[int, Field(ge=1, le=100)] = Field(
        2, description="number of slices of each participant"
    )
    sizes: Sizes = Field(READER_SIZES, description="low-resolution matrix sizes; each has the same number of slices")
    low_resolution: Name = Field("zero_filled", description="method of the low-resolution images (LR)")
    super_resolved: Name = Field("ftddm_100", description="method of the super-resolved images (SR)")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of the draw of participants, slices and sizes")
    washout_weeks: Annotated[int, Field(ge=0, le=1000)] = Field(
        4, description="weeks between two sessions of one reader, at least"
    )
    by_size: bool = Field(False, description="whether the figure has panels of each size; false: all sizes together")
    ratings: File | None = Field(None, description="folder of the readers' CSV files; null: `ratings/` beside the page")

    @model_validator(mode="after")
    def _two_methods(self) -> Self:
        if self.low_resolution == self.super_resolved:
            raise rule("super_resolved", f"is {self.super_resolved}, as low_resolution: expected another method")
        return self

    @model_validator(mode="after")
    def _equal_numbers_of_slices(self) -> Self:
        slices, sizes = self.participants * self.slices_per_participant, len(self.sizes)
        if slices % sizes:
            raise rule(
                "participants",
                f"times slices_per_participant is {slices}, which {sizes} sizes do not divide: expected a multiple of"
                f" {sizes} slices, so that each size has as many as the others",
            )
        return self


class ReaderStudySettings(ReaderStudy):
    """A reader study, and what its texts say of where the images come from."""

    experiment: str = Field("not named", description="name of the experiment")
    cohort: str = Field("not named", description="name of the cohort")
    phantom: bool = Field(False, description="whether the cohort is simulated")
    training_seed: int | None = Field(None, description="seed that the networks were trained with")
    labels: dict[str, Words] = Field({}, description="labels of the two methods by name")

    def label(self, method: str) -> str:
        """Label of a method, its name where it has none."""
        return self.labels.get(method, method)
