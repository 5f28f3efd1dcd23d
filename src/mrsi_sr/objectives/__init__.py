"""What a network learns: functions of a network and a batch that return a loss, by name.

| objective | network | settings |
|---|---|---|
| regression | condition -> map | workflow/schemas/objective-regression.schema.yaml |
| noise_prediction | noisy map, step, condition -> noise | workflow/schemas/objective-noise_prediction.schema.yaml |

A batch has `target`, float [B, 1, H, W], and `condition`. All that is random is drawn from the generator given.
"""

from collections.abc import Callable

from torch import Tensor

from mrsi_sr.diffusion import Schedule
from mrsi_sr.objectives.noise_prediction import NoisePrediction
from mrsi_sr.objectives.regression import Regression

Objective = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def build(settings: dict) -> Objective:
    """The objective that a network's settings name: objective(network, batch, generator) -> (loss, its named parts).

    settings: complete, as network_settings.resolve_network returns them; keys that say something else are left alone.
    """
    if settings["objective"] == "regression":
        return Regression(settings["alpha"])
    return NoisePrediction(schedule(settings))


def schedule(settings: dict) -> Schedule:
    """The diffusion chain that a network with these settings learns."""
    return Schedule.cosine(settings["diffusion_steps"])
