"""Plan of the cohort: parameters and files of the rules from simulate to truncate, and of the cohort's summary."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.outputs import RECORD
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.experiment import SIZES
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.configuration import Configuration

SIMULATED = Path("results/simulated")


class CohortPlan:
    """Parameters and files of the cohort's rules. Methods that depend on a job take Snakemake's wildcards."""

    def __init__(self, configuration: Configuration, rows: list[dict[str, str]] | None = None):
        self.configuration = configuration
        self.cohort = configuration.cohort
        self.folder = f"results/cohorts/{self.cohort.name}"
        self.rows = rows or participants.read(self.cohort.participants)
        self.scans = {row["participant"]: row for row in participants.included(self.rows)}
        if self.cohort.simulate is None:
            self._check_real()

    def phantom_settings(self, wildcards) -> str:
        row = self._scan(wildcards)
        settings = self.cohort.simulate.plain()
        del settings["seed"]
        own = {"naming": row["pattern"], "archive": row["lcmodel"].endswith(".gz"), "lesion": bool(row["lesion"])}
        return as_json(settings | own)

    def phantom_seed(self, wildcards) -> int:
        return self.cohort.simulate.seed

    def files(self, *columns: str) -> Callable:
        """Function that gives the inputs of a rule which reads these columns: files, or their phantom's provenance."""

        def paths(wildcards) -> list[str]:
            row = self._scan(wildcards)
            return sorted({_phantom_record(row[column]) or row[column] for column in columns if row[column]})

        return paths

    def file_flags(self, *columns: str) -> Callable:
        """Function that gives `--t1 PATH` for each of these columns that the participant's row fills."""

        def flags(wildcards) -> str:
            return _flags({column: self._scan(wildcards)[column] for column in columns})

        return flags

    def ingest_flags(self, wildcards) -> str:
        row, settings = self._scan(wildcards), self.cohort.ingest
        flags = {"metabolites": self.metabolites()}
        if row["maps"]:
            return _flags(flags | {"maps": row["maps"], "files": as_json(settings.maps)})
        flags |= {"lcmodel": row["lcmodel"], "pattern": row["pattern"] or settings.pattern}
        flags |= {"flip": row["flip"] or settings.flip, "reference": row["reference"]}
        if not row["reference"]:
            flags |= {key: getattr(settings, key) for key in ("matrix", "voxel_mm")}
        return _flags(flags)

    def settings(self, part: str) -> str:
        """One part of the cohort's settings as JSON."""
        return getattr(self.cohort, part).as_json()

    def metabolites(self) -> str:
        return ",".join(self.cohort.metabolites)

    def external_maps(self, wildcards) -> list[str]:
        """S/N and line width maps that replace the volumes' own in the quality mask."""
        return list(self.cohort.quality.external_maps(wildcards.participant).values())

    def cohort_files(self, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}".rstrip("/") for participant in self.scans]

    def cohort_summary(self) -> str:
        return f"{self.folder}/summary.csv"

    def all_slices(self) -> list[str]:
        return self.cohort_files("slices.npz")

    def montages(self) -> list[str]:
        return self.cohort_files("mask.png")

    def cohort_sizes(self) -> str:
        """Low-resolution sizes of all scans: the papers' that fit the frame, and those that an experiment adds.

        With the papers' among them, an experiment that is added later, or not planned today, rarely changes the maps.
        """
        experiments = self.configuration.experiments | self.configuration.others
        asked = {size for each in experiments.values() for size in each.evaluate_sizes}
        return comma({size for size in SIZES if size < self.cohort.slices.frame} | asked)

    def excluded(self) -> str:
        return as_json({row["participant"]: row["exclude"] for row in self.rows if row["exclude"]})

    def _check_real(self) -> None:
        """Raise UserError where a scan's files are those of a phantom, but no phantom is to be simulated."""
        for name, row in self.scans.items():
            for column, path in row.items():
                if column != "participant" and _phantom_record(path):
                    raise UserError(
                        f"{self.cohort.participants}: {column} of {name} is {path}, a file of a simulated scan\n"
                        "  name your own file, or set cohort.simulate (simulate: {}) for a phantom cohort"
                    )

    def _scan(self, wildcards) -> dict[str, str]:
        return self.scans[wildcards.participant]


def _phantom_record(path: str) -> str | None:
    """Provenance of the simulated participant whose folder a path lies in, None for other paths."""
    if not is_simulated(path):
        return None
    return str(SIMULATED / Path(path).relative_to(SIMULATED).parts[0] / RECORD)


def is_simulated(path: str) -> bool:
    """Whether a path is a file of a phantom, which the workflow makes."""
    return Path(path).is_relative_to(SIMULATED)


def _flags(values: dict) -> str:
    """Command-line flags, quoted; empty values are left out, lists become several words."""
    words = []
    for name, value in values.items():
        if value:
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def comma(sizes: set[int] | list[int]) -> str:
    return ",".join(map(str, sorted(sizes)))
