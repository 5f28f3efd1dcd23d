"""Sentence of a figure's caption on where its maps and scores come from."""

from collections.abc import Sequence

from mrsi_sr.report.caption import REGION_IN_WORDS, cohort_in_words, counted
from mrsi_sr.settings.experiment import REGIONS, FigureSettings


def origin(
    settings: FigureSettings,
    *,
    folds: Sequence[int],
    seeds: Sequence[int],
    configuration: str,
    participants: int | None = None,
    maps: int | None = None,
) -> str:
    """Origin of a figure: experiment, protocol and region, cohort, folds, seeds, what was counted, configuration.

    folds, seeds: those that the figure shows. configuration: fingerprint of the settings of what is shown.
    participants, maps: their numbers, where the figure shows means over them.
    """
    experiment = f"Experiment {settings.experiment}, protocol" if settings.experiment else "Protocol"
    region = settings.region or REGIONS[settings.protocol][0]
    counts = [(participants, "participant"), (maps, "map")]
    facts = [
        f"{experiment} {settings.protocol}: metrics {REGION_IN_WORDS[region]}",
        f"cohort {cohort_in_words(settings.cohort, settings.phantom)}",
        _numbered("fold", folds) + (f" of {settings.folds_in_all}" if settings.folds_in_all else ""),
        _numbered("training seed", seeds),
        *(counted(number, noun) for number, noun in counts if number is not None),
    ]
    return f"{'; '.join(filter(None, facts))}. Configuration {configuration}."


def _numbered(noun: str, numbers: Sequence[int]) -> str:
    return f"{noun}{'s' * (len(numbers) != 1)} {', '.join(map(str, sorted(numbers)))}"
