"""Plan of the cohort: parameters and files of the rules from simulate to truncate, and of the cohort's summary."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel import map_names
from mrsi_sr.lcmodel.names import PRESETS
from mrsi_sr.results.outputs import RECORD, read_record
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.cohort import MOST_VOXELS, IngestSettings, PhantomCohort
from mrsi_sr.settings.protocol import SIZES
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.consistency import check_maps_of_participants

SIMULATED = Path("results/simulated")
CHECKED_IMAGES = ("t1", "flair", "brain_mask", "lesion")  # columns whose images a scan's check looks at
COHORTS = Path("results/cohorts")
REGISTERED = Path("mri/registered")  # in a participant's folder of results: what register.py writes
PREPARED = ("t1", "flair", "brain_mask", "lesion")  # columns of raw MRI, and names of the images in that folder


class CohortPlan:
    """Parameters and files of the cohort's rules. Methods that depend on a job take Snakemake's wildcards."""

    def __init__(self, configuration: Configuration, rows: list[dict[str, str]] | None = None):
        self.configuration = configuration
        self.cohort = configuration.cohort
        self.folder = str(COHORTS / self.cohort.name)
        self.rows = rows or participants.read(self.cohort.participants)
        self.scans = {row["participant"]: row for row in participants.included(self.rows)}
        self._maps: dict[str, list[str]] = {}  # files of each participant's maps, listed once
        check_maps_of_participants(self.cohort.quality, list(self.scans))
        for name, row in self.scans.items():
            self._check_scan(name, row)

    def phantom_settings(self, wildcards) -> str:
        row = self._scan(wildcards)
        return phantom_of(row, self.cohort.simulate, self._pattern(row))

    def phantom_seed(self, wildcards) -> int:
        return self.cohort.simulate.seed

    def files(self, *columns: str, raw: bool = False) -> Callable:
        """Function that gives the inputs of a rule which reads these columns: files, or the provenance of made ones.

        raw: MRI as it was scanned; else, where the row says raw, as the rule register has prepared it.
        """

        def paths(wildcards) -> list[str]:
            row = self._scan(wildcards) if raw else self._prepared(wildcards)
            return sorted({_record(row[column]) or row[column] for column in columns if row[column]})

        return paths

    def scan_files(self, wildcards) -> list[str]:
        """Files that the ingestion of a scan reads: each map by itself, but a folder of 100,000 tables as a folder."""
        maps = self.maps_of(wildcards.participant) if self._scan(wildcards)["maps"] else []
        return sorted({*self.files("lcmodel", "reference")(wildcards), *maps})

    def file_flags(self, *columns: str) -> Callable:
        """Function that gives `--t1 PATH` for each of these columns that the participant's row fills."""

        def of_columns(wildcards) -> str:
            return flags({column: self._prepared(wildcards)[column] for column in columns})

        return of_columns

    def is_raw(self, participant: str) -> bool:
        """Whether a participant's MRI has to be prepared."""
        return self.scans[participant]["mri"] == participants.RAW

    def strip_flags(self, wildcards) -> str:
        row = self._scan(wildcards)
        given = {"t1": row["t1"], "brain_mask": row["brain_mask"]}
        return flags(given if row["brain_mask"] else given | {"method": self.cohort.mri.strip})

    def registration_files(self, wildcards) -> list[str]:
        """Files that a registration reads, beside the volumes and the brain."""
        return self.files("t1", "flair", "lesion", *self._targets(), raw=True)(wildcards)

    def registration_flags(self, wildcards) -> str:
        row, settings = self._scan(wildcards), self.cohort.mri
        given = {column: row[column] for column in ("t1", "flair", "lesion", *self._targets())}
        given |= {"method": settings.registration, "target": settings.target}
        return flags(given | {"bias_field": "n4" if settings.n4 else "kept"})

    def _targets(self) -> list[str]:
        """Columns of the images that T1 is registered to."""
        return ["reference"] if self.cohort.mri.target == "reference" else []

    def _prepared(self, wildcards) -> dict[str, str]:
        """Row of a participant, whose MRI is the prepared one where the table's is raw."""
        row = self._scan(wildcards)
        if not self.is_raw(row["participant"]):
            return row
        folder = f"{self.folder}/{row['participant']}/{REGISTERED}"
        made = [column for column in PREPARED if row[column] or column == "brain_mask"]
        return row | {column: f"{folder}/{column}.nii.gz" for column in made}

    def ingest_flags(self, wildcards) -> str:
        return flags(raw_scan_flags(self._scan(wildcards), self.cohort.ingest, self.metabolites(wildcards)))

    def check_flags(self, wildcards) -> str:
        row, cohort = self._scan(wildcards), self.cohort
        return flags(check_flags(row, cohort.ingest, self.metabolites(wildcards), cohort.unit))

    # Text of the user reaches rules by functions alone: in a plain string of a rule, braces are Snakemake's wildcards.

    def settings(self, part: str) -> Callable:
        """Function that gives one part of the cohort's settings as JSON."""
        return lambda wildcards: getattr(self.cohort, part).as_json()

    def metabolites(self, wildcards) -> str:
        return ",".join(self.cohort.metabolites)

    def unit(self, wildcards) -> str:
        return self.cohort.unit

    def external_maps(self, wildcards) -> list[str]:
        """S/N and line width maps that replace the volumes' own in the quality mask."""
        return list(self.cohort.quality.external_maps(wildcards.participant).values())

    def fitted_slices(self) -> tuple[int, int]:
        """First and last slice that the scans may have, as far as that is known before they are read."""
        phantom = self.cohort.simulate
        if phantom is not None:
            return tuple(phantom.slices or (0, phantom.matrix[2] - 1))
        own = any(row["reference"] or row["maps"] for row in self.scans.values())
        return 0, (MOST_VOXELS if own else self.cohort.ingest.matrix[2]) - 1

    def cohort_files(self, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}".rstrip("/") for participant in self.scans]

    def cohort_summary(self) -> str:
        return f"{self.folder}/summary.csv"

    def check_table(self) -> str:
        return f"{self.folder}/check.csv"

    def checked_images(self, wildcards) -> list[str]:
        return self.files(*CHECKED_IMAGES, raw=True)(wildcards)

    def all_slices(self) -> list[str]:
        return self.cohort_files("slices.npz")

    def montages(self) -> list[str]:
        return self.cohort_files("mask.png")

    def scan_folders(self, wildcards) -> list[str]:
        """Folder of each scan's results."""
        return self.cohort_files("")

    def cohort_sizes(self, wildcards) -> str:
        """Low-resolution sizes of all scans: the papers' that fit the frame, and those that an experiment adds.

        With the papers' among them, an experiment that is added later, or not planned today, rarely changes the maps.
        """
        experiments = self.configuration.experiments | self.configuration.others
        asked = {size for each in experiments.values() for size in each.evaluate_sizes}
        asked |= {size for each in self.configuration.methods.values() for size in each.sizes or []}
        return comma({size for size in SIZES if size < self.cohort.slices.frame} | asked)

    def refitted_folder(self, wildcards) -> str:
        """Folder of a participant's refitted low-resolution scans: the row's, or the phantom's own."""
        row, phantom = self._scan(wildcards), _phantom(self._scan(wildcards)["lcmodel"])
        own = str(SIMULATED / phantom / "low_resolution") if phantom and self.cohort.simulate.refitted else ""
        if folder := row["low_resolution"] or own:
            return folder
        raise UserError(
            f"{self.cohort.participants}: {row['participant']} has no folder of refitted scans\n"
            "  fill the column low_resolution, set cohort.simulate.refitted for phantoms, or choose masked"
        )

    def refitted_files(self, wildcards) -> list[str]:
        """Refitted low-resolution scans of a participant: a phantom's provenance, or the volumes of real ones."""
        folder = self.refitted_folder(wildcards)
        if record := phantom_record(folder):
            return [record]
        return sorted(map(str, Path(folder).glob("size-*/*.nii.gz"))) or [folder]

    def excluded(self, wildcards) -> str:
        return as_json({row["participant"]: row["exclude"] for row in self.rows if row["exclude"]})

    def _check_scan(self, name: str, row: dict[str, str]) -> None:
        """Raise UserError for a row that does not fit the cohort's settings: phantoms, and the patterns of maps."""
        where = f"{self.cohort.participants}: {name}"
        for column in participants.FILES:
            phantom = _phantom(row[column])
            if phantom and self.cohort.simulate is None:
                raise UserError(
                    f"{where}: {column} is {row[column]}, a file of a simulated scan\n"
                    "  name your own file, or set cohort.simulate (simulate: {}) for a phantom cohort"
                )
            if phantom and phantom not in self.scans:
                raise UserError(
                    f"{where}: {column} is {row[column]}, but no included row simulates {phantom}\n"
                    f"  expected a file below {SIMULATED / name}"
                )
            if phantom and self._pattern(row) not in PRESETS:
                raise UserError(
                    f"{where}: the pattern is {self._pattern(row)!r}, expected {' or '.join(PRESETS)} for a phantom"
                )
        if self.is_raw(name) and self.cohort.mri.target == "reference" and not row["reference"]:
            raise UserError(
                f"{where} has raw MRI and no reference, but cohort.mri.target is reference\n"
                "  name the scan's reference image, or set cohort.mri.target to maps"
            )
        if row["maps"] and "value" not in self.cohort.ingest.maps:
            raise UserError(
                f"{where} has ready-made maps, but cohort.ingest.maps lacks value: the pattern of their files, such as"
                " {metabolite}_conc.nii.gz"
            )

    def maps_of(self, participant: str) -> list[str]:
        """Files of a participant's ready-made maps; where all are gone, those that existing volumes were made from.

        Where some are missing, the folder: ingestion says which.
        """
        if participant not in self._maps:
            folder = self.scans[participant]["maps"]
            found = map_names.map_files(folder, self.cohort.ingest.maps, self.cohort.metabolites)
            if not map_names.images(folder):
                record = read_record(Path(self.folder, participant, "volumes", RECORD))
                found = [path for path in record.get("inputs_sha256", {}) if Path(path).is_relative_to(folder)]
            self._maps[participant] = found or [folder]
        return self._maps[participant]

    def _pattern(self, row: dict[str, str]) -> str:
        return row["pattern"] or self.cohort.ingest.pattern

    def _scan(self, wildcards) -> dict[str, str]:
        return self.scans[wildcards.participant]


