"""Data consistency of super-resolved maps with what a scan measured: exact without noise, soft to its level with noise.

The smallest change of a map inside its mask that brings its measured part to the measurement: conjugate gradients for
least squares (Hestenes and Stiefel 1952), which end, map by map, where the misfit is as large as the noise is expected
to be (the discrepancy principle, Morozov 1966). Fitting closer than that would put the noise into the map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mrsi_sr.new_scan.measurement import ScanWindow

ITERATIONS = 300
EXACT = 1e-4  # of the measurement: the misfit at which a map without noise counts as exact


@dataclass(frozen=True)
class Fitted:
    """Maps [B, 1, F, F], zero outside their masks, and their misfit: norms over the norm of the measurement, [B]."""

    maps: Tensor
    misfit_before: Tensor
    misfit: Tensor


def fit(
    x: Tensor, measured: Tensor, trusted: Tensor, noise: Tensor, mask: Tensor, beyond: Tensor, window: ScanWindow
) -> Fitted:
    """Bring maps to agree with their measurement.

    x float [B, 1, F, F]: maps. measured [B, 1, x, y]: acquired values; trusted [B, 1, x, y], 0 to 1: weight of each.
    noise [B]: expected norm of the noise in the trusted values; 0 for exact consistency.
    mask [B, 1, F, F]: where maps may change, zero elsewhere. beyond [B, 1, F, F]: what is there outside the mask.
    """
    x, norm = x * mask, _norm(measured * trusted)
    residual = trusted * (measured - window.acquired(x + beyond))
    before, tolerance = _norm(residual), torch.maximum(noise, EXACT * norm)
    gradient = mask * window.adjoint(trusted * residual)
    direction, energy = gradient, _norm(gradient) ** 2
    for _ in range(ITERATIONS):
        working = (_norm(residual) > tolerance) & (energy > 0)
        if not working.any():
            break
        step_residual = trusted * window.acquired(direction)  # zero outside the mask, as the gradients are
        step = energy / (_norm(step_residual) ** 2).clamp(min=1e-30)
        step = torch.where(working, _not_below(tolerance, residual, step_residual, step), 0)
        x = x + _wide(step) * direction
        residual = residual - _wide(step) * step_residual
        gradient = mask * window.adjoint(trusted * residual)
        before_step, energy = energy, _norm(gradient) ** 2
        direction = gradient + _wide(energy / before_step.clamp(min=1e-30)) * direction
    scale = norm.clamp(min=1e-30)
    return Fitted(x, before / scale, _norm(residual) / scale)


def _not_below(tolerance: Tensor, residual: Tensor, change: Tensor, step: Tensor) -> Tensor:
    """The step [B], shortened where it would bring the residual below the tolerance: then to just that."""
    a, b = (change**2).sum((1, 2, 3)), (residual * change).sum((1, 2, 3))
    c = _norm(residual) ** 2 - tolerance**2
    after = _norm(residual - _wide(step) * change)
    meets = (b - (b * b - a * c).clamp(min=0).sqrt()) / a.clamp(min=1e-30)
    return torch.where(after < tolerance, meets, step)


def _norm(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


def _wide(x: Tensor) -> Tensor:
    return x.view(-1, 1, 1, 1)
