"""Voxelwise intervals of a participant's maps: the error of each voxel in units of its scale."""

from collections.abc import Iterable

import numpy as np

from mrsi_sr.calibration.clinic import FLOOR, TINY
from mrsi_sr.calibration.ensembles import Ensemble
from mrsi_sr.calibration.scores import spread


def scale_of(ensemble: Ensemble) -> np.ndarray:
    """Scale of the error of each voxel, [H, W]: spread of the members, and a hundredth of the map's mean.

    The ensemble alone decides it, so that intervals mean ± factor x scale can be given where there is no truth. The
    mean, over the valid voxels, keeps the interval of a voxel open where all members agree.
    """
    mean = np.abs(ensemble.mean)[ensemble.valid].mean()
    return np.maximum(np.hypot(spread(ensemble.members), FLOOR * mean), TINY)


def standardised_errors(ensembles: Iterable[Ensemble]) -> dict[int, np.ndarray]:
    """Absolute errors of the ensemble means in units of the scale, by low-resolution size, ascending: {size: [V]}.

    ensembles: of one participant; all valid voxels of its maps of a size are taken together.
    """
    of_size: dict[int, list[np.ndarray]] = {}
    for each in ensembles:
        error = np.abs(each.truth - each.mean) / scale_of(each)
        of_size.setdefault(each.size, []).append(error[each.valid])
    return {size: np.sort(np.concatenate(parts)) for size, parts in of_size.items()}


def participant_score(errors: np.ndarray, percent: int) -> float:
    """Conformal score of a participant: the lowest factor with which this percentage of its voxels is inside.

    errors: of all its voxels, ascending [V].
    """
    return float(errors[-(-len(errors) * percent // 100) - 1])
