"""Noise prediction: an estimate of the noise in a map after any step of the diffusion chain."""

import torch
from torch import Tensor, nn

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.objectives.base import Objective


class NoisePrediction(Objective):
    """Mean squared error of the estimated noise (Ho et al. 2020; FTDDM equation 5 with equation 2's noise scale)."""

    def __init__(self, *, diffusion_steps: int, truncation: int | None):
        """The chain to learn is whole, or truncated to its first steps (FTDDM section 2.2: t uniform in 1..T_trunc)."""
        self.schedule = Schedule.cosine(diffusion_steps).first(truncation)

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Each map at a step of its own, drawn uniformly; noise is added, and its estimate judged, inside the mask.

        Outside the mask the noisy map is zero at every step, as it is when sampling (FTDDM Fig. 1: noise is added to
        the region of interest). The mean is over the voxels of all masks. One part: noise, the loss itself.
        """
        x0, mask = batch.target, batch.condition.mask
        step = torch.randint(self.schedule.steps, x0.shape[:1], generator=generator, device=generator.device)
        noise = torch.randn(x0.shape, generator=generator, device=generator.device)
        step, noise = step.to(x0.device), noise.to(x0)
        self.schedule = self.schedule.to(x0.device)
        x = self.schedule.add_noise(x0, step, noise) * mask
        error = (network(x, step, batch.condition) - noise).square() * mask
        loss = error.sum() / mask.sum().clamp(min=1)
        return loss, {"noise": loss}
