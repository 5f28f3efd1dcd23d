"""Settings of a calibration: which ensembles are looked at, what their intervals promise, and what is compared."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Different, Name, Settings
from mrsi_sr.settings.errors import listed, rule

Percent = Annotated[int, Field(ge=1, le=99)]
Levels = Annotated[list[Percent], Field(min_length=1, max_length=20), Different]


class Intervals(Settings):
    """Intervals of a calibration: nominal levels, and the numbers of a participant that they are given for."""

    levels: Levels = Field(
        [50, 80, 90],
        description="nominal levels of central intervals, in percent; n validation participants support conformal"
        " intervals up to n/(n + 1), and a higher level is refused",
    )
    voxels: Percent = Field(
        90, description="percentage of a participant's voxels that a voxelwise conformal interval must contain"
    )
    hotspot: float = Field(
        1.5,
        gt=0,
        le=100,
        description="threshold of a hotspot, as a multiple of the map's median outside of the lesion",
    )


class Calibration(Intervals):
    """Calibration of an experiment's ensembles: proper scores, coverage, spread against skill, conformal intervals."""

    methods: dict[Name, Name | None] = Field(
        min_length=1,
        max_length=100,
        description="methods, each with the one that samples the validation participants as it samples the test"
        " participants (`part: validation`); null: none, so that the method is neither rescaled nor has conformal"
        " intervals",
    )
    reference: Name | None = Field(
        None, description="method that each other one is tested against; null: each pair of methods is tested"
    )
    pool_folds: bool = Field(
        False,
        description="bounds for new scans from the validation participants of all folds together (CV+) as well, which"
        " promise 1 - 2/(n + 1) at most",
    )

    @model_validator(mode="after")
    def _reference_is_a_method(self) -> Self:
        if self.reference is not None and self.reference not in self.methods:
            raise rule("reference", f"is {self.reference}, expected one of {listed(self.methods)}")
        return self
