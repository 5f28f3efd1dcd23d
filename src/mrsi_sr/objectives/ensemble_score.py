"""Ensemble score: members of a noise-conditioned network, judged by proper scores (CRPS of voxels, energy of maps)."""

import torch
from torch import Tensor, nn

from mrsi_sr.objectives.base import Objective


class EnsembleScore(Objective):
    """Almost-fair CRPS + weight x fair energy score of a few members around a regressor's map.

    Almost-fair CRPS: Lang et al. 2024 (AIFS-CRPS), equation 4; the energy score: Gneiting and Raftery 2007, equation
    22, with its fair estimator. A member is a map of one random vector and one field of noise.
    """

    def __init__(self, *, members: int, fairness: float, energy_weight: float, mean: nn.Module):
        """The arguments are explained in settings/objective.py; mean: trained network that makes the centre."""
        self.members, self.fairness, self.energy_weight, self.mean = members, fairness, energy_weight, mean

    def __call__(self, network: nn.Module, batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The scores of members inside the mask. Parts: crps (mean of voxels), energy (per root of voxels)."""
        condition, mask = batch.condition, batch.condition.mask
        with torch.no_grad():
            mean = self.mean(condition)
        many, shape = condition.repeat(self.members), (len(mask) * self.members, 1, *mask.shape[2:])
        field, vector = (
            torch.randn(size, generator=generator, device=generator.device).to(mask)
            for size in (shape, (shape[0], network.noise))
        )
        centre = mean.repeat_interleave(self.members, dim=0)
        images = network(many, state=field * many.mask, centre=centre, noise=vector)
        images, target = images.unflatten(0, (len(mask), self.members)), (batch.target * mask)[:, None]
        crps = almost_fair_crps(images, target, self.fairness) * mask
        crps = crps.sum() / mask.sum().clamp(min=1)
        if not self.energy_weight:
            return crps, {"crps": crps}
        energy = (energy_score(images, target) / mask.flatten(1).sum(1).clamp(min=1).sqrt()).mean()
        return crps + self.energy_weight * energy, {"crps": crps, "energy": energy}


def almost_fair_crps(members: Tensor, target: Tensor, fairness: float) -> Tensor:
    """CRPS of each voxel [B, ...] of members [B, M, ...] against a target [B, 1, ...].

    fairness 1: the fair estimator, unbiased for any number of members; 0: that of the members' own distribution.
    """
    number = members.shape[1]
    error = (members - target).abs().mean(dim=1)
    between = sum((members[:, i] - members[:, j]).abs() for i in range(number) for j in range(i))
    return error - (1 - (1 - fairness) / number) * between / (number * (number - 1))


def energy_score(members: Tensor, target: Tensor) -> Tensor:
    """Fair energy score [B] of maps: members [B, M, ...] against a target [B, 1, ...]."""
    number = members.shape[1]
    error = _norm(members - target).mean(dim=1)
    between = sum(_norm((members[:, i] - members[:, j])[:, None])[:, 0] for i in range(number) for j in range(i))
    return error - between / (number * (number - 1))


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm [B, M] of maps [B, M, ...]; its gradient is finite where they are equal."""
    return (x.flatten(2).square().sum(dim=2) + 1e-12).sqrt()
