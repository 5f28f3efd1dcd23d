"""What a clinic reads off a participant's maps, by the truth and by each member: lesion mean, volume of a hotspot."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mrsi_sr.calibration.ensembles import Ensemble
from mrsi_sr.calibration.scores import spread
from mrsi_sr.scan.slices import ParticipantSlices

LESION_MEAN, HOTSPOT = "lesion_mean", "hotspot_volume"
QUANTITIES = (LESION_MEAN, HOTSPOT)
FLOOR = 0.01  # of a mean's scale, as a part of the mean: an ensemble without spread has a scale too
TINY = 1e-12  # in place of a scale of zero, of maps of zeros
MILLILITRE = 1000.0  # cubic millimetres


@dataclass(frozen=True)
class Reading:
    """One number of a participant: its true value, the ensemble's mean, and the scale of its error, in one unit."""

    quantity: str
    metabolite: str
    size: int
    truth: float
    estimate: float
    scale: float

    @property
    def score(self) -> float:
        """Conformal score: absolute error in units of the scale."""
        return abs(self.truth - self.estimate) / self.scale


def readings(ensembles: Iterable[Ensemble], slices: ParticipantSlices, hotspot: float) -> list[Reading]:
    """Lesion mean (unit of the maps) and hotspot volume (ml) of each metabolite and size of a participant.

    ensembles: all of one participant. Lesion mean: over the valid voxels of the lesion in all slices that are sampled.
    Hotspot: valid voxels above `hotspot` times the median of the valid voxels outside of the lesion, in the same map
    and slice; of the truth by the true median, of a member by its own. A participant without a valid voxel in the
    lesion has no lesion mean.
    """
    voxel_ml = abs(np.linalg.det(slices.affine[:3, :3])) / MILLILITRE
    of_metabolite: dict[tuple[str, int], list[Ensemble]] = {}
    for each in ensembles:
        of_metabolite.setdefault((each.metabolite, each.size), []).append(each)
    found = []
    for (metabolite, size), maps in of_metabolite.items():
        lesions = [each.valid & slices.lesion[each.row] for each in maps]
        if any(map(np.any, lesions)):
            members = np.concatenate([each.members[:, of] for each, of in zip(maps, lesions, strict=True)], axis=1)
            truth = np.concatenate([each.truth[of] for each, of in zip(maps, lesions, strict=True)])
            found.append(_reading(LESION_MEAN, metabolite, size, truth.mean(), members.mean(axis=1)))
        voxels = [_hot(each, of, hotspot) for each, of in zip(maps, lesions, strict=True)]
        truth, members = (voxel_ml * sum(parts) for parts in zip(*voxels, strict=True))
        found.append(_reading(HOTSPOT, metabolite, size, truth, members, floor=voxel_ml))
    return found


def _hot(ensemble: Ensemble, lesion: np.ndarray, factor: float) -> tuple[int, np.ndarray]:
    """Number of voxels above a multiple of the median outside of the lesion: of the truth, and of each member [K]."""
    normal = ensemble.valid & ~lesion if (ensemble.valid & ~lesion).any() else ensemble.valid

    def hot(maps: np.ndarray) -> np.ndarray:
        limits = factor * np.median(maps[:, normal], axis=1, keepdims=True)
        return (maps[:, ensemble.valid] > limits).sum(axis=1)

    return int(hot(ensemble.truth[None])[0]), hot(ensemble.members)


def _reading(
    quantity: str, metabolite: str, size: int, truth: float, members: np.ndarray, floor: float | None = None
) -> Reading:
    """A number and the scale of its error: the spread of the members [K] and a floor, in place of none."""
    estimate = float(members.mean())
    floor = FLOOR * abs(estimate) if floor is None else floor
    scale = max(float(np.hypot(spread(members[:, None])[0], floor)), TINY)
    return Reading(quantity, metabolite, size, float(truth), estimate, scale)
