"""Number of maps that a fold trains on, validates on and samples: known from the cohort's table, else assumed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.maps.cross_validation import divide
from mrsi_sr.scan.summary import read_summary
from mrsi_sr.settings.cohort import CohortSettings
from mrsi_sr.settings.experiment import FoldSettings
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.workflow.estimate.rates import SLICES


class Maps:
    """Maps of participants, and of the parts of each fold."""

    def __init__(self, cohort: CohortSettings, summary: Path):
        """summary: the cohort's table. Participants that it lacks have the mean of the others, or the papers'."""
        self._cohort = cohort
        self._known = {}
        if summary.is_file():
            rows = [row for row in read_summary(summary) if row["maps"]]
            self._known = {row["participant"]: (int(row["slices"]), int(row["maps"])) for row in rows}
        metabolites, frame = len(cohort.metabolites), cohort.slices.max_slices
        slices = min(SLICES, frame) if frame else SLICES
        if self._known:
            both = list(self._known.values())
            self.typical = tuple(sum(each[k] for each in both) / len(both) for k in (0, 1))
        else:
            self.typical = (slices, slices * metabolites)

    @property
    def in_words(self) -> str:
        """What the numbers are known from."""
        slices, maps = self.typical
        if self._known:
            return f"maps: {len(self._known)} participants are ingested ({maps:.0f} maps each)"
        return f"maps: nobody is ingested yet; assumed are {slices:.0f} slices, {maps:.0f} maps of each participant"

    def of(self, participant: str) -> tuple[float, float]:
        """Slices and maps of a participant."""
        return self._known.get(participant, self.typical)

    def in_fold(self, chosen: Mapping[str, str], settings: FoldSettings, fold: int) -> dict[str, list[str]]:
        """Participants of each part of a fold; nobody where the cohort is too small."""
        try:
            rows = divide(dict(chosen), settings)
        except UserError:
            return {}
        parts: dict[str, list[str]] = {}
        for row in rows:
            if row.fold == fold:
                parts.setdefault(row.part, []).append(row.participant)
        return parts

    def sampled(self, participants: Sequence[str], method: MethodSettings, sizes: Sequence[int]) -> float:
        """Number of samples of a method: maps of its part of the participants, times sizes, points and samples."""
        subset = method.subset
        participants = list(participants)[: subset.participants]
        share = len(subset.metabolites) / len(self._cohort.metabolites) if subset.metabolites else 1
        maps = 0.0
        for slices, number in map(self.of, participants):
            maps += number * share * (min(1, subset.slices / slices) if subset.slices and slices else 1)
        return maps * method.samples * sum(len(method.points_at(size)) for size in sizes)
