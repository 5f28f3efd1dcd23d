"""The diffusion chain: how much noise each step adds, and what its reverse takes away.

Steps are counted from 0: step i of the code is the papers' t = i + 1, so that tables of T values are indexed directly,
i = 0 leads to the clean map, and i = T - 1 is the noisiest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

OFFSET = 0.008  # s of Nichol and Dhariwal 2021: keeps the first step's noise from vanishing
LARGEST_BETA = 0.999  # ibid.: keeps the last step from being singular


@dataclass(frozen=True)
class Schedule:
    """A chain of T steps; tables are float64 [T] and are cast to the map's type where they are used.

    betas   beta, the variance that the step adds (FTDDM equation 1)
    gammas  gamma, the product of 1 - beta up to and including the step, so that after it the map is
            sqrt(gamma) x0 + sqrt(1 - gamma) noise (equation 2)
    """

    betas: Tensor
    gammas: Tensor

    @classmethod
    def cosine(cls, steps: int) -> Schedule:
        """The cosine schedule of Nichol and Dhariwal 2021, equation 17, for any number of steps from 1."""
        time = torch.arange(steps + 1, dtype=torch.float64) / steps
        kept = torch.cos((time + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2
        betas = (1 - kept[1:] / kept[:-1]).clamp(max=LARGEST_BETA)
        return cls(betas, torch.cumprod(1 - betas, dim=0))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.betas)

    def to(self, device: torch.device | str) -> Schedule:
        """The same tables on another device."""
        return Schedule(self.betas.to(device), self.gammas.to(device))

    def noise_std(self, variance: str = "posterior") -> Tensor:
        """Standard deviation [T] of the noise that a reverse step adds.

        posterior: sqrt((1 - gamma_{t-1}) / (1 - gamma_t) beta_t), as in FTDDM below equation 3; zero at the last
        step down. beta: sqrt(beta_t), the published code's.
        """
        if variance == "beta":
            return self.betas.sqrt()
        before = torch.cat([torch.ones_like(self.gammas[:1]), self.gammas[:-1]])
        return ((1 - before) / (1 - self.gammas) * self.betas).sqrt()

    def add_noise(self, x0: Tensor, step: int | Tensor, noise: Tensor) -> Tensor:
        """Clean maps x0 [B, 1, H, W] as they are after that step (an index or one per map [B]): FTDDM equation 2."""
        signal, spread = self.gammas.sqrt(), (1 - self.gammas).sqrt()
        return _at(signal, step, x0) * x0 + _at(spread, step, x0) * noise

    def posterior_mean(self, x: Tensor, noise: Tensor, step: int | Tensor) -> Tensor:
        """Mean of the map one step down, given x [B, 1, H, W] and the noise estimated in it: FTDDM equation 12."""
        share = self.betas / (1 - self.gammas).sqrt()
        return _at((1 - self.betas).rsqrt(), step, x) * (x - _at(share, step, x) * noise)

    def noise_within(self, x: Tensor, noise: Tensor, step: int | Tensor, bounds: tuple[float, float]) -> Tensor:
        """The estimated noise, changed so that the clean map it implies in x [B, 1, H, W] stays within the bounds.

        Early in the chain hardly any of x is signal, so a small error of the estimate implies an absurd clean map, on
        which the next steps build; Nichol and Dhariwal's implementation bounds that map too.
        """
        signal, spread = _at(self.gammas.sqrt(), step, x), _at((1 - self.gammas).sqrt(), step, x)
        clean = (x - spread * noise) / signal
        return (x - signal * clean.clamp(*bounds)) / spread


def _at(table: Tensor, step: int | Tensor, x: Tensor) -> Tensor:
    """The table's value at a step, to multiply maps x with: one number, or [B, 1, 1, 1] for a step per map."""
    value = table[step].to(x.dtype)
    return value.view(-1, *[1] * (x.ndim - 1)) if value.ndim else value
