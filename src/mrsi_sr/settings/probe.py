"""Settings of a probe: lesions that are planted in and erased from test scans, and how its findings are read."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.settings.base import Different, Metabolite, Names, Settings, Sizes, Words
from mrsi_sr.settings.errors import rule
from mrsi_sr.settings.subset import Subset

Kind = Literal["lesion", "hidden", "mri_only", "erased", "erased_in_map", "foreign"]
KINDS: list[Kind] = ["lesion", "hidden", "mri_only", "erased", "erased_in_map", "foreign"]
Millimetres = Annotated[float, Field(ge=1, le=200)]
Increase = Annotated[float, Field(gt=1, le=100)]
Decrease = Annotated[float, Field(ge=0.01, lt=1)]


class ProbeSettings(Settings):
    """Changes of test scans that a method is probed with.

    Every scan is also super-resolved as it is. Kinds of change: lesion (planted in maps, T1 and FLAIR), hidden (in the
    maps alone), mri_only (in T1 and FLAIR alone), erased (the scan's own lesion, from maps, T1 and FLAIR),
    erased_in_map (from the maps alone), foreign (T1 and FLAIR of another participant).
    """

    kinds: Annotated[list[Kind], Field(min_length=1), Different] = Field(KINDS, description="kinds of change")
    lesions: int = Field(1, ge=1, le=100, description="number of lesions planted in each slice, one at a time")
    diameters_mm: Annotated[list[Millimetres], Field(min_length=1, max_length=20), Different] = Field(
        [10.0, 15.0, 20.0], description="diameters at half height of planted lesions, in mm"
    )
    edge_mm: Annotated[float, Field(gt=0, le=50)] = Field(
        1.5, description="standard deviation of the Gaussian that softens a lesion's edge, in mm"
    )
    increases: Annotated[list[Increase], Field(min_length=1, max_length=20), Different] = Field(
        [1.5, 2.0], description="contrasts of metabolites that rise in a lesion, as multiples of the local value"
    )
    decreases: Annotated[list[Decrease], Field(min_length=1, max_length=20), Different] = Field(
        [0.7, 0.4], description="contrasts of metabolites that fall in a lesion, as multiples of the local value"
    )
    decreasing: Annotated[list[Metabolite], Different] = Field(
        ["NAA", "NAAG", "tNAA", "NAA+NAAG", "Glu"], description="metabolites that fall in a lesion; all others rise"
    )
    t1_factor: Annotated[float, Field(ge=0, le=10)] = Field(
        0.55, description="signal of a planted lesion in T1, as a multiple of the local value"
    )
    flair_factor: Annotated[float, Field(ge=0, le=10)] = Field(
        1.7, description="signal of a planted lesion in FLAIR, as a multiple of the local value, at most 1"
    )
    controls: int = Field(
        4, ge=0, le=1000, description="number of normal places beside each lesion's own that the observer looks at"
    )
    subset: Subset = Field(Subset.of(), description="part of the test participants' maps that is probed")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of the places, diameters and contrasts")


class Reading(Settings):
    """Points at which the findings of a probe are read."""

    title: Words = Field("Planted and erased lesions", description="first sentence of the captions")
    methods: Names | None = Field(None, description="methods, in the order shown; null: all of the experiment")
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="fraction of normal places taken for a lesion at which sensitivity is given"
    )
    detection: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8, description="fraction of planted lesions detected at which the false lesions of all methods are compared"
    )
    frc_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="Fourier ring correlation that defines the resolution"
    )


class Probe(Reading, ProbeSettings):
    """One probe of an experiment's methods."""

    sizes: Sizes | None = Field(None, description="low-resolution sizes; null: the experiment's evaluate_sizes")

    @model_validator(mode="after")
    def _plants_what_is_read(self) -> Self:
        if "lesion" not in self.kinds:
            raise rule("kinds", "lacks lesion, which detection and contrast are read from: expected it among them")
        return self

    @property
    def changes(self) -> int:
        """How often a map is sampled: as it is, and with each change."""
        planted = sum(kind in ("lesion", "hidden", "mri_only") for kind in self.kinds)
        return 1 + planted * self.lesions + len(self.kinds) - planted

    @property
    def settings(self) -> ProbeSettings:
        """The part that decides what is planted and erased."""
        return ProbeSettings.model_construct(**{key: getattr(self, key) for key in ProbeSettings.model_fields})
