"""Likelihood objective of a flow: likely maps, a centre near the map, samples that are consistent with the data."""

import math

import torch
from torch import Tensor, nn

from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.roles import super_resolved
from mrsi_sr.objectives.base import Objective
from mrsi_sr.objectives.structural import structural_loss

NO_CHAINS_NOISE = 0.05  # standard deviation outside the mask where there is no chain


class Likelihood(Objective):
    """Negative log-likelihood + guide loss + data-consistency loss (FTDDM equation 10, flow enhancer equation 6).

    | part | of | scale |
    |---|---|---|
    | nll | the target | bits per voxel: nats / (H W log 2) |
    | l1, structural | the sample of temperature 0 against the clean map, inside the mask | L1 a voxel; 1 - MS-SSIM |
    | data_consistency | samples of a temperature from U(0, 1) against the measured k-space | L1 a voxel and component |

    The papers write sums, but their weights of 10 belong to means, as we read them: beside a sum
    over 4,096 voxels a guide loss of at most 1 would have no effect, and in Table 2 of the flow enhancer it has.
    """

    def __init__(
        self, *, truncation: int, diffusion_steps: int, guide_weight: float, alpha: float,
        data_consistency_weight: float, outside_noise: float | None, super_resolver: nn.Module | None = None,
    ):  # fmt: skip
        """The arguments are explained in settings/objective.py.

        super_resolver: a trained network whose map takes the low-resolution map's place in the condition: then the
        flow is an enhancer.
        """
        self.last_step = truncation - 1
        self.schedule = Schedule.cosine(diffusion_steps) if truncation else None
        self.guide_weight, self.alpha = guide_weight, alpha
        self.data_consistency_weight = data_consistency_weight
        if outside_noise is None:
            outside_noise = float((1 - self.schedule.gammas[self.last_step]).sqrt()) if truncation else NO_CHAINS_NOISE
        self.outside_noise = outside_noise
        self.super_resolver = super_resolver

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a flow on a batch. The condition is computed once for the likelihood and for both samples.

        Parts: nll, and where they have a weight l1, structural, data_consistency, unweighted.
        """
        condition, mask = self.condition(batch.condition), batch.condition.mask
        context, target = network.condition(condition), self.target(batch, generator)
        nll = -network.log_prob(target, context).mean() / (math.log(2) * target[0].numel())
        loss, parts = nll, {"nll": nll}
        drawn = iter(self._samples(network, context, mask, generator))
        if self.guide_weight:
            clean, image = batch.target * mask, next(drawn)
            l1, structural = (image - clean).abs().mean(), structural_loss(image, clean)
            loss = loss + self.guide_weight * ((1 - self.alpha) * l1 + self.alpha * structural)
            parts |= {"l1": l1, "structural": structural}
        if self.data_consistency_weight:
            # By the batch's condition: an enhancer's own has another map in the low-resolution map's place.
            data_consistency = _data_consistency(next(drawn), batch.condition)
            loss = loss + self.data_consistency_weight * data_consistency
            parts["data_consistency"] = data_consistency
        return loss, parts

    def prepare(self, network: nn.Module, batch, generator: torch.Generator) -> None:
        """Initialise the flow's actnorms from a batch: once, before the first iteration of a run."""
        network.prepare(self.target(batch, generator), self.condition(batch.condition))

    def condition(self, condition: Condition) -> Condition:
        """The flow's condition: an enhancer's has the super-resolved map in place of the low-resolution one."""
        return super_resolved(condition, self.super_resolver)

    def target(self, batch, generator: torch.Generator) -> Tensor:
        """The flow's target [B, 1, H, W]: the map after the last step of the truncated chain, or the map itself.

        A map is exactly zero outside its mask, and a density could grow there without bound at the cost of the inside.
        The chain's noise, which the target has outside the mask too, prevents that, and a little noise does without a
        chain. It has no other effect, since samples are masked. The published code masks the target: outside_noise 0.
        """
        x0, mask = batch.target * batch.condition.mask, batch.condition.mask
        noise = _drawn(torch.randn, x0.shape, generator, x0)
        noisy = x0 if self.schedule is None else self.schedule.add_noise(x0, self.last_step, noise)
        return torch.where(mask > 0, noisy, self.outside_noise * noise)

    def _samples(self, network: nn.Module, context, mask: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Samples [B, 1, H, W] for the guide and for the data consistency, of those that have a weight, in one pass."""
        maps = len(mask)
        temperatures = []
        if self.guide_weight:
            temperatures.append(torch.zeros(maps, device=mask.device))
        if self.data_consistency_weight:
            temperatures.append(_drawn(torch.rand, (maps,), generator, mask))
        if not temperatures:
            return []
        context = context.repeat(len(temperatures))
        noise = _drawn(torch.randn, context.mean.shape, generator, mask)
        images = network.sample(context, torch.stack(temperatures, dim=1).flatten(), noise)
        return [image * mask for image in images.unflatten(0, (maps, -1)).unbind(1)]


def _data_consistency(image: Tensor, condition: Condition) -> Tensor:
    """L1 distance of the images' k-space to the measured one inside the window (flow enhancer equation 5).

    Summed over real and imaginary parts and divided by all of the frame's, so that a small window weighs little.
    """
    return torch.view_as_real(condition.residual(image)).abs().mean()


def _drawn(draw, shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Random numbers from a generator on any device, on the device of `like`."""
    return draw(shape, generator=generator, device=generator.device).to(like)
