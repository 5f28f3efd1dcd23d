"""Cases of a participant: the lesions that are planted, by seeded draws that all methods and kinds of change share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrsi_sr.cli import log
from mrsi_sr.maps.dataset import stable_hash
from mrsi_sr.probing.lesions import Plane, places
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.probe import ProbeSettings


@dataclass(frozen=True)
class Case:
    """A lesion in one slice, the same in all metabolites and at all sizes.

    slice: position in the participant's arrays. number: of the case in the slice, from 0. place: voxel of its centre.
    level: position of its contrast in the settings' lists. controls: normal places [C, 2] of a lesion as large.
    """

    slice: int
    number: int
    place: tuple[int, int]
    diameter_mm: float
    level: int
    controls: np.ndarray

    def contrast(self, metabolite: str, settings: ProbeSettings) -> float:
        """Multiple of the local value in the lesion."""
        levels = settings.decreases if falls(metabolite, settings) else settings.increases
        return levels[self.level % len(levels)]


def falls(metabolite: str, settings: ProbeSettings) -> bool:
    """Whether a metabolite falls in a lesion."""
    return metabolite in settings.decreasing


def cases_of(
    slices: ParticipantSlices, used: Sequence[int], normal: np.ndarray, plane: Plane, settings: ProbeSettings
) -> list[Case]:
    """Cases of a participant. used: positions of the slices that are probed. normal: bool [S, X, Y].

    Diameters and contrasts follow each other in a seeded order, so that all are equally frequent. A lesion that has no
    place in its slice is left out, and the log says so.
    """
    levels = max(len(settings.increases), len(settings.decreases))
    kinds = [(diameter, level) for diameter in settings.diameters_mm for level in range(levels)]
    order = _generator(settings.seed, slices.participant).permutation(len(kinds))
    found, drawn = [], 0
    for s in used:
        for number in range(settings.lesions):
            diameter, level = kinds[order[drawn % len(kinds)]]
            drawn += 1
            possible = places(plane, normal[s], diameter)
            if not len(possible):
                log.info(
                    "%s, slice %d: no place in normal tissue for a lesion of %g mm",
                    slices.participant, slices.slices[s], diameter,
                )  # fmt: skip
                continue
            generator = _generator(settings.seed, slices.participant, int(slices.slices[s]), number)
            chosen = generator.choice(len(possible), min(len(possible), settings.controls + 1), replace=False)
            i, j = possible[chosen[0]].tolist()
            found.append(Case(int(s), number, (i, j), diameter, level, possible[chosen[1:]]))
    return found


def _generator(*key) -> np.random.Generator:
    return np.random.default_rng(stable_hash("probe", *key))
