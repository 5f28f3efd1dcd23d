"""What a network learns: functions of a network and a batch that return a loss, by name.

| objective | network | settings |
|---|---|---|
| regression | condition -> map | alpha: the share of the structural loss, 0 to 1, default 0.84 |
| noise_prediction | noisy map, step, condition -> noise | diffusion_steps: length of the chain, from 1, default 1000 |

A batch has `target`, float [B, 1, H, W], and `condition`. All that is random is drawn from the generator given.
"""

from collections.abc import Callable

from torch import Tensor

from mrsi_sr.cli import UserError
from mrsi_sr.diffusion import Schedule
from mrsi_sr.objectives.noise_prediction import NoisePrediction
from mrsi_sr.objectives.regression import Regression

Objective = Callable[..., tuple[Tensor, dict[str, Tensor]]]

OBJECTIVES = ("regression", "noise_prediction")
ALPHA = 0.84  # both papers, after Zhao et al. 2016
DIFFUSION_STEPS = 1000  # FTDDM section 3.1


def build(settings: dict) -> Objective:
    """The objective that a network's settings name: objective(network, batch, generator) -> (loss, its named parts).

    Keys of the settings that say something else are left alone. Raises UserError for an unknown objective or value.
    """
    kind = settings.get("objective")
    if kind == "regression":
        return Regression(_alpha(settings))
    if kind == "noise_prediction":
        return NoisePrediction(schedule(settings))
    raise UserError(f"objective is {kind!r}\n  allowed: {', '.join(OBJECTIVES)}")


def schedule(settings: dict) -> Schedule:
    """The diffusion chain that a network with these settings learns. Raises UserError for an impossible length."""
    steps = settings.get("diffusion_steps", DIFFUSION_STEPS)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise UserError(f"diffusion_steps is {steps!r}\n  allowed: a whole number from 1; the paper uses 1000")
    return Schedule.cosine(steps)


def _alpha(settings: dict) -> float:
    alpha = settings.get("alpha", ALPHA)
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not 0 <= alpha <= 1:
        raise UserError(f"alpha is {alpha!r}\n  allowed: a number from 0 (L1 alone) to 1 (MS-SSIM alone)")
    return float(alpha)
