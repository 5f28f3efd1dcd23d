"""A study, as its records tell of it: its methods and networks, its folds, and the table of its cohort."""

from collections.abc import Sequence
from dataclasses import dataclass

from mrsi_sr.report.markup import markdown
from mrsi_sr.settings.claim import ClaimSettings
from mrsi_sr.settings.protocol import REGIONS

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Study:
    """A study.

    records: provenance of its metrics files. folds: participant, fold and part of each row of its folds. cohort: rows
    of the cohort table, as scan/summary.py has them.
    """

    settings: ClaimSettings
    records: Sequence[dict]
    folds: Sequence[tuple[str, int, str]]
    cohort: Sequence[dict[str, str]]

    @property
    def included(self) -> list[dict[str, str]]:
        """Rows of the cohort table of the participants in a fold."""
        names = {participant for participant, _, _ in self.folds}
        return [row for row in self.cohort if row["participant"] in names]

    @property
    def run(self) -> list[int]:
        """Folds that are scored."""
        return sorted({record["fold"] for record in self.records})

    def methods(self) -> dict[str, dict]:
        """Record of each method's first fold, by its name."""
        return {record["method"]: record for record in reversed(self.records)}

    def networks(self) -> dict[str, dict]:
        """Settings of each network in its first fold, by its name."""
        found: dict[str, dict] = {}
        for record in self.records:
            for role, name in record["sampling_settings"]["networks"].items():
                found.setdefault(name, record["networks"][role])
        return found

    @property
    def seeds(self) -> list[int]:
        """Seeds of training."""
        return sorted({record["seed"] for record in self.records})

    @property
    def region(self) -> str:
        """Voxels that scores count."""
        return REGIONS[self.settings.protocol][0]

    def prepared(self, part: str) -> dict:
        """Settings of the quality mask or the slices; empty where they were made by hand."""
        return next((each["cohort"][part] for each in self.records if each.get("cohort", {}).get(part)), {})

    def counts(self, fold: int) -> dict[str, int]:
        """Number of participants in each part of a fold."""
        return {part: sum(row[1:] == (fold, part) for row in self.folds) for part in PARTS}

    def label(self, method: str) -> str:
        """Name of a method, as tables have it."""
        return markdown(self.settings.labels.get(method, method))