def _record(path: str) -> str | None:
    """Provenance of the folder of results that a path lies in, None for files that no rule makes."""
    if REGISTERED.parts == Path(path).parts[-3:-1] and is_made(path):
        return str(Path(path).with_name(RECORD))
    return phantom_record(path)


def phantom_record(path: str) -> str | None:
    """Provenance of the simulated participant whose folder a path lies in, None for other paths."""
    phantom = _phantom(path)
    return str(SIMULATED / phantom / RECORD) if phantom else None


def _phantom(path: str) -> str | None:
    """Name of the simulated participant whose folder a path lies in, None for other paths."""
    return Path(path).relative_to(SIMULATED).parts[0] if is_simulated(path) else None


def phantom_of(row: dict[str, str], phantom: PhantomCohort, pattern: str) -> str:
    """Settings of the phantom of a row of participants or scans, PhantomSettings as JSON.

    phantom: what the phantoms of its table share, such as a low-resolution matrix. pattern: names of the row's tables.
    """
    own = {"naming": pattern, "archive": row["lcmodel"].endswith(".gz"), "lesion": bool(row["lesion"])}
    return as_json({key: value for key, value in phantom.plain().items() if key != "seed"} | own)


def is_simulated(path: str) -> bool:
    """Whether a path is a file of a phantom, which the workflow makes."""
    return SIMULATED in Path(path).parents


