"""Maps of some participants on the device: which are used, how they are moved, truncated, scaled and batched."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from mrsi_sr.cli import UserError
from mrsi_sr.kspace import Truncation, check_protocol, check_sizes
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.scale import ScaleFactors, low_resolution_maximum
from mrsi_sr.maps.usable import UsableMaps
from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices, SlicesInFiles

MAX_SHIFT_VOXELS = 3  # of the map (9 of the MRI), along each axis

# The symmetries of the square, as integer matrices on positions measured from the centre: four right angles, each as it
# is and flipped.
_TURN = torch.tensor([[0, -1], [1, 0]])
_FLIP = torch.tensor([[-1, 0], [0, 1]])
_TURNS = [torch.linalg.matrix_power(_TURN, quarter) for quarter in range(4)]
SYMMETRIES = torch.stack(_TURNS + [turn @ _FLIP for turn in _TURNS])


@dataclass(frozen=True)
class Batch:
    """B maps as target and condition of a network, both scaled; times the scale they are in the maps' unit.

    target float [B, 1, H, W]; condition: see Condition; scale float [B, 1, 1, 1] in the maps' unit.
    """

    target: Tensor
    condition: Condition
    scale: Tensor


@dataclass(frozen=True)
class Movement:
    """Augmentation of each of B maps: one of the 8 symmetries of the square, then a shift in voxels.

    symmetry long [B] in 0..7; shift long [B, 2], at most MAX_SHIFT_VOXELS along each axis.
    """

    symmetry: Tensor
    shift: Tensor

    @classmethod
    def draw(cls, number: int, generator: torch.Generator) -> "Movement":
        """Draw every symmetry and every shift with equal chance."""
        symmetry = torch.randint(len(SYMMETRIES), (number,), generator=generator)
        shift = torch.randint(-MAX_SHIFT_VOXELS, MAX_SHIFT_VOXELS + 1, (number, 2), generator=generator)
        return cls(symmetry, shift)

    def __call__(self, images: Tensor, voxel: int = 1) -> Tensor:
        """Move images [B, C, N, N] whose pixels are `voxel` times finer than the map's; what moves in is zero.

        Exact: every value is copied from one place, none is interpolated.
        """
        channels, size = images.shape[1:3]
        symmetry, shift = _symmetries(images.device)[self.symmetry], self.shift
        # Twice the distance from the centre is an integer also on an even grid, whose centre lies between pixels.
        line = 2 * torch.arange(size, device=images.device) - (size - 1)
        x = (line - 2 * voxel * shift[:, :1])[:, :, None]
        y = (line - 2 * voxel * shift[:, 1:])[:, None, :]
        # Where a value comes from is its place turned back, and the inverse of a symmetry is its transpose.
        matrix = symmetry[:, :, :, None, None]
        from_x = (matrix[:, 0, 0] * x + matrix[:, 1, 0] * y + (size - 1)) // 2
        from_y = (matrix[:, 0, 1] * x + matrix[:, 1, 1] * y + (size - 1)) // 2
        inside = (from_x >= 0) & (from_x < size) & (from_y >= 0) & (from_y < size)
        index = (from_x * size + from_y).clamp(0, size * size - 1).flatten(1)[:, None].expand(-1, channels, -1)
        return images.flatten(2).gather(2, index).view(images.shape) * inside[:, None]


def generator_of(device: torch.device | str, *key) -> torch.Generator:
    """A random generator on the device, seeded by a key of numbers and words: equal keys, equal draws."""
    return torch.Generator(device).manual_seed(stable_hash(*key))


def stable_hash(*key) -> int:
    """A hash of numbers and words with 63 bits, the same in every process."""
    text = "\0".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def conditioned(
    truncation: Truncation, kspace: Tensor, mask: Tensor, scaled_by: Tensor | ScaleFactors, t1: Tensor, flair: Tensor,
    size: Tensor, metabolite: Tensor, whole: bool = False, adjacent: Tensor | None = None, noise: Tensor | None = None,
) -> tuple[Condition, Tensor]:  # fmt: skip
    """The scaled condition of measurements in the maps' unit, and the scale [B, 1, 1, 1]; scale.py explains it.

    kspace complex [B, 1, H, W]; scaled_by: the high-resolution maximum [B, 1, 1, 1] in protocol 'paper', the factors in
    'clean'. whole: whether the measured map goes on outside the mask. adjacent: k-space of the slices below and above,
    complex [B, 2, H, W], where networks read it. noise: of refitted scans, in the maps' unit [B]; it bounds the scale
    of a map in which no signal was fitted. Training and sampling both scale here, so that a network meets what it was
    trained on.
    """
    low_resolution = truncation.image(kspace)
    if truncation.protocol == "paper":
        scale = scaled_by
    else:
        scale = scaled_by.of(size, metabolite) * low_resolution_maximum(low_resolution, mask, noise)
    neighbours = None if adjacent is None else truncation.image(adjacent) / scale
    if noise is not None:
        noise = noise / scale.view(-1)
    condition = Condition(
        low_resolution=low_resolution / scale, kspace=kspace / scale, truncation=truncation, mask=mask, t1=t1,
        flair=flair, size=size, metabolite=metabolite, whole=whole, neighbours=neighbours, noise=noise,
    )  # fmt: skip
    return condition, scale


class MapsOnDevice:
    """All usable maps of some participants, on the device; the MRI is stored once for all maps of a slice."""

    def __init__(
        self, participants: Sequence[ParticipantSlices] | SlicesInFiles, protocol: str, sizes: Sequence[int],
        device: torch.device | str = "cpu", factors: ScaleFactors | None = None, low_resolution: str = "masked",
        neighbours: bool = False, refitted: Mapping[str, Path] | None = None,
    ):  # fmt: skip
        """Take the usable maps of the participants, and log those that are not usable.

        low_resolution: what is measured, the maps as they are (masked), or with their rejected voxels inside the brain
        filled from the valid ones (filled), as a scan is, or low-resolution scans that were fitted anew (refitted);
        targets and masks are the same. refitted: files of these scans by participant.
        factors: those of the training participants; None where these are the training participants.
        neighbours: whether conditions have the slices below and above.
        Raises UserError for an unknown protocol or size, a size that was not refitted, participants of different
        metabolites or grids, values that are not finite, and when no map is left.
        """
        check_protocol(protocol)
        self.protocol, self.device, self.whole = protocol, torch.device(device), low_resolution != "masked"
        usable = UsableMaps.of(participants, protocol, low_resolution, self.device, refitted)
        self.metabolites, self.metabolite, self.slice = usable.metabolites, usable.metabolite, usable.slice
        self.maps, self.measured, self.valid = usable.maps, usable.measured, usable.valid
        self.t1, self.flair, self.noise = usable.t1, usable.flair, usable.noise
        self.adjacent = usable.adjacent if neighbours else None
        frame = self.maps.shape[-1]
        check_sizes(sizes, frame)
        self._refitted = None if usable.noise is None else torch.tensor(usable.refitted, device=self.device)
        if usable.noise is not None and (absent := sorted({*sizes} - {*usable.refitted})):
            raise UserError(
                f"no refitted scans of size {', '.join(map(str, absent))}\n"
                f"  there are those of {', '.join(map(str, usable.refitted))}: set the experiment's sizes to these"
            )
        self.sizes = torch.tensor(sorted(sizes))
        self.truncation = Truncation(protocol, frame, device)
        self.factors = factors
        if factors is None and protocol == "clean":
            self.factors = self._learned(usable.refitted)

    def __len__(self) -> int:
        """The number of maps."""
        return len(self.maps)

    def training_batch(self, seed: int, iteration: int, batch_size: int) -> Batch:
        """The batch of one training iteration (from 0): maps, movements and sizes depend on (seed, iteration) alone."""
        return self.drawn_batch(self.draw(seed, iteration, batch_size).to(self.device))

    def draw(self, seed: int, iteration: int, batch_size: int) -> Tensor:
        """The choices of one training iteration on the CPU, long [B, 5]: map, size, symmetry, shift along both axes.

        The maps come as one permutation after another, so each is drawn once before any is drawn again.
        """
        place = range(iteration * batch_size, (iteration + 1) * batch_size)
        index = torch.stack(
            [_order(len(self), seed, position // len(self))[position % len(self)] for position in place]
        )
        generator = generator_of("cpu", "batch", seed, iteration)
        movement = Movement.draw(batch_size, generator)
        sizes = self.sizes[torch.randint(len(self.sizes), (batch_size,), generator=generator)]
        return torch.column_stack([index, sizes, movement.symmetry, movement.shift])

    def drawn_batch(self, drawn: Tensor) -> Batch:
        """The batch of choices that `draw` returned, on the device [B, 5]; nothing is copied from the host."""
        index, sizes, symmetry = drawn[:, :3].unbind(1)
        return self.batch(index, sizes, Movement(symmetry, drawn[:, 3:]))

    def validation_choices(self, batch_size: int) -> Iterator[Tensor]:
        """Choices, as `draw` returns them, of batches with every map once, not moved, each at a fixed size.

        Sizes are spread evenly.
        """
        order = torch.randperm(len(self), generator=generator_of("cpu", "validation sizes"))
        sizes = self.sizes[order % len(self.sizes)]
        still = torch.zeros(len(self), 3, dtype=torch.long)
        yield from torch.column_stack([torch.arange(len(self)), sizes, still]).split(batch_size)

    def batch(self, index: Tensor, sizes: Tensor, movement: Movement | None = None) -> Batch:
        """The batch of the maps at index [B]: moved, then measured at the sizes [B], then scaled."""
        index, sizes = index.to(self.device), sizes.to(self.device)
        maps, mask = self.maps[index], self.valid[index].to(self.maps.dtype)
        measured, noise = self._scans(index[:, None], sizes)
        t1, flair = self.t1[self.slice[index]], self.flair[self.slice[index]]
        adjacent = None if self.adjacent is None else self._scans(self.adjacent[index], sizes)[0]
        if movement is not None:
            maps, measured, mask = movement(torch.cat([maps, measured, mask], 1)).split(1, 1)
            adjacent = None if adjacent is None else movement(adjacent)
            t1, flair = movement(torch.cat([t1, flair], 1), MRI_FACTOR).split(MRI_FACTOR, 1)
        t1, flair = t1.float(), flair.float()
        kspace = self.truncation.measure(measured, sizes)
        scaled_by = self.factors or maps.amax(dim=(1, 2, 3), keepdim=True)
        condition, scale = conditioned(
            self.truncation, kspace, mask, scaled_by, t1, flair, sizes, self.metabolite[index], self.whole,
            None if adjacent is None else self.truncation.measure(adjacent, sizes),
            None if noise is None else noise[:, 0],
        )  # fmt: skip
        return Batch(maps / scale, condition, scale)

    def _learned(self, refitted: Sequence[int]) -> ScaleFactors:
        """Factors of these maps as training participants'; refitted: sizes of refitted scans, where there are such."""
        if self.noise is not None:
            scans = self.maps, self.measured, self.noise, self.valid, self.metabolite, len(self.metabolites)
            return ScaleFactors.of_refitted(*scans, refitted)
        known = self.maps, self.measured, self.valid, self.metabolite, len(self.metabolites)
        return ScaleFactors.learned(*known, self.truncation)

    def _scans(self, index: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor | None]:
        """What is measured of the maps at index [B, K]: maps [B, K, H, W]; and the noise [B, K] of refitted scans."""
        if self._refitted is None:
            return self.measured[index][:, :, 0], None
        channel = (sizes[:, None] == self._refitted).int().argmax(dim=1, keepdim=True)
        return self.measured[index, channel], self.noise[index, channel]


@lru_cache(maxsize=8)  # of a network and its critic, each between two epochs
def _order(maps: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(maps, generator=generator_of("cpu", "order", seed, epoch))


@lru_cache
def _symmetries(device: torch.device) -> Tensor:
    """The symmetries' matrices on a device: copied to it once, since a captured step copies nothing."""
    return SYMMETRIES.to(device)
