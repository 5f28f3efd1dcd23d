"""Settings of a calibration: which ensembles are looked at, what their intervals promise, and what is compared."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Different, Name, Settings
from mrsi_sr.settings.errors import listed, rule

MAY_DIFFER = ("part", "subset")  # keys in which a method and its counterpart of validation participants may differ
Percent = Annotated[int, Field(ge=1, le=99)]
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]
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
    tests: Annotated[list[Pair], Field(max_length=100), Different] = Field(
        [],
        description="pairs of methods that are compared, each a family for Holm's correction: fair CRPS, metrics of the"
        " first one's mean against those of the other's mean and of its first member, LPIPS of both first members",
    )
    pool_folds: bool = Field(
        False,
        description="bounds for new scans from the validation participants of all folds together (CV+) as well, which"
        " promise 1 - 2/(n + 1) at most",
    )

    @property
    def all_methods(self) -> list[str]:
        """Methods, and those that sample the validation participants."""
        return [*self.methods, *filter(None, self.methods.values())]

    @model_validator(mode="after")
    def _pairs_are_of_its_methods(self) -> Self:
        for first, second in self.tests:
            for name in (first, second):
                if name not in self.methods:
                    raise rule("tests", f"names {name}, expected two of {listed(self.methods)}")
            if first == second:
                raise rule("tests", f"compares {first} with itself, expected two methods")
        return self
