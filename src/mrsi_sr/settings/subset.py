"""Settings of a subset: the part of the test participants' maps that is sampled or probed."""

from typing import Annotated

from pydantic import Field

from mrsi_sr.settings.base import Different, Metabolite, Settings


class Subset(Settings):
    """Part of the participants' maps that a method samples."""

    participants: int | None = Field(
        None, ge=1, le=100_000, description="number of participants, those with the largest lesions first; null: all"
    )
    slices: int | None = Field(
        None,
        ge=1,
        le=256,
        description="number of slices of each participant: the largest lesion first, then the most brain; null: all",
    )
    metabolites: Annotated[list[Metabolite], Field(min_length=1, max_length=100), Different] | None = Field(
        None, description="metabolites; null: all"
    )
