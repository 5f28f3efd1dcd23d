"""Design of a reader study: balanced draws of participants, slices and sizes, and of the side of each image."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.settings.reader_study import ReaderStudy

DEALS = 100  # random assignments of sizes, of which the one with the most even number of lesions is taken


@dataclass(frozen=True, order=True)
class Candidate:
    """A slice with every map that readers are to see: its index k in the scan, and whether it has a lesion."""

    participant: str
    slice: int
    lesion: bool


@dataclass(frozen=True)
class Case:
    """A slice of the study, and the matrix size of its low-resolution images."""

    participant: str
    slice: int
    lesion: bool
    size: int


def generator(*key: object) -> np.random.Generator:
    """Random numbers that follow from a key of numbers and words alone."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def draw(candidates: Sequence[Candidate], settings: ReaderStudy) -> list[Case]:
    """Cases of a study, drawn from the slices that there are.

    Participants are drawn with equal chances, whether they have a lesion or not. Of each, one slice with a lesion is
    taken where there is one, and the others are drawn from its remaining slices. Each size has the same number of
    slices, the slices of one participant have different sizes as far as there are as many, and those with a lesion are
    spread over the sizes. Raises UserError where there are too few participants with enough slices.
    """
    random, slices = generator("design", settings.seed), enough(candidates, settings)
    if len(slices) < settings.participants:
        raise UserError(_too_few(candidates, len(slices), settings))
    chosen = random.permutation(list(slices))[: settings.participants]
    drawn = [_slices_of(slices[name], settings.slices_per_participant, random) for name in chosen]
    return min((_deal(drawn, settings.sizes, random) for _ in range(DEALS)), key=_unevenness)


def enough(candidates: Sequence[Candidate], settings: ReaderStudy) -> dict[str, list[Candidate]]:
    """Slices of each participant that has as many as the study takes of one, both in order."""
    slices: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates):
        slices.setdefault(candidate.participant, []).append(candidate)
    return {name: each for name, each in slices.items() if len(each) >= settings.slices_per_participant}


def balanced_sides(number: int, random: np.random.Generator) -> list[bool]:
    """Whether the first of two images is the super-resolved one: of half of the pairs, in random order."""
    return random.permutation(np.arange(number) < (number + random.integers(2)) // 2).tolist()


def _slices_of(candidates: list[Candidate], number: int, random: np.random.Generator) -> list[Candidate]:
    """So many slices of a participant, one of them with a lesion where there is one."""
    shuffled = [candidates[i] for i in random.permutation(len(candidates))]
    first = next((each for each in shuffled if each.lesion), shuffled[0])
    return [first, *(each for each in shuffled if each is not first)][:number]


def _deal(drawn: list[list[Candidate]], sizes: list[int], random: np.random.Generator) -> list[Case]:
    """Sizes dealt in turn to the slices of one participant after the other, all three in random order."""
    sizes = random.permutation(sizes).tolist()
    participants = [drawn[i] for i in random.permutation(len(drawn))]
    ordered = [each[i] for each in participants for i in random.permutation(len(each))]
    return [Case(each.participant, each.slice, each.lesion, sizes[i % len(sizes)]) for i, each in enumerate(ordered)]


def _unevenness(cases: list[Case]) -> int:
    """Difference between the sizes with the most and the fewest slices with a lesion."""
    lesions = Counter(case.size for case in cases if case.lesion)
    numbers = [lesions[case.size] for case in cases]
    return max(numbers) - min(numbers)


def _too_few(candidates: Sequence[Candidate], number: int, settings: ReaderStudy) -> str:
    counts = Counter(candidate.participant for candidate in sorted(candidates))
    there = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
    return (
        f"the study needs {settings.participants} test participants with {settings.slices_per_participant} slices each"
        f" that have every metabolite at every size by both methods, and there are {number}\n"
        f"  such slices: {there}\n"
        "  run more folds, sample more slices, or set the study's participants or slices_per_participant lower"
    )
