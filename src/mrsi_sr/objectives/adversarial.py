"""Adversarial objective: a critic is trained beside the network, whose maps it should not tell from measured ones.

Used by the cWGAN rows (a munet that makes the map) and by TDPM's generator (a denoising_unet that makes the noisy map
at the truncation step). For TDPM the papers give no details; this is our reading of Zheng et al. 2022 ("Truncated
diffusion probabilistic models and diffusion-based adversarial auto-encoders"), conditioned:

- the generator is a U-Net of its own (FTDDM counts two, 60.6 M); it takes noise, as the map is at the end of the whole
  chain, and returns x after index truncation - 1, where the truncated denoiser starts; that index is also the U-Net's
  input for the step, a constant without information;
- its target is the measured map with noise of that index, drawn again for every batch;
- the critic sees T1, FLAIR, the low-resolution map and the noisy one, and is trained as the cWGAN's (Wasserstein loss
  with gradient penalty) in place of Zheng's Jensen-Shannon one;
- Zheng's loss is adversarial alone: reconstruction 0, adversarial_weight [1, 1], zero_probability 0. A reconstruction
  loss, where wanted, compares with the target's expectation, since its noise can't be foreseen.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mrsi_sr import devices
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.discriminator import Discriminator, critic_input
from mrsi_sr.networks.roles import generated
from mrsi_sr.objectives.base import Objective
from mrsi_sr.objectives.critic import Critic
from mrsi_sr.objectives.structural import structural_loss


@dataclass(frozen=True)
class GeneratorOutput:
    """Generated maps, with the real maps that the critic compares them with, the noise-free targets and the condition.

    image, real, expected: float [B, 1, H, W], zero outside the mask. condition: with the adversarial weight [B].
    """

    image: Tensor
    real: Tensor
    expected: Tensor
    condition: Condition


class Adversarial(Objective):
    """Reconstruction and Wasserstein loss with a drawn weight for each map (Dong et al. 2022, equation 4).

    critic: trained `critic_steps` times on `critic_loss` for each step of the network.
    """

    def __init__(
        self, *, alpha: float, reconstruction: float, adversarial_weight: list[float], zero_probability: float,
        gradient_penalty: float, critic_steps: int, critic_channels: int, diffusion_steps: int, truncation: int | None,
    ):  # fmt: skip
        """The arguments are explained in settings/objective.py."""
        self.alpha, self.reconstruction = alpha, reconstruction
        self.weights, self.zero_probability = adversarial_weight, zero_probability
        self.gradient_penalty = gradient_penalty
        self.schedule, self.truncation = Schedule.cosine(diffusion_steps), truncation
        self.critic = Critic(Discriminator(critic_channels), self.critic_inputs, self.critic_loss, critic_steps)

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The network's loss. Parts: l1, structural (1 - MS-SSIM), adversarial (minus the score, not weighted)."""
        output = self.generate(network, batch, generator)
        loss, parts = self.reconstruction_loss(output)
        adversarial = -self.score(output.image, output.condition)
        loss = self.reconstruction * loss + (output.condition.adversarial_weight * adversarial).mean()
        return loss, parts | {"adversarial": adversarial.mean()}

    def validation(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The reconstruction loss alone: scores of two networks can't be compared once the critic has changed."""
        return self.reconstruction_loss(self.generate(network, batch, generator))

    @torch.no_grad()
    def critic_inputs(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Real maps of a batch, and those that the network makes, as inputs of the critic, each [B, 12, 192, 192]."""
        output = self.generate(network, batch, generator)
        return critic_input(output.real, output.condition), critic_input(output.image, output.condition)

    def critic_loss(self, real: Tensor, made: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss: generated maps should score low, real ones high, and its slope between them be 1.

        real, made: of critic_inputs. The slope is the one by all that the critic reads: on that grid the papers'
        adversarial weights have their meaning. By the 64x64 map, a slope of 1 would be sqrt(27) times flatter: each of
        its voxels is 27 of the input.
        Parts: distance (the Wasserstein distance by the critic's scores), penalty (not weighted).
        """
        share = _uniform(len(real), generator, real).view(-1, 1, 1, 1)
        score = devices.fast(self.critic.module, real.device)
        distance = (score(real) - score(made)).mean()
        penalty = gradient_penalty(score, made.lerp(real, share))
        return self.gradient_penalty * penalty - distance, {"distance": distance, "penalty": penalty}

    def generate(self, network: nn.Module, batch, generator: torch.Generator) -> GeneratorOutput:
        """The network's map of each map in the batch, conditioned on an adversarial weight that is drawn for it."""
        mask, x0 = batch.condition.mask, batch.target * batch.condition.mask
        condition = replace(batch.condition, adversarial_weight=self.draw_weights(len(x0), generator, x0))
        if self.truncation is None:
            return GeneratorOutput(network(condition), x0, x0, condition)
        self.schedule = self.schedule.to(x0.device)
        start, noise = (_normal(x0.shape, generator, x0) for _ in range(2))
        index = self.truncation - 1
        real = self.schedule.add_noise(x0, index, noise) * mask
        expected = self.schedule.add_noise(x0, index, torch.zeros_like(noise))
        return GeneratorOutput(generated(network, start, condition, index), real, expected, condition)

    def draw_weights(self, number: int, generator: torch.Generator, like: Tensor) -> Tensor:
        """An adversarial weight [B] for each map: uniform between the two of the settings, or by chance 0."""
        lowest, highest = self.weights
        weight = lowest + (highest - lowest) * _uniform(number, generator, like)
        return weight * (_uniform(number, generator, like) >= self.zero_probability)

    def reconstruction_loss(self, output: GeneratorOutput) -> tuple[Tensor, dict[str, Tensor]]:
        """(1 - alpha) L1 + alpha (1 - MS-SSIM), without its weight. Parts: l1, structural."""
        l1 = (output.image - output.expected).abs().mean()
        structural = structural_loss(output.image, output.expected)
        return (1 - self.alpha) * l1 + self.alpha * structural, {"l1": l1, "structural": structural}

    def score(self, image: Tensor, condition: Condition) -> Tensor:
        """The critic's scores [B] of maps [B, 1, H, W], in the device's arithmetic."""
        return devices.fast(self.critic.module, image.device)(critic_input(image, condition))


def gradient_penalty(score, inputs: Tensor) -> Tensor:
    """Mean of (|gradient| - 1)^2 of the scores [B] of inputs [B, C, H, W] (Gulrajani et al. 2017, equation 3)."""
    inputs = inputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(score(inputs).sum(), inputs, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def _uniform(number: int, generator: torch.Generator, like: Tensor) -> Tensor:
    return torch.rand(number, generator=generator, device=generator.device).to(like)


def _normal(shape: torch.Size, generator: torch.Generator, like: Tensor) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device).to(like)
