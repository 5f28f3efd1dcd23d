"""Objectives by name: what networks learn, as losses of a network on a batch.

The class of an objective NAME is in the module NAME of this package, and has the name of its settings' class in
settings/objective.py; base.py has what all have in common. It is imported when an objective is built, and named nowhere
else: a changed objective is part of the code of its own networks alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.settings.objective import OBJECTIVES

if TYPE_CHECKING:
    from torch import nn

    from mrsi_sr.objectives.base import Objective


def build(settings: NetworkSettings, needed: "dict[str, nn.Module] | None" = None) -> "Objective":
    """A network's objective; its arguments are the settings of the objective, and needed networks by their role."""
    own = OBJECTIVES[settings.objective]
    objective = getattr(import_module(f"{__name__}.{settings.objective}"), own.__name__)
    return objective(**{key: getattr(settings, key) for key in own.model_fields}, **needed or {})
