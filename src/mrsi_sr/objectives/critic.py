"""Training of a critic beside the network that it judges.

adversarial.py alone imports this module: a change here is part of the code of no other objective's networks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mrsi_sr import devices
from mrsi_sr.maps.dataset import MapsOnDevice, stable_hash


class Critic:
    """A second network, trained with an optimizer of its own, like the network's, on batches of its own.

    It is part of the checkpoint, and not of the weights that training returns.
    """

    def __init__(self, module: nn.Module, inputs: Callable, loss: Callable, steps: int):
        """What is trained, and how.

        inputs(network, batch, generator): what the critic compares, real and made, each [B, ..]. loss(real, made,
        generator): the critic's, with its parts. steps: for each step of the network.
        """
        self.module, self.inputs, self.loss, self.steps = module, inputs, loss, steps

    def place(self, network: nn.Module, settings, training: MapsOnDevice, seed: int, device: torch.device, repeated):
        """Move the critic to the device, before its first step.

        network: the one that it judges, in the device's arithmetic. settings: the network's. repeated(work): the work
        of one batch, as training repeats it on the device (training/repeated.py).
        """
        self.network, self.settings, self.training = network, settings, training
        self.seed = stable_hash("critic", seed)
        self.module = devices.place(self.module, device).requires_grad_(False)
        self.optimizer = devices.adam(self.module, settings.learning_rate, settings.adam_betas, device)
        self._update = repeated(self._updated)

    def step(self, iteration: int, learning_rate: float) -> dict[str, Tensor]:
        """Train the critic before an iteration of the network; returns the last loss as `critic`, and its parts.

        Outside this function the critic has no gradients: the network's loss goes through it to the network alone.
        """
        self.module.requires_grad_(True)
        devices.set_learning_rate(self.optimizer, learning_rate)
        turns = range(iteration * self.steps, (iteration + 1) * self.steps)
        chosen = torch.cat([self.training.draw(self.seed, turn, self.settings.batch_size) for turn in turns])
        losses = self._update(chosen, "critic", self.seed, iteration)
        self.module.requires_grad_(False)
        return {{"loss": "critic"}.get(name, name): value for name, value in losses.items()}

    def _updated(self, chosen: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """A step of the critic's optimizer on each of some batches; the last losses.

        The network makes the maps of all batches at once, since it doesn't change between these steps.
        """
        real, made = self.inputs(self.network, self.training.drawn_batch(chosen), generator)
        for batch in zip(real.chunk(self.steps), made.chunk(self.steps), strict=True):
            losses = devices.step(self.optimizer, *self.loss(*batch, generator))
        return losses

    def state(self) -> dict:
        """All that the critic's further training depends on."""
        return {"module": self.module.state_dict(), "optimizer": devices.moments(self.optimizer)}

    def restore(self, state: dict) -> None:
        """Continue from a state that `state` returned."""
        self.module.load_state_dict(state["module"])
        devices.restore_moments(self.optimizer, state["optimizer"])
