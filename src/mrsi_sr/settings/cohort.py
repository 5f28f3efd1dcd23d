"""Settings of a cohort: how scans are read, which voxels and slices are used, and of phantom cohorts."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mrsi_sr.settings.base import Different, FileOfParticipant, FolderName, Metabolite, Settings, Words
from mrsi_sr.settings.errors import rule

MOST_VOXELS = 256  # along an axis
Matrix = Annotated[list[Annotated[int, Field(ge=1, le=MOST_VOXELS)]], Field(min_length=3, max_length=3)]
VoxelSize = Annotated[list[Annotated[float, Field(ge=0.1, le=100)]], Field(min_length=3, max_length=3)]
Unit = Annotated[Words, Field(max_length=40, pattern=r"^[^<>]+$")]  # a parameter of rules, which the report shows
MapKind = Literal["value", "sd", "snr", "fwhm", "brain_mask"]
FilePattern = Annotated[str, Field(min_length=1, max_length=1000)]
PER_METABOLITE = ("value", "sd")  # kinds of maps of which each metabolite has its own
# File patterns of ready-made maps, by the software whose naming they follow.
MAP_PRESETS = {
    "mrsiprep": {
        "value": "*_space-orig_met-{metabolite}_desc-signal_mrsi.nii.gz",
        "sd": "*_space-orig_met-{metabolite}_desc-crlb_mrsi.nii.gz",
        "snr": "*_space-orig_desc-snr_mrsi.nii.gz",
        "fwhm": "*_space-orig_desc-fwhm_mrsi.nii.gz",
    }
}


def _patterns_of_preset(maps: Any) -> Any:
    return MAP_PRESETS.get(maps, maps) if isinstance(maps, str) else maps


MapPatterns = Annotated[
    dict[MapKind, FilePattern],
    BeforeValidator(_patterns_of_preset, json_schema_input_type=dict[MapKind, FilePattern] | Literal["mrsiprep"]),
]


class IngestSettings(Settings):
    """How LCModel's files, or ready-made maps, are read. A participant's row may override pattern and flip."""

    pattern: str = Field(
        "multivoxel",
        min_length=1,
        max_length=1000,
        description="voxel indices in file names: multivoxel, vienna, or a regular expression with groups x, y, z (or"
        " col, row, slice)",
    )
    flip: Literal["", "x", "y", "xy"] = Field("", description="axes whose voxel numbers run backwards")
    matrix: Matrix = Field([64, 64, 39], description="matrix along x, y, z where the row names no reference NIfTI")
    voxel_mm: VoxelSize = Field([3.4, 3.4, 3.4], description="voxel size in mm where the row names no reference NIfTI")
    maps: MapPatterns = Field(
        {},
        description="file patterns of ready-made maps by kind: value, sd, snr, fwhm, brain_mask; {metabolite} stands"
        " for any spelling of its name; mrsiprep: those of MRSIPrep's input",
    )

    @model_validator(mode="after")
    def _maps_of_metabolites_name_them(self) -> Self:
        for kind, pattern in self.maps.items():
            if ("{metabolite}" in pattern) != (kind in PER_METABOLITE):
                must = "must" if kind in PER_METABOLITE else "must not"
                raise rule(f"maps.{kind}", f"is {pattern}, but {must} have {{metabolite}} in it")
        return self


class QualitySettings(Settings):
    """Limits of the quality mask; null turns a rule off.

    min_snr and max_fwhm_ppm are those of FTDDM, section 3.1. In the phantom, lipid leaks in over the outermost 5 mm.
    snr_map and fwhm_map stand for maps such as pseudo-replica ones; on another grid, the nearest voxel counts.
    """

    min_snr: float | None = Field(
        2.5,
        ge=0,
        le=10**6,
        description="lowest accepted S/N; of LCModel's whole numbers, 2 and less are rejected",
    )
    max_fwhm_ppm: float | None = Field(0.15, ge=0, le=100, description="largest accepted line width in ppm")
    max_sd_percent: float | None = Field(None, ge=0, le=1000, description="largest accepted %SD; 20 and 40 are in use")
    brain_only: bool = Field(True, description="rejection of voxels outside the brain mask")
    skull_margin_mm: float | None = Field(
        5.5, ge=0, le=1000, description="smallest distance from the edge of the brain mask, in mm"
    )
    outlier_multiple: float | None = Field(
        8, ge=1, le=10**6, description="largest accepted multiple of the metabolite's median"
    )
    snr_map: FileOfParticipant | None = Field(
        None, description="NIfTI file in place of the volumes' S/N; of several scans, with {participant} in its name"
    )
    fwhm_map: FileOfParticipant | None = Field(
        None, description="NIfTI file in place of the volumes' FWHM; of several scans, with {participant} in its name"
    )

    def external_maps(self, participant: str) -> dict[str, str]:
        """Files of snr and fwhm, where a participant's are not the volumes' own."""
        paths = {"snr": self.snr_map, "fwhm": self.fwhm_map}
        return {name: path.replace("{participant}", participant) for name, path in paths.items() if path is not None}


class SliceSettings(Settings):
    """Which axial slices are used."""

    min_valid_fraction: float = Field(
        0.3,
        ge=0,
        le=1,
        description="valid voxels that a slice needs, as a part of the fullest slice's (mean of the metabolites)",
    )
    min_valid_voxels: int = Field(
        50, ge=1, le=10**6, description="valid voxels that a slice needs; a single map with fewer is left empty"
    )
    min_slices: int = Field(9, ge=1, le=1024, description="smallest number of contiguous slices")
    max_slices: int = Field(18, ge=1, le=1024, description="largest number of contiguous slices")
    frame: int = Field(
        64,
        ge=16,
        le=256,
        multiple_of=16,
        description="side of the square in voxels; smaller matrices are centred in it",
    )

    @model_validator(mode="after")
    def _least_and_most(self) -> Self:
        if self.max_slices < self.min_slices:
            raise rule(
                "max_slices",
                f"is {self.max_slices}, expected at least min_slices, which is {self.min_slices}",
            )
        return self


class MriSettings(Settings):
    """How raw MRI is prepared: the scans whose row has `raw` under `mri`. A given brain mask replaces strip."""

    strip: Literal["deepbet", "bet", "none"] = Field(
        "deepbet",
        description="method of finding the brain in the T1: deepbet (an optional extra; not validated for glioma),"
        " FSL's bet where it is installed, or none where the T1 is stripped already",
    )
    registration: Literal["simpleitk", "flirt", "none"] = Field(
        "simpleitk",
        description="registration of FLAIR to T1 and of T1 to the scan: simpleitk (mutual information), FSL's flirt"
        " where it is installed, or none where the headers' positions are right",
    )
    target: Literal["maps", "reference"] = Field(
        "maps",
        description="image that the T1 is registered to: a map made of the volumes, or the row's reference image",
    )
    n4: bool = Field(False, description="removal of the bias field of T1 and FLAIR by N4")


class Phantom(Settings):
    """What all scans of a phantom cohort share."""

    matrix: Annotated[list[Annotated[int, Field(ge=8, le=128)]], Field(min_length=3, max_length=3)] = Field(
        [64, 64, 39], description="MRSI voxels along x, y, z"
    )
    voxel_mm: Annotated[list[Annotated[float, Field(ge=1, le=20)]], Field(min_length=3, max_length=3)] = Field(
        [3.4, 3.4, 3.4], description="voxel size in mm; T1 and FLAIR have voxels a third as large along each axis"
    )
    slices: Annotated[list[Annotated[int, Field(ge=0, le=127)]], Field(min_length=2, max_length=2)] | None = Field(
        None, description="first and last slice that is fitted, counted from 0; null: the excited slab"
    )
    acquired: Annotated[list[Annotated[int, Field(ge=4, le=128)]], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="low-resolution matrix along x and y in which the same head and field of view are scanned; null:"
        " the full matrix",
    )
    refitted: Annotated[list[Annotated[int, Field(ge=4, le=126, multiple_of=2)]], Different] = Field(
        [],
        description="matrix sizes of low-resolution scans of the same head and field of view, that are fitted anew and"
        " written beside the full scan's files; for experiments with low_resolution refitted",
    )

    @model_validator(mode="after")
    def _slices_in_matrix(self) -> Self:
        last = self.matrix[2] - 1
        if self.slices is not None and not self.slices[0] <= self.slices[1] <= last:
            raise rule("slices", f"is {self.slices}, expected null or [first, last] with first <= last <= {last}")
        return self

    @model_validator(mode="after")
    def _acquired_in_matrix(self) -> Self:
        largest = self.matrix[:2]
        if self.acquired is not None and any(n > size for n, size in zip(self.acquired, largest, strict=True)):
            raise rule("acquired", f"is {self.acquired}, expected null or [nx, ny] of at most {largest}")
        return self

    @model_validator(mode="after")
    def _refitted_below_matrix(self) -> Self:
        smallest = min(self.matrix[:2])
        if any(n >= smallest for n in self.refitted):
            raise rule("refitted", f"is {self.refitted}, expected sizes below the matrix, which is {self.matrix[:2]}")
        if self.refitted and self.acquired is not None:
            raise rule("refitted", f"is {self.refitted}, but acquired is {self.acquired}: expected one of the two")
        return self


class PhantomSettings(Phantom):
    """One scan of a phantom cohort. In the workflow, the participants table says what differs between scans."""

    naming: Literal["multivoxel", "vienna"] = Field(
        "multivoxel", description="names of the tables: sl1_3-5.table or sub-01_x05_y03_z01.table"
    )
    archive: bool = Field(False, description="lcmodel.tar.gz in place of the folder lcmodel/")
    lesion: bool = Field(True, description="presence of a glioma")


class PhantomCohort(Phantom):
    """A phantom cohort."""

    seed: int = Field(
        1, ge=0, le=2**63 - 1, description="seed of the whole cohort; with a participant's name, it decides everything"
    )


class CohortSettings(Settings):
    """Whose scans are studied, and how they become slices. Shared by all experiments."""

    name: FolderName = Field(description="name of the cohort in tables, figures and its folder of results")
    participants: str = Field(min_length=1, max_length=4096, description="path of the participants table")
    metabolites: Annotated[list[Metabolite], Field(min_length=1, max_length=100), Different] = Field(
        ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"], description="metabolites to study"
    )
    unit: Unit = Field("mM", description="unit of the concentrations; a.u. without water scaling")
    simulate: PhantomCohort | None = Field(
        None, description="settings of a phantom cohort; null or left out for real scans"
    )
    ingest: IngestSettings = Field(IngestSettings.of(), description="reading of the scans")
    quality: QualitySettings = Field(QualitySettings.of(), description="limits of the quality mask")
    slices: SliceSettings = Field(SliceSettings.of(), description="choice of the slices")
    mri: MriSettings = Field(MriSettings.of(), description="preparation of raw MRI")
