"""Runs of an experiment, each a fold and a training seed, and the text that stands for them in paths."""

from typing import NamedTuple

from mrsi_sr.results.names import fold_folder
from mrsi_sr.settings.experiment import ExperimentSettings


class Run(NamedTuple):
    """One fold, trained with one seed."""

    fold: int
    seed: int


def runs_of(experiment: ExperimentSettings) -> list[Run]:
    """All runs of an experiment: every fold that is run with every seed."""
    return [Run(fold, seed) for fold in experiment.folds.run for seed in experiment.seeds]


def folder_of(run: Run, experiment: ExperimentSettings) -> str:
    """Folder of a run in the experiment's results: fold-1 of the first seed, fold-1-seed-2 of another."""
    return fold_folder(run.fold, run.seed, experiment.seeds[0])


def text_of(run: Run, experiment: ExperimentSettings) -> str:
    """Value of the wildcard `fold` that stands for a run: 1 or 1-seed-2."""
    return folder_of(run, experiment).removeprefix("fold-")


def run_of(text: str, experiment: ExperimentSettings) -> Run:
    """Run that a value of the wildcard `fold` stands for."""
    fold, _, seed = text.partition("-seed-")
    return Run(int(fold), int(seed) if seed else experiment.seeds[0])


def fold_of(text: str) -> int:
    """Fold in a value of the wildcard `fold`."""
    return int(text.partition("-")[0])
