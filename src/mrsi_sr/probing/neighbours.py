"""Slices beside a planted lesion, for networks that read them: a lesion is a ball, and its part there is smaller.

All slices of a scan are changed at once, each with a lesion of its own. So what a slice shows of its neighbours is not
the changed scan, but the scan as it is with the slice's own lesion alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.measured import Measurements, Task
from mrsi_sr.probing.cases import Case
from mrsi_sr.probing.lesions import Plane, on_map, profile
from mrsi_sr.scan.slices import ParticipantSlices, adjacent
from mrsi_sr.settings.probe import ProbeSettings


class Beside(Measurements):
    """Measurements whose slices each have neighbours of their own: `near`, complex64 [S, M, 2, N, N] by size."""

    def __init__(self, measurements: Measurements, near: Mapping[int, np.ndarray]):
        vars(self).update(vars(measurements))
        self.near = near

    def adjacent(self, tasks: Sequence[Task], _slices: np.ndarray) -> np.ndarray:
        """Centred k-space of the slices below and above each task's: complex64 [B, 2, H, W]."""
        return np.stack([self.near[task.size][task.slice, task.metabolite] for task in tasks])


def beside(
    changed: Measurements, measurements: Measurements, slices: ParticipantSlices, cases: Mapping[int, Case],
    plane: Plane, settings: ProbeSettings, truncation: Truncation,
) -> Beside:  # fmt: skip
    """Measurements of a scan with planted lesions, whose slices have their own lesion's part in their neighbours.

    changed, measurements: of the scan with the lesions and as it is. cases: the lesion of each slice, by its position.
    """
    positions, near = adjacent(slices.slices), {}
    changes = _changes(slices, cases, plane, settings, positions)  # [S, M, 2, N, N]
    for size, kspace in measurements.kspace.items():
        own = np.moveaxis(kspace[positions], 1, 2)
        change = truncation.measure(torch.from_numpy(changes).flatten(0, 2)[:, None], size)
        near[size] = own + change.view(own.shape).numpy()
        for s, side in zip(*np.nonzero(positions == np.arange(len(positions))[:, None]), strict=True):
            near[size][s, :, side] = changed.kspace[size][s]  # at an end of the scan a slice is its own neighbour
    return Beside(changed, near)


def _changes(
    slices: ParticipantSlices, cases: Mapping[int, Case], plane: Plane, settings: ProbeSettings, positions: np.ndarray
) -> np.ndarray:
    """What each slice's lesion changes in the slices beside it, float32 [S, M, 2, N, N]."""
    number, metabolites, frame, _ = slices.maps.shape
    changes = np.zeros((number, metabolites, 2, frame, frame), np.float32)
    for s, case in cases.items():
        for side, n in enumerate(positions[s]):
            away = plane.thickness_mm * abs(int(slices.slices[n]) - int(slices.slices[s]))
            if n == s or away >= case.diameter_mm / 2:
                continue
            diameter = 2 * ((case.diameter_mm / 2) ** 2 - away**2) ** 0.5
            shape = on_map(profile(plane, case.place, diameter, settings.edge_mm))
            for m, name in enumerate(slices.metabolites):
                changes[s, m, side] = slices.maps[n, m] * (case.contrast(name, settings) - 1) * shape
    return changes
