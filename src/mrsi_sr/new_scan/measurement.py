"""Measurement of a new scan: its acquired maps with holes filled, zero-filled to the target, and their noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrsi_sr.kspace import Truncation, to_kspace
from mrsi_sr.new_scan.target import TargetGrid
from mrsi_sr.scan.holes import fill


class ScanWindow(Truncation):
    """Forward operator of all maps of one scan: its matrix decides the window, along each axis its own.

    Sizes n are those that the maps are conditioned on; they are not looked at.
    """

    def __init__(self, target: TargetGrid, device: torch.device | str = "cpu"):
        """target: grid of the scan. The windows and projectors of square sizes, which Truncation makes, are not."""
        self.target, self.device, self.frame, self.protocol = target, torch.device(device), target.x.frame, "clean"
        self._truncating = [self._tensor(axis.projector()) for axis in (target.x, target.y)]
        self._zero_filling = [self._tensor(axis.to_target()) for axis in (target.x, target.y)]
        self._measuring = [self._tensor(axis.to_acquired()) for axis in (target.x, target.y)]

    def to(self, device: torch.device | str) -> "ScanWindow":
        """The same operator on another device."""
        return self if torch.device(device) == self.device else ScanWindow(self.target, device)

    def zero_filled(self, acquired: Tensor) -> Tensor:
        """Maps [..., x, y] on the acquired matrix, zero-filled to the frame: [..., F, F]."""
        return _both(self._zero_filling, acquired)

    def acquired(self, x: Tensor) -> Tensor:
        """What the scan shows of maps in the frame: [..., F, F] -> [..., x, y]."""
        return _both(self._measuring, x)

    def adjoint(self, acquired: Tensor) -> Tensor:
        """Transpose of `acquired`: [..., x, y] -> [..., F, F]."""
        return _both([matrix.T for matrix in self._measuring], acquired)

    def measure(self, x: Tensor, n) -> Tensor:
        """Centred k-space of the part of maps [..., F, F] that the scan measures, complex [..., F, F]."""
        return to_kspace(self.truncate(x, n))

    def _project(self, x: Tensor, _n) -> Tensor:
        return _both(self._truncating, x)

    def _tensor(self, matrix: np.ndarray) -> Tensor:
        return torch.from_numpy(matrix).to(self.device)


def _both(matrices: list[Tensor], x: Tensor) -> Tensor:
    """A matrix along each axis, in double precision: bfloat16 products would not be exact."""
    with torch.autocast(x.device.type, enabled=False):
        return (matrices[0] @ x.double() @ matrices[1].T).float()


@dataclass(frozen=True)
class Measurement:
    """Acquired maps of S slices and M metabolites on the scan's matrix, in their unit; axes [S, M, x, y].

    values: float32, band-limited, with holes filled and zero outside the brain. valid: bool, where a fit is trusted.
    filled: bool, where a value stands in for a fit that is missing or rejected, inside the brain.
    noise: float32, standard deviation of each valid value by its %SD; None where the scan has no %SD.
    """

    values: np.ndarray
    valid: np.ndarray
    filled: np.ndarray
    noise: np.ndarray | None

    def without_noise(self, metabolites: Sequence[str]) -> list[str]:
        """Metabolites whose noise is not known, since none of their values has a %SD."""
        known = np.zeros(len(metabolites), bool) if self.noise is None else self.noise.any(axis=(0, 2, 3))
        return [name for name, there in zip(metabolites, known, strict=True) if not there]

    @classmethod
    def of(cls, values: np.ndarray, sd: np.ndarray, valid: np.ndarray, brain: np.ndarray, window: ScanWindow):
        """Fill the holes of fitted values. sd: %SD, NaN where there is none. brain: fraction of each voxel, [S, x, y].

        A hole gets the harmonic continuation of the values around it, times the fraction of the voxel that is brain: so
        a voxel that is half brain, where nothing was fitted, is as dim as a fitted one would be.
        """
        inside = np.broadcast_to((brain > 0)[:, None], values.shape)
        valid = valid & inside & np.isfinite(values)
        continued = fill(np.where(valid, values, 0), valid, inside)
        filled = inside & ~valid
        whole = np.where(valid, values, continued * brain[:, None])
        limited = window.acquired(window.zero_filled(torch.from_numpy(whole).to(window.device))).cpu().numpy()
        noise = None
        if np.isfinite(sd[valid]).any():
            noise = np.where(valid & np.isfinite(sd), np.abs(values) * sd / 100, 0).astype(np.float32)
        return cls(limited, valid, filled, noise)