def is_made(path: str) -> bool:
    """Whether a path is a file that the workflow makes: a phantom's, or a result of a cohort."""
    return is_simulated(path) or COHORTS in Path(path).parents


def raw_scan_flags(row: dict[str, str], settings: IngestSettings, metabolites: str | None) -> dict:
    """Flags by which scripts read the raw scan of a row, as `flags` takes them."""
    if row["maps"]:
        return {"metabolites": metabolites, "maps": row["maps"], "files": as_json(settings.maps)}
    grid = {"reference": row["reference"]}
    if not row["reference"]:
        grid |= {key: getattr(settings, key) for key in ("matrix", "voxel_mm")}
    return {
        "metabolites": metabolites, "lcmodel": row["lcmodel"], "pattern": row["pattern"] or settings.pattern,
        "flip": row["flip"] or settings.flip, **grid,
    }  # fmt: skip


def check_flags(row: dict[str, str], settings: IngestSettings, metabolites: str, unit: str) -> dict:
    """Flags of the check of a row's raw scan, as `flags` takes them."""
    images = {column: row[column] for column in CHECKED_IMAGES}
    own = {"name": row["participant"], **images, "mri": row["mri"], "unit": unit}
    return raw_scan_flags(row, settings, metabolites) | own


def flags(values: dict) -> str:
    """Command-line flags, quoted; empty values are left out, lists become several words.

    A text is joined to its flag by an equals sign: one that begins with a dash would be taken for another flag.
    """
    words = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if value:
            words += [flag, *map(str, value)] if isinstance(value, list) else [f"{flag}={value}"]
    return shlex.join(words)


def comma(sizes: set[int] | list[int]) -> str:
    return ",".join(map(str, sorted(sizes)))
