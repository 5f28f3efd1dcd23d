"""The second network of adversarial training: how a critic is trained beside the network that it judges."""

import torch
from torch import Tensor, nn

from mrsi_sr import devices
from mrsi_sr.maps.dataset import MapsOnDevice, generator_of, stable_hash
from mrsi_sr.settings.old_network import TrainingSettings


class Critic:
    """What is trained beside a network to judge it, with an optimizer of its own like the network's.

    It is part of the checkpoint, and not of the weights that are left.
    """

    def __init__(self, objective, settings: TrainingSettings, training: MapsOnDevice, seed: int, device: torch.device):
        self.objective, self.settings, self.training, self.device = objective, settings, training, device
        self.seed = stable_hash("critic", seed)
        self.module = objective.critic = devices.place(objective.critic, device).requires_grad_(False)
        self.optimizer = devices.adam(self.module, settings.learning_rate, settings.adam_betas, device)

    def step(self, network: nn.Module, iteration: int, learning_rate: float) -> dict[str, Tensor]:
        """Train it before the network's iteration; returns the parts of the last loss, the loss as `critic`.

        The critic has no gradients outside: the network's loss goes through it to the network alone.
        """
        self.module.requires_grad_(True)
        set_learning_rate(self.optimizer, learning_rate)
        for number in range(self.objective.critic_steps):
            turn = iteration * self.objective.critic_steps + number
            batch = self.training.training_batch(self.seed, turn, self.settings.batch_size)
            generator = generator_of(self.device, "critic", self.seed, turn)
            loss, parts = self.objective.critic_loss(network, batch, generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
        self.module.requires_grad_(False)
        return {"critic": loss, **parts}

    def state(self) -> dict:
        """All that its further training depends on."""
        return {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        """Continue from what `state` returned."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Let the optimizer's next step be of that size."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
