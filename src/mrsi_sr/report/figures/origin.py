"""Sentence of a figure's caption on where its maps and scores come from."""

from collections.abc import Sequence

from mrsi_sr.report.caption import REGION_IN_WORDS, cohort_in_words, counted, participants_in_words
from mrsi_sr.settings.protocol import REGIONS
from mrsi_sr.settings.report import FigureSettings


def origin(
    settings: FigureSettings,
    *,
    folds: Sequence[int],
    seeds: Sequence[int],
    configuration: str,
    participants: int | None = None,
    maps: int | None = None,
    part: str = "test",
) -> str:
    """Origin of a figure: experiment, protocol and region, cohort, folds, seeds, what was counted, configuration.

    folds, seeds: those that the figure shows. configuration: fingerprint of the settings of what is shown.
    participants, maps: their numbers, where the figure shows means over them. part: of the participants in their fold.
    """
    experiment = f"Experiment {settings.experiment}, protocol" if settings.experiment else "Protocol"
    region = settings.region or REGIONS[settings.protocol][0]
    facts = [
        f"{experiment} {settings.protocol}: metrics {REGION_IN_WORDS[region]}",
        f"cohort {cohort_in_words(settings.cohort, settings.phantom)}",
        _numbered("fold", folds) + (f" of {settings.folds_in_all}" if settings.folds_in_all else ""),
        _numbered("training seed", seeds),
        participants_in_words(participants, part) if participants is not None else "",
        counted(maps, "map") if maps is not None else "",
    ]
    return f"{'; '.join(filter(None, facts))}. Configuration {configuration}."


def _numbered(noun: str, numbers: Sequence[int]) -> str:
    return f"{noun}{'s' * (len(numbers) != 1)} {', '.join(map(str, sorted(numbers)))}"
