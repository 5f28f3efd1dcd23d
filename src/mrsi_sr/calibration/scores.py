"""Proper scores of an ensemble of K members at V voxels, and its spread against its skill."""

import numpy as np

AT_A_TIME = 4_000_000  # differences of members that are in memory together


def crps(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Fair CRPS of each voxel, [V], in the unit of the maps: lower is better (Ferro 2014, equation 2).

    mean |x_k - y| - sum |x_k - x_l| / (2 K (K - 1)): on average the CRPS of infinitely many members of the same kind.
    members: [K, V]; truth: [V]. One member has no spread, and its CRPS is its absolute error.
    """
    from scoringrules import crps_ensemble

    number = len(members)
    if number == 1:
        return np.abs(members[0] - truth)
    parts = max(1, truth.size * number**2 // AT_A_TIME)
    return np.concatenate(
        [
            crps_ensemble(y, x, m_axis=0, estimator="fair", backend="numpy")
            for x, y in zip(np.array_split(members, parts, axis=1), np.array_split(truth, parts), strict=True)
        ]
    )


def energy_score(members: np.ndarray, truth: np.ndarray) -> float:
    """Fair energy score of all voxels together, in the unit of the maps (Gneiting and Raftery 2007, equation 22).

    The CRPS with the Euclidean norm in place of the absolute value; `fair` as in `crps`. members: [K, V]; truth: [V].
    The pairs' distances are SciPy's: scoringrules would hold all K * K * V differences in memory.
    """
    from scipy.spatial.distance import pdist

    error = np.linalg.norm(members - truth, axis=1).mean()
    return float(error if len(members) == 1 else error - pdist(members).mean() / 2)


def spread(members: np.ndarray) -> np.ndarray:
    """Spread of each voxel, [V]: standard deviation of K members, times sqrt((K + 1) / K); zero of one member.

    So the mean square of the spread is that of the ensemble mean's error where the truth is drawn as the members are
    (Fortin et al. 2014, equation 15). members: [K, V].
    """
    number = len(members)
    return members.std(axis=0, ddof=min(1, number - 1)) * np.sqrt((number + 1) / number)


def root_mean_square(values: np.ndarray) -> float:
    """Root mean square of values [V]."""
    return float(np.sqrt(np.mean(values**2)))
