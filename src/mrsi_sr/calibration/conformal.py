"""Split-conformal prediction over participants: what a number of calibration participants can promise, and a bound.

The participants are exchangeable, the voxels of one of them are not: one participant gives one score, however many
voxels it has. With n calibration participants, the k-th lowest of their scores, k = ceil((n + 1) L), is at least the
score of a new participant with probability L or more, over the draw of all n + 1 participants (Vovk et al. 2005; Lei et
al. 2018, theorem 2.2). k must not exceed n: the highest level is n / (n + 1).
"""

from collections.abc import Sequence

import numpy as np

from mrsi_sr.cli import UserError


def highest_level(participants: int, pooled: bool = False) -> float:
    """Highest level, in percent, that so many participants support: 100 n / (n + 1).

    pooled: scores are out-of-fold residuals of all folds (CV+, Barber et al. 2021, theorem 4), which promise less:
    100 (1 - 2 / (n + 1)). That is for one participant in each fold; see `pooled_guarantee` for larger folds.
    """
    return 100 - (200 if pooled else 100) / (participants + 1)


def is_supported(level: int, participants: int, pooled: bool = False) -> bool:
    """Whether so many participants support a level in percent; in whole numbers, without rounding."""
    return level * (participants + 1) <= 100 * (participants + 1) - (200 if pooled else 100)


def needed(level: int, pooled: bool = False) -> int:
    """Number of participants that a level in percent needs."""
    return -(-(200 if pooled else 100) // (100 - level)) - 1


def check_levels(levels: Sequence[int], participants: int, where: str, pooled: bool = False) -> None:
    """Raise UserError, with the arithmetic, for a level in percent that so many participants do not support.

    where: what has the levels, for the error's text.
    """
    refused = [level for level in levels if not is_supported(level, participants, pooled)]
    if not refused:
        return
    fraction = f"1 - 2/{participants + 1}" if pooled else f"{participants}/{participants + 1}"
    rule = "1 - 2/(n + 1) with n pooled out-of-fold residuals (CV+)" if pooled else "n/(n + 1) with n participants"
    wanted = "; ".join(f"{level} % needs {needed(level, pooled)}" for level in refused)
    raise UserError(
        f"{where} has {', '.join(f'{level} %' for level in refused)}, but {participants} calibration participants"
        f" support at most {fraction} = {highest_level(participants, pooled):.1f} %\n"
        f"  the highest level is {rule}, and voxels do not count: {wanted}\n"
        "  ask for a lower level, or calibrate on more participants"
    )


def bound(scores: Sequence[float], level: int, pooled: bool = False) -> float:
    """Bound that a new participant's score does not exceed with at least this probability, in percent.

    scores: of the n calibration participants; the k-th lowest, k = ceil((n + 1) L), where of pooled residuals (CV+) L
    is (100 + level) / 2. Infinite where n participants do not support the level.
    """
    number = len(scores)
    if not is_supported(level, number, pooled):
        return np.inf
    rank = -(-(number + 1) * (100 + level) // 200) if pooled else -(-(number + 1) * level // 100)
    return float(np.sort(scores)[rank - 1])


def pooled_guarantee(level: int, participants: int, folds: int) -> float:
    """Probability in percent that CV+ intervals of a level promise with so many folds (Barber et al. 2021, theorem 4).

    The level less 100 min(2 (1 - 1/F) / (n/F + 1), (1 - F/n) / (F + 1)): nothing is lost with one participant a fold.
    """
    size = participants / folds
    return level - 100 * min(2 * (1 - 1 / folds) / (size + 1), (1 - folds / participants) / (folds + 1))
