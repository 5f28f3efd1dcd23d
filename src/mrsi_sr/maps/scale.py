"""The scale of maps: what they are divided by, so that networks meet maxima near 1 whatever the unit and the size.

| protocol | scale of a map | highest value meant |
|---|---|---|
| paper | its own high-resolution maximum | 1 |
| clean | maximum of its low-resolution map inside the mask, times a factor of its size and metabolite | 2 |

A low-resolution map has lost part of its peaks, the more the smaller the size, and how much depends on the metabolite:
the factors are learned from the training participants, and stored with the weights of every network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrsi_sr.kspace import Truncation

# Upper bound, by protocol, of what ends in a sigmoid, and of the estimates that a sampler clips: scaled maps lie in
# 0..1 in 'paper'; in 'clean' their maxima are spread around 1, 90 % within 0.8..1.4 on phantoms (docs/protocols.md).
CEILING = {"paper": 1.0, "clean": 2.0}
BLOCK = 64  # maps that are truncated at once: memory does not grow with the cohort, and they stay in a CPU's cache
DECIMALS = 4  # of a factor: rounded off is what differs between devices


@dataclass(frozen=True)
class ScaleFactors:
    """Factors of the clean protocol: maximum of a map over that of its low-resolution map, for sizes and metabolites.

    table: float [N / 2, M] for maps of N x N and M metabolites; its rows are the sizes 2, 4, .. N.
    """

    table: Tensor

    @classmethod
    def learned(
        cls, maps: Tensor, measured: Tensor, valid: Tensor, metabolite: Tensor, count: int, truncation: Truncation
    ):
        """The medians over maps [B, 1, N, N] with their valid voxels, by metabolite [B], of `count` metabolites.

        measured: what low-resolution maps are made of, the maps themselves or those with filled holes [B, 1, N, N].
        All sizes have theirs, whichever a network is trained on: so all networks of a fold have the same factors. A
        metabolite without a map has the median over all maps.
        """
        blocks = zip(*(each.split(BLOCK) for each in (maps, measured, valid)), strict=True)
        ratios = torch.cat([_ratios(*block, truncation) for block in blocks], dim=1)
        return cls(_medians(ratios, metabolite, count).round(decimals=DECIMALS))

    @classmethod
    def of_refitted(
        cls, maps: Tensor, measured: Tensor, noise: Tensor, valid: Tensor, metabolite: Tensor, count: int,
        sizes: Sequence[int],
    ):  # fmt: skip
        """As `learned`, from refitted scans at K sizes: zero-filled maps `measured` [B, K, N, N], noise [B, K].

        Other sizes have factors between those of their neighbours, linearly.
        """
        lowest = [
            low_resolution_maximum(measured[:, [k]], valid, noise[:, k]).double().flatten() for k in range(len(sizes))
        ]
        ratios = maps.double().amax(dim=(1, 2, 3)) / torch.stack(lowest)
        known = _medians(ratios, metabolite, count).cpu().numpy()
        rows = np.arange(2, maps.shape[-1] + 1, 2)
        columns = [np.interp(rows, sizes, column) for column in known.T]
        return cls(torch.from_numpy(np.stack(columns, axis=1)).to(maps.device).round(decimals=DECIMALS))

    @classmethod
    def ones(cls, frame: int, count: int):
        """Factors of 1, for a method without networks, whose maps have no scale to meet."""
        return cls(torch.ones(frame // 2, count))

    def of(self, size: Tensor, metabolite: Tensor) -> Tensor:
        """The factor of each of B maps, float [B, 1, 1, 1]. size: long or float [B]; metabolite: long [B].

        Linear between the even sizes; smaller and larger sizes have the factors of the first and the last.
        """
        row = (size.double() / 2 - 1).clamp(0, len(self.table) - 1)
        below = row.long()
        above = (below + 1).clamp(max=len(self.table) - 1)
        factor = torch.lerp(self.table[below, metabolite].double(), self.table[above, metabolite].double(), row - below)
        return factor.float().view(-1, 1, 1, 1)

    def to(self, device: torch.device | str) -> "ScaleFactors":
        """The same on another device."""
        return ScaleFactors(self.table.to(device))

    def plain(self) -> list[list[float]]:
        """The table as JSON can hold it; equal factors are equal lists."""
        return self.table.tolist()

    @property
    def frame(self) -> int:
        """N, the side of the maps that they were learned from, in voxels."""
        return 2 * len(self.table)


def _medians(ratios: Tensor, metabolite: Tensor, count: int) -> Tensor:
    """Medians [K, M] over the maps of each metabolite [B], of ratios [K, B]; over all maps where it has none."""
    groups = [metabolite == each for each in range(count)]
    columns = [(ratios[:, group] if group.any() else ratios).median(dim=1).values for group in groups]
    return torch.stack(columns, dim=1)


def _ratios(maps: Tensor, measured: Tensor, valid: Tensor, truncation: Truncation) -> Tensor:
    """Maximum of each map over that of its low-resolution map inside the valid voxels, float64 [N / 2, B]."""
    low = [(each * valid).amax(dim=(1, 2, 3)) for each in truncation.at_every_size(measured)]
    return maps.double().amax(dim=(1, 2, 3)) / torch.stack(low)


def low_resolution_maximum(low_resolution: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
    """Maximum [B, 1, 1, 1] of low-resolution maps inside their masks, [B, 1, H, W]; of refitted scans, noise at least.

    It is above zero: a map x >= 0 that is zero outside its mask has <x, Px> = |Px|^2 > 0 with its truncation Px. A map
    with filled holes has its maximum inside the mask as well, since what is filled lies between valid values. The fits
    of a refitted scan may all be zero: then its noise [B] is the scale.
    """
    maximum = (low_resolution * mask).amax(dim=(1, 2, 3), keepdim=True)
    return maximum if noise is None else torch.maximum(maximum, noise.view(-1, 1, 1, 1))
