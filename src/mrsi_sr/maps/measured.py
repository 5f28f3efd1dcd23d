"""Measured low-resolution scans of a participant, and the conditions that they give: the input of sampling."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.dataset import conditioned
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import ParticipantSlices, adjacent


@dataclass(frozen=True)
class Task:
    """One map to sample: positions in the participant's arrays, low-resolution size, number of the repetition."""

    slice: int
    metabolite: int
    size: int
    sample: int


class Measurements:
    """Low-resolution scans of a participant: k-space per size, in the maps' unit, and the noise of refitted scans."""

    def __init__(self, path: Path, slices: ParticipantSlices, protocol: str, sizes: Sequence[int]):
        """Read some sizes of a file that truncate.py wrote. Raises UserError as low_resolution.read does."""
        self.kspace = low_resolution.read(path, slices, protocol, sizes)
        self.refitted = low_resolution.kind_of(path) == low_resolution.REFITTED
        self._noise = low_resolution.read_noise(path, slices, sizes) if self.refitted else {}

    def of(self, tasks: Sequence[Task]) -> np.ndarray:
        """Centred k-space of the tasks' maps: complex64 [B, 1, H, W], zero outside each one's window."""
        return np.stack([self.kspace[task.size][task.slice, task.metabolite] for task in tasks])[:, None]

    def noise_of(self, tasks: Sequence[Task]) -> np.ndarray | None:
        """Noise of the tasks' maps per voxel, float32 [B] in the maps' unit; None of truncated maps."""
        if not self.refitted:
            return None
        return np.stack([self._noise[task.size][task.slice, task.metabolite] for task in tasks])

    def adjacent(self, tasks: Sequence[Task], slices: np.ndarray) -> np.ndarray:
        """As `of`, of the slices below and above: complex64 [B, 2, H, W]. slices: their positions, int [S, 2]."""
        return np.stack([self.kspace[task.size][slices[task.slice], task.metabolite] for task in tasks])


class Batches:
    """Conditions of a participant's maps, with the participant's arrays on the device."""

    def __init__(
        self, slices: ParticipantSlices, valid: np.ndarray, measurements: Measurements, truncation: Truncation,
        factors: ScaleFactors, neighbours: bool = False,
    ):  # fmt: skip
        """valid: bool [S, M, H, W], the valid voxels of the maps. factors: those of the networks.

        neighbours: whether conditions have the slices below and above.
        """
        self.measurements, self.truncation = measurements, truncation
        self.t1, self.flair = self._on_device(slices.t1), self._on_device(slices.flair)
        self.mask = self._on_device(valid.astype(np.float32))
        # The paper protocol scales by the high-resolution maximum, which a real low-resolution scan does not have.
        self.highest = self._on_device(slices.maps.max(axis=(2, 3))) if truncation.protocol == "paper" else None
        self.factors = factors
        self.adjacent = adjacent(slices.slices) if neighbours else None

    def condition(self, tasks: Sequence[Task]) -> tuple[Condition, Tensor]:
        """The scaled condition of the tasks' maps, and the scale [B, 1, 1, 1] in the map's unit."""
        slice_, metabolite, size = (
            self._on_device(np.array([getattr(task, name) for task in tasks]))
            for name in ("slice", "metabolite", "size")
        )
        near = None if self.adjacent is None else self._on_device(self.measurements.adjacent(tasks, self.adjacent))
        scaled_by = self.factors if self.highest is None else self.highest[slice_, metabolite].view(-1, 1, 1, 1)
        noise = self.measurements.noise_of(tasks)
        return conditioned(
            self.truncation, self._on_device(self.measurements.of(tasks)), self.mask[slice_, metabolite][:, None],
            scaled_by, self.t1[slice_], self.flair[slice_], size, metabolite, whole=self.measurements.refitted,
            adjacent=near, noise=None if noise is None else self._on_device(noise),
        )  # fmt: skip

    def _on_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.truncation.device)
