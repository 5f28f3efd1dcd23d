"""The diffusion chain: forward noise and reverse steps as tensors.

Steps are counted from 0: step i of the code is the papers' t = i + 1, so that tables of T values are indexed directly,
i = 0 leads to the clean map, and i = T - 1 is the noisiest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mrsi_sr.diffusion.betas import cosine_betas


@dataclass(frozen=True)
class Schedule:
    """Noise schedule of a chain of T steps; tables are float64 [T], cast to the map's type where they are used.

    betas   beta, variance that each step adds (FTDDM equation 1)
    gammas  gamma, product of 1 - beta up to and including the step, so that after the step the map is
            sqrt(gamma) x0 + sqrt(1 - gamma) noise (equation 2)
    """

    betas: Tensor
    gammas: Tensor

    @classmethod
    def cosine(cls, steps: int) -> Schedule:
        """Cosine schedule with any number of steps from 1 (Nichol and Dhariwal 2021, equation 17)."""
        betas = torch.tensor(cosine_betas(steps), dtype=torch.float64)
        return cls(betas, torch.cumprod(1 - betas, dim=0))

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.betas)

    def first(self, steps: int | None) -> Schedule:
        """Chain truncated to its first steps (FTDDM equation 4); None: not truncated.

        Its noisiest map is the one after index steps - 1, where the reverse chain starts.
        """
        return Schedule(self.betas[:steps], self.gammas[:steps])

    def respaced(self, steps: int) -> tuple[Schedule, list[int]]:
        """Shorter chain through evenly spaced steps of this one, and their indices in this one, ascending.

        Gamma is unchanged at each of these steps (Nichol and Dhariwal 2021, section 4, equation 19). The first and the
        last step are among them; a single step is the last one.
        """
        even = torch.linspace(0, self.steps - 1, steps, dtype=torch.float64) if steps > 1 else [self.steps - 1]
        indices = [round(float(index)) for index in even]
        gammas = self.gammas[indices]
        return Schedule(1 - gammas / _before(gammas), gammas), indices

    def to(self, device: torch.device | str) -> Schedule:
        """The same schedule on another device."""
        return Schedule(self.betas.to(device), self.gammas.to(device))

    def noise_std(self, variance: str = "posterior") -> Tensor:
        """Standard deviation [T] of the noise that a reverse step adds.

        posterior: sqrt((1 - gamma_{t-1}) / (1 - gamma_t) beta_t), as in FTDDM below equation 3; zero at step 0.
        beta: sqrt(beta_t), as in the published code.
        """
        if variance == "beta":
            return self.betas.sqrt()
        return ((1 - _before(self.gammas)) / (1 - self.gammas) * self.betas).sqrt()

    def add_noise(self, x0: Tensor, step: int | Tensor, noise: Tensor) -> Tensor:
        """Noisy maps after a step (one index, or one per map [B]) from clean maps x0 [B, 1, H, W]: FTDDM equation 2."""
        signal, spread = self.gammas.sqrt(), (1 - self.gammas).sqrt()
        return _at(signal, step, x0) * x0 + _at(spread, step, x0) * noise

    def clean(self, x: Tensor, noise: Tensor, step: int | Tensor) -> Tensor:
        """Clean maps from noisy maps x [B, 1, H, W] and the noise estimated in them: FTDDM equation 2 solved for x0."""
        signal, spread = self.gammas.sqrt(), (1 - self.gammas).sqrt()
        return (x - _at(spread, step, x) * noise) / _at(signal, step, x)

    def noise(self, x: Tensor, x0: Tensor, step: int | Tensor) -> Tensor:
        """Noise in x [B, 1, H, W] if the clean maps are x0: FTDDM equation 2 solved for the noise."""
        signal, spread = self.gammas.sqrt(), (1 - self.gammas).sqrt()
        return (x - _at(signal, step, x) * x0) / _at(spread, step, x)

    def posterior_mean(self, x: Tensor, noise: Tensor, step: int | Tensor) -> Tensor:
        """Mean of the maps after a reverse step from x [B, 1, H, W], given the estimated noise: FTDDM equation 12."""
        share = self.betas / (1 - self.gammas).sqrt()
        return _at((1 - self.betas).rsqrt(), step, x) * (x - _at(share, step, x) * noise)


def _before(gammas: Tensor) -> Tensor:
    """Gamma [T] of the step before each step; 1 before the first, at the clean map."""
    return torch.cat([torch.ones_like(gammas[:1]), gammas[:-1]])


def _at(table: Tensor, step: int | Tensor, x: Tensor) -> Tensor:
    """Value of a table at a step, as a factor of maps x: one number, or [B, 1, 1, 1] for one step per map."""
    value = table[step].to(x.dtype)
    return value.view(-1, *[1] * (x.ndim - 1)) if value.ndim else value
