"""Interpolation of the low-resolution image by a kernel, as image viewers do it: no network, no data consistency."""

from functools import cache

import torch
from torch import Tensor

from mrsi_sr.maps.condition import Condition

LOBES = 3  # of Lanczos' kernel, the number that image programs take


def interpolated(_networks: dict, condition: Condition, _noise, *, kernel: str) -> tuple[Tensor, int]:
    """Maps [B, 1, H, W] interpolated from the n x n image of a scan of that matrix, zero outside the mask. NFE 0.

    The n x n image is what the scanner shows: the measured k-space, evaluated at the centres of its voxels, real in
    protocol 'clean' and its magnitude in 'paper'. It is interpolated along both axes by Lanczos' kernel of three lobes
    (Duchon 1979) or by cubic convolution (Keys 1981; a = -1/2, the spline of Catmull and Rom); weights that
    fall outside the image are left out, and the others sum to one. A size that is no integer, as a new scan's may be,
    is rounded.
    """
    images = torch.empty_like(condition.low_resolution)
    sizes = condition.size.round().long()
    for n in sizes.unique().tolist():
        own = sizes == n
        image = _low_resolution_image(condition.kspace[own], n, condition.truncation.protocol)
        weights = _weights(kernel, n, images.shape[-1]).to(image.device)
        images[own] = (weights @ image @ weights.T).to(images.dtype)
    return images * condition.mask, 0


def _low_resolution_image(kspace: Tensor, n: int, protocol: str) -> Tensor:
    """Image [B, 1, n, n] in double precision of centred orthonormal k-space [B, 1, N, N]."""
    waves = _waves(n, kspace.shape[-1]).to(kspace.device)
    image = waves @ kspace.to(waves.dtype) @ waves.T
    return image.abs() if protocol == "paper" else image.real


@cache
def _waves(n: int, frame: int) -> Tensor:
    """Inverse Fourier transform along an axis at the centres of n voxels that fill the frame, complex [n, frame]."""
    k = torch.arange(frame, dtype=torch.float64) - frame // 2
    return torch.exp(2j * torch.pi / frame * _centres(n, frame)[:, None] * k) / frame**0.5


@cache
def _weights(kernel: str, n: int, frame: int) -> Tensor:
    """Weights of n voxels in each of the frame's, float64 [frame, n]; each row sums to one."""
    position = _centres(frame, n)  # of the frame's voxels, in voxels of the image
    distance = (position[:, None] - torch.arange(n, dtype=torch.float64)).abs()
    weights = KERNELS[kernel](distance)
    return weights / weights.sum(1, keepdim=True)


def _centres(number: int, of: int) -> Tensor:
    """Centres of voxels that divide the length of `of` voxels, in those, float64 [number]; the first one's is 0."""
    return (torch.arange(number, dtype=torch.float64) + 0.5) * of / number - 0.5


def _lanczos(distance: Tensor) -> Tensor:
    return torch.where(distance < LOBES, torch.sinc(distance) * torch.sinc(distance / LOBES), 0)


def _cubic(distance: Tensor) -> Tensor:
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0))


KERNELS = {"lanczos": _lanczos, "cubic": _cubic}
