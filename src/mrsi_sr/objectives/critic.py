"""Training of a critic beside the network that it judges.

adversarial.py alone imports this module: a change here is part of the code of no other objective's networks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr import devices
from mrsi_sr.maps.dataset import MapsOnDevice, generator_of, stable_hash


class Critic:
    """A second network, trained with an optimizer of its own, like the network's, on batches of its own.

    It is part of the checkpoint, and not of the weights that training returns.
    """

    def __init__(self, module: nn.Module, loss: Callable[..., tuple[Tensor, dict[str, Tensor]]], steps: int):
        """loss(network, batch, generator): the critic's, with its parts. steps: for each step of the network."""
        self.module, self.loss, self.steps = module, loss, steps

    def place(self, settings, training: MapsOnDevice, seed: int, device: torch.device) -> None:
        """Move the critic to the device, before its first step. settings: the network's."""
        self.settings, self.training, self.device = settings, training, device
        self.seed = stable_hash("critic", seed)
        self.module = devices.place(self.module, device).requires_grad_(False)
        self.optimizer = devices.adam(self.module, settings.learning_rate, settings.adam_betas, device)

    def step(self, network: nn.Module, iteration: int, learning_rate: float) -> dict[str, Tensor]:
        """Train the critic before an iteration of the network; returns the last loss as `critic`, and its parts.

        Outside this function the critic has no gradients: the network's loss goes through it to the network alone.
        """
        self.module.requires_grad_(True)
        devices.set_learning_rate(self.optimizer, learning_rate)
        for number in range(self.steps):
            turn = iteration * self.steps + number
            batch = self.training.training_batch(self.seed, turn, self.settings.batch_size)
            loss, parts = self.loss(network, batch, generator_of(self.device, "critic", self.seed, turn))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
        self.module.requires_grad_(False)
        return {"critic": loss, **parts}

    def state(self) -> dict:
        """All that the critic's further training depends on."""
        return {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        """Continue from a state that `state` returned."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
