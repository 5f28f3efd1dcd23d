"""Objectives by name: what networks learn, as losses of a network on a batch.

| objective | network |
|---|---|
| regression | condition -> map |
| adversarial | condition -> map; noise, step, condition -> noisy map |
| likelihood | invertible, map <-> latents given a condition |
| noise_prediction | noisy map, step, condition -> noise |

Their settings are in settings/objective.py, their base class in base.py. A module is imported when an objective is built
from it, so that planning a workflow needs no torch, and a changed objective is part of the code of its own networks
alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.settings.objective import OBJECTIVES

if TYPE_CHECKING:
    from torch import nn

    from mrsi_sr.objectives.base import Objective

CLASSES = {
    "regression": ("regression", "Regression"),
    "adversarial": ("adversarial", "Adversarial"),
    "likelihood": ("likelihood", "Likelihood"),
    "noise_prediction": ("noise_prediction", "NoisePrediction"),
}  # objective -> module in this package, class


def module_of(objective: str) -> str:
    """The dotted name of an objective's module, such as mrsi_sr.objectives.likelihood."""
    return f"{__name__}.{CLASSES[objective][0]}"


def build(settings: NetworkSettings, needed: "dict[str, nn.Module] | None" = None) -> "Objective":
    """Build settings.objective; its arguments are that objective's settings.

    settings: a network's. needed: trained networks that the objective uses, by role.
    """
    objective = getattr(import_module(module_of(settings.objective)), CLASSES[settings.objective][1])
    own = {key: getattr(settings, key) for key in OBJECTIVES[settings.objective].model_fields}
    return objective(**own, **needed or {})
