"""The base class of objectives: a loss, and what else training needs of an objective."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Objective(ABC):
    """A loss of a network on a batch, which training minimises.

    A batch has `target`, float [B, 1, H, W], and `condition`. All randomness is drawn from the generator given.
    critic: a second network that is trained beside the first and judges it, see critic.py; None without one.
    """

    critic = None

    @abstractmethod
    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss to train on, and its parts by name, for the record of losses."""

    def validation(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that selects the best weights, and its parts: the one that is trained on."""
        return self(network, batch, generator)

    def prepare(self, network: nn.Module, batch, generator: torch.Generator) -> None:  # noqa: B027
        """Initialise a network from a batch, once, before its first iteration: nothing to do."""
