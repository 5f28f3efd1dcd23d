"""Presence of scores: which method, fold and seed a table needs and lacks, or has of other settings."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.scores import renewing
from mrsi_sr.report.agreement import FoldScores, stale
from mrsi_sr.results.names import fold_folder
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.report import Shown

MISSING = "missing"


class Absent(NamedTuple):
    """Scores that a table lacks: of a method, fold and seed; why: missing, or made with which other settings."""

    method: str
    fold: int
    seed: int
    why: str
    file: str  # empty where the workflow's path is not known

    @property
    def place(self) -> str:
        """Method, fold and seed in words."""
        return f"{self.method}, fold {self.fold}, seed {self.seed}"


def absent_scores(scores: Sequence[FoldScores], methods: Sequence[str], settings: Shown) -> list[Absent]:
    """Scores that are missing or stale, in the order of methods, folds and seeds.

    Every method needs the folds and seeds of the settings, or else those that any method has.
    """
    present = {(each.method, each.fold, each.seed) for each in scores}
    folds = settings.folds or sorted({each.fold for each in scores})
    seeds = settings.seeds or sorted({each.seed for each in scores})
    old = stale(scores, settings.expected or {})
    wanted = ((method, fold, seed) for method in methods for fold in sorted(folds) for seed in seeds)
    absent = [Absent(*key, MISSING, _file(*key, seeds[0], settings.experiment)) for key in wanted if key not in present]
    absent += [Absent(each.method, each.fold, each.seed, why, each.file) for each, why in old]
    return sorted(absent, key=lambda each: (methods.index(each.method), each.fold, each.seed))


def refuse(absent: Sequence[Absent], what: str = "table") -> None:
    """Raise a UserError that names all scores that are missing or stale, and the one command that makes them again.

    what: table, which may be partial, figure, or costs.
    """
    lines = [f"{each.place}: {each.why}" for each in absent]
    stale_ones = [each for each in absent if each.why != MISSING]
    raise UserError(
        "\n  ".join(
            [
                f"the scores of {len(absent)} of the {what}'s methods, folds and seeds are missing or stale:",
                *lines,
                renewing(each.file for each in absent),
                *(["or use the --configfile that the stale ones were made with"] if stale_ones else []),
                *(
                    ["or set allow_partial: true in the table, which then says what it lacks"]
                    if what == "table"
                    else []
                ),
            ]
        )
    )


def in_words(absent: Iterable[Absent], seeds: int) -> str:
    """Folds that a method lacks, and seeds where there are several: `fold 2 (missing), fold 3 (other settings)`."""
    parts = []
    for fold, each in groupby(absent, key=lambda each: each.fold):
        own = list(each)
        of_seeds = f", seed {', '.join(str(a.seed) for a in own)}" if seeds > 1 else ""
        why = ", ".join(dict.fromkeys(MISSING if a.why == MISSING else "of other settings" for a in own))
        parts.append(f"fold {fold}{of_seeds} ({why})")
    return ", ".join(parts)


def _file(method: str, fold: int, seed: int, first_seed: int, experiment: str | None) -> str:
    """Metrics file of a method, fold and seed in the workflow."""
    if experiment is None:
        return ""
    return f"results/{experiment}/{fold_folder(fold, seed, first_seed)}/metrics/{split_point(method)[0]}.parquet"
