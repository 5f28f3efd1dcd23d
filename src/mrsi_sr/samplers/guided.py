"""Reconstruction guided by MRI: maps that are smooth but across the edges of T1 and FLAIR, without a network."""

from collections.abc import Callable

import torch
from torch import Tensor

from mrsi_sr.kspace import from_kspace
from mrsi_sr.maps.condition import Condition

AXES = (-1, -2)  # along which voxels have neighbours


def guided(
    _networks: dict, condition: Condition, _noise, *, weight: float, edge: float, iterations: int
) -> tuple[Tensor, int]:
    """Maps [B, 1, H, W] that fit the measurement and are smooth within the tissues that T1 and FLAIR show. NFE 0.

    Tikhonov regularisation with an anatomical prior: the least |Px - y|^2 + weight * sum_ij w_ij (x_i - x_j)^2 over
    pairs of neighbours i, j inside the mask, P the truncation and y the measured k-space, with the weights of
    `tissue_weights`. An edge-preserving quadratic penalty whose edges come from another image is as old as emission
    tomography's use of MRI (Leahy and Yan 1991); for noisy MR data see Haldar et al. 2008.

    By that many iterations of conjugate gradients from the zero-filled map, each map with step lengths of its own: the
    batch makes no difference. Then the measured k-space is put back exactly, and the outside of the mask is zero.
    """
    weights = [weight * each for each in tissue_weights(condition, edge)]
    nothing = torch.zeros_like(condition.low_resolution, dtype=torch.float64)
    target = -_misfit(condition, nothing)

    def normal(x: Tensor) -> Tensor:
        return _misfit(condition, x) + target + _smoothness(x, weights)

    start = condition.low_resolution.double() * condition.mask
    x = conjugate_gradients(normal, target, start, iterations).to(condition.low_resolution.dtype)
    return condition.consistent(x) * condition.mask, 0


def tissue_weights(condition: Condition, edge: float) -> list[Tensor]:
    """Weights of pairs of neighbours along each axis, float64: [B, 1, H, W - 1] and [B, 1, H - 1, W].

    exp(-(dT1^2 + dFLAIR^2) / (2 edge^2)) with the differences of both voxels in MRI of values 0..1; zero for a pair
    that is not inside the mask.
    """
    mri = [condition.t1_low.double(), condition.flair_low.double()]
    inside = condition.mask.double()
    weights = []
    for axis in AXES:
        squares = sum(each.diff(dim=axis) ** 2 for each in mri)
        length = inside.shape[axis] - 1
        pairs = inside.narrow(axis, 0, length) * inside.narrow(axis, 1, length)
        weights.append(torch.exp(-squares / (2 * edge**2)) * pairs)
    return weights


def conjugate_gradients(apply: Callable[[Tensor], Tensor], target: Tensor, x: Tensor, iterations: int) -> Tensor:
    """Solve apply(x) = target for each of B maps [B, 1, H, W] from a start x (Hestenes and Stiefel 1952).

    apply: linear, symmetric and positive semidefinite in each map.
    """
    residual = target - apply(x)
    direction, length = residual, _squares(residual)
    for _ in range(iterations):
        forward = apply(direction)
        x = x + (step := _ratio(length, _products(direction, forward))) * direction
        residual = residual - step * forward
        before, length = length, _squares(residual)
        direction = residual + _ratio(length, before) * direction
    return x


def _misfit(condition: Condition, x: Tensor) -> Tensor:
    """Half the gradient of |Px - y|^2 with respect to maps inside the mask, [B, 1, H, W]."""
    return from_kspace(condition.residual(x * condition.mask)).real * condition.mask


def _smoothness(x: Tensor, weights: list[Tensor]) -> Tensor:
    """Half the gradient of the weighted sum of squared differences, [B, 1, H, W]."""
    gradient = torch.zeros_like(x)
    for axis, own in zip(AXES, weights, strict=True):
        flow = own * x.diff(dim=axis)
        gradient.narrow(axis, 1, flow.shape[axis]).add_(flow)
        gradient.narrow(axis, 0, flow.shape[axis]).sub_(flow)
    return gradient


def _products(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(dim=(1, 2, 3), keepdim=True)


def _squares(x: Tensor) -> Tensor:
    return _products(x, x)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, and 0 where a map has converged to the last bit."""
    return torch.where(below > 0, above / below.clamp(min=torch.finfo(below.dtype).tiny), 0)
