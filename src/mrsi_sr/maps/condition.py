"""The condition of a network for a batch of maps: the measurement, valid voxels, MRI, size and metabolite."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from mrsi_sr.maps.scale import CEILING
from mrsi_sr.scan.slices import MRI_FACTOR

if TYPE_CHECKING:
    from mrsi_sr.kspace import Truncation


@dataclass(frozen=True)
class Condition:
    """Condition of B maps on a grid of H x W: measurement, mask and MRI of each; all tensors are on one device.

    low_resolution  float [B, 1, H, W]: the zero-filled low-resolution map, scaled as the target is
    kspace          complex [B, 1, H, W]: the measured k-space, centred, zero outside the window, in the same scale
    truncation      the forward operator that made the k-space and enforces consistency with it
    mask            float [B, 1, H, W]: 1 where the voxel's value is trusted, 0 elsewhere
    t1, flair       float [B, 3, 3H, 3W] in [0, 1]: the three MRI slices inside the map's slice
    size            long or float [B]: n, the low-resolution matrix size; of a scan with unequal axes a geometric mean
    metabolite      long [B]: position in the experiment's list of metabolites
    adversarial_weight  float [B]: how sharp the map should be, for a network that reads it; None elsewhere
    neighbours      float [B, 2, H, W]: low-resolution maps of the slices below and above, in the map's scale; the map's
                    own where there is none; None where no network reads them
    whole           whether the measured map goes on outside the mask: a scan does, a masked map is zero there
    noise           float [B]: standard deviation of the zero-filled map per voxel, in the same scale, from the %SD of
                    refitted scans; None where the measurement is a truncated map and has no noise of its own
    """

    low_resolution: Tensor
    kspace: Tensor
    truncation: Truncation
    mask: Tensor
    t1: Tensor
    flair: Tensor
    size: Tensor
    metabolite: Tensor
    adversarial_weight: Tensor | None = None
    neighbours: Tensor | None = None
    whole: bool = False
    noise: Tensor | None = None

    def __len__(self) -> int:
        """B, the number of maps."""
        return len(self.low_resolution)

    @property
    def upscaling_factor(self) -> Tensor:
        """Float [B]: grid over low-resolution matrix size, 64/n."""
        return self.low_resolution.shape[-1] / self.size.to(self.low_resolution.dtype)

    @property
    def ceiling(self) -> float:
        """Highest value that maps are meant to have in this scale: bound of sigmoids and of clipped estimates."""
        return CEILING[self.truncation.protocol]

    # Cached: a diffusion chain reads it a thousand times.
    @cached_property
    def t1_low(self) -> Tensor:
        """T1 on the map's grid [B, 1, H, W], averaged over the 3 x 3 x 3 MRI voxels of each voxel of the map."""
        return _average(self.t1)

    @cached_property
    def flair_low(self) -> Tensor:
        """FLAIR on the map's grid [B, 1, H, W], averaged over the 3 x 3 x 3 MRI voxels of each voxel of the map."""
        return _average(self.flair)

    def consistent(self, x: Tensor) -> Tensor:
        """Data consistency: maps x [B, 1, H, W], in this scale, with the measured k-space in place of their own.

        Of a measurement of the whole map, x counts inside the mask alone.
        """
        return self.truncation.consistent(self._measured(x), self.kspace, self.size)

    def residual(self, x: Tensor) -> Tensor:
        """Misfit of maps x [B, 1, H, W]: their k-space minus the measured one, complex [B, 1, H, W], in the window.

        Of a measurement of the whole map, x counts inside the mask alone.
        """
        return self.truncation.measure(self._measured(x), self.size) - self.kspace

    def unmeasured(self, x: Tensor) -> Tensor:
        """The part of maps x [B, 1, H, W] that the measurement says nothing of: their k-space outside the window."""
        return self.truncation.beyond(x, self.size)

    def _measured(self, x: Tensor) -> Tensor:
        """What was measured where x is the map inside the mask.

        Of a whole map, nothing finer is known of the outside than the zero-filled map.
        """
        return x * self.mask + self.low_resolution * (1 - self.mask) if self.whole else x

    def select(self, index) -> Condition:
        """The maps that index picks along the batch: a slice, a list of positions, a long or a bool tensor."""
        return self._each(lambda tensor: tensor[index])

    def repeat(self, k: int) -> Condition:
        """Every map k times in a row [k * B]: for k samples of each."""
        return self._each(lambda tensor: tensor.repeat_interleave(k, dim=0))

    def to(self, device: torch.device | str) -> Condition:
        """The same on another device."""
        moved = self._each(lambda tensor: tensor.to(device))
        return replace(moved, truncation=self.truncation.to(device))

    def _each(self, change) -> Condition:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(value) for name, value in values.items() if isinstance(value, Tensor)})


def _average(mri: Tensor) -> Tensor:
    return avg_pool2d(mri.mean(dim=1, keepdim=True), MRI_FACTOR)
