"""Ensembles of a participant: the repeated samples of each map, with its ground truth and valid voxels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.samples import Samples, truth_of
from mrsi_sr.scan.slices import ParticipantSlices


@dataclass(frozen=True)
class Ensemble:
    """Members of one map: [K, H, W] in the maps' unit, with the true map [H, W] and its valid voxels, bool [H, W].

    slice: index in the scan. row: number of the slice in the participant's file.
    """

    participant: str
    slice: int
    row: int
    metabolite: str
    size: int
    members: np.ndarray
    truth: np.ndarray
    valid: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Ensemble mean, [H, W]."""
        return self.members.mean(axis=0)

    def rescaled(self, factor: float) -> "Ensemble":
        """The ensemble with its deviations from the ensemble mean multiplied by a factor."""
        return self if factor == 1 else replace(self, members=self.mean + factor * (self.members - self.mean))


def ensembles_of(samples: Samples, truth: ParticipantSlices, protocol: str) -> Iterator[Ensemble]:
    """Ensembles of a participant's samples, one map at a time, in double precision.

    Valid voxels are the stored quality mask (clean), or where the true map is not zero (paper).
    Raises UserError for samples of a sweep, and for those that are not finite.
    """
    if points := sorted({*samples.point.tolist()} - {""}):
        raise UserError(
            f"{samples.path} has the points {', '.join(points)} of a sweep, whose samples are no ensemble\n"
            "  calibrate a method without a sweep"
        )
    if not np.isfinite(samples.maps).all():
        raise UserError(f"{samples.path} has values that are not finite\n  run sample.py again")
    maps, _ = truth_of(samples, truth)
    _, valid = truth.usable(protocol)
    of_map: dict[tuple[int, str, int], list[int]] = {}
    for i, key in enumerate(
        zip(samples.slice.tolist(), samples.metabolite.tolist(), samples.size.tolist(), strict=True)
    ):
        of_map.setdefault(key, []).append(i)
    rows, columns = ({value: i for i, value in enumerate(each)} for each in (truth.slices.tolist(), truth.metabolites))
    for (slice_, metabolite, size), members in of_map.items():
        row = rows[slice_]
        yield Ensemble(
            samples.participant, slice_, row, metabolite, size, samples.maps[members].astype(np.float64),
            maps[members[0]].astype(np.float64), valid[row, columns[metabolite]],
        )  # fmt: skip
