"""Plan of the reader studies: files and parameters of the rules that make their pages and read their ratings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from mrsi_sr.cli import UserError
from mrsi_sr.reader_study.scale import ROLES
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.reader_study import ReaderStudy
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.reports import SAMPLES

FOLDER = "results/{experiment}/reader_study/{study}"
PAGE, RATED = f"{FOLDER}/page.html", f"{FOLDER}/analysis/figure.png"


class ReaderStudies:
    """Files and parameters of reader_study and reader_ratings. Methods take Snakemake's wildcards."""

    def __init__(self, configuration: Configuration):
        self.configuration = configuration

    def sampled(self, wildcards) -> list[dict[str, str]]:
        """Wildcards of the samplings that a study shows: both methods, in every fold that is run, of the first seed."""
        study, folds = self._study(wildcards), self.configuration.experiment(wildcards.experiment).folds.run
        return [
            {"experiment": wildcards.experiment, "fold": str(fold), "method": getattr(study, role)}
            for role in ROLES
            for fold in folds
        ]

    def folders(self, wildcards) -> list[str]:
        """Folders of the samples."""
        return [SAMPLES.format(**place) for place in self.sampled(wildcards)]

    def samples(self, wildcards) -> list[str]:
        """Provenance of the samples."""
        return [f"{folder}/provenance.json" for folder in self.folders(wildcards)]

    def settings(self, wildcards) -> str:
        """Settings of a study, and what its texts say of where the images come from."""
        study, cohort = self._study(wildcards), self.configuration.cohort
        experiment = self.configuration.experiment(wildcards.experiment)
        methods = [getattr(study, role) for role in ROLES]
        return as_json(
            study.plain()
            | {
                "experiment": wildcards.experiment,
                "cohort": cohort.name,
                "phantom": cohort.simulate is not None,
                "training_seed": experiment.seeds[0],
                "labels": {name: self.configuration.label(name) for name in methods},
            }
        )

    def ratings(self, wildcards) -> list[str]:
        """Files that readers exported, in the study's folder of ratings."""
        return sorted(map(str, self._ratings_folder(wildcards).glob("*.csv")))

    def keys(self, wildcards) -> list[str]:
        """Keys of all pages that were made for a study. No rule makes them again: ratings outlive their images."""
        return sorted(map(str, Path(_folder(wildcards), "keys").glob("*.csv")))

    def check(self, tested: Callable[[str], list[str]]) -> None:
        """Raise UserError where a study wants more participants than its experiment tests.

        tested: participants whom an experiment tests in the folds that are run.
        """
        for place in self._places():
            wanted, names = self._study(SimpleNamespace(**place)).participants, tested(place["experiment"])
            if wanted > len(names):
                raise UserError(
                    "experiments.{experiment}.reader_studies.{study}.participants".format(**place)
                    + f" is {wanted}, but the folds that are run test {len(names)}: {listed(names)}\n"
                    "  run more folds (folds.run), or set it lower, with as many slices at each size"
                )

    def pages(self) -> list[str]:
        """Page of each study of the planned experiments."""
        return [PAGE.format(**place) for place in self._places()]

    def rated(self) -> list[str]:
        """Figure of each study that has ratings. Raises UserError where none has."""
        places = list(self._places())
        found = [place for place in places if self.ratings(SimpleNamespace(**place))]
        if not found:
            folders = [f"\n    {self._ratings_folder(SimpleNamespace(**place))}" for place in places]
            raise UserError(
                "there are no ratings yet: expected CSV files that readers exported from a study's page, in"
                f"{''.join(folders) or ' a reader study, which experiments.NAME.reader_studies describes'}"
            )
        return [RATED.format(**place) for place in found]

    def _places(self) -> Iterator[dict[str, str]]:
        for experiment, settings in self.configuration.studied.items():
            yield from ({"experiment": experiment, "study": name} for name in settings.reader_studies)

    def _ratings_folder(self, wildcards) -> Path:
        return Path(self._study(wildcards).ratings or f"{_folder(wildcards)}/ratings")

    def _study(self, wildcards) -> ReaderStudy:
        return self.configuration.experiment(wildcards.experiment).reader_studies[wildcards.study]


def _folder(wildcards) -> str:
    return FOLDER.format(experiment=wildcards.experiment, study=wildcards.study)
