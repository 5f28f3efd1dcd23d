"""Windows of k-space: the part that a scan of lower resolution measures, in the protocols paper and clean.

| protocol | window of size n | low-resolution map |
|---|---|---|
| paper | frame/2 - n/2 <= index < frame/2 + n/2, so -n/2 <= k < n/2 | magnitude, as k = -n/2 lacks its conjugate |
| clean | abs(k) < n/2, n - 1 wide, closed under conjugation | real; the operator is self-adjoint and idempotent |

K-space is centred (k = 0 at index frame/2) and orthonormal (Parseval holds without a factor); axes are the map's.
Arrays alone: torch takes longer to import than a scan's windows take to compute.
"""

from collections.abc import Iterable

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.settings.architecture import FRAME
from mrsi_sr.settings.protocol import REGIONS, SIZES

AXES = (-2, -1)


def check_protocol(protocol: str) -> None:
    """Raise a UserError unless the protocol is 'paper' or 'clean'."""
    if protocol not in REGIONS:
        raise UserError(f"unknown protocol '{protocol}'\n  choose one of: {', '.join(REGIONS)}")


def check_sizes(sizes: Iterable[int], frame: int = FRAME) -> None:
    """Raise a UserError unless every size is an even number from 2 to the frame."""
    for n in sizes:
        if n != int(n) or n % 2 or not 2 <= n <= frame:
            raise UserError(
                f"low-resolution size {n} does not fit the {frame}x{frame} matrix\n"
                f"  a size is an even number from 2 to {frame}; the papers use {SIZES[0]}, {SIZES[1]}, ... {SIZES[-1]}"
            )


def window_indices(n: int, protocol: str, frame: int = FRAME) -> slice:
    """Indices of the window of size n along one axis of centred k-space: n of them in 'paper', n - 1 in 'clean'."""
    check_protocol(protocol)
    check_sizes([n], frame)
    first = frame // 2 - n // 2
    return slice(first + (protocol == "clean"), first + n)


def crop_window(kspace, n: int, protocol: str):
    """The window of centred k-space [..., frame, frame]: [..., w, w], an array or a tensor as given."""
    window = window_indices(n, protocol, kspace.shape[-1])
    return kspace[..., window, window]


def expand_window(window: np.ndarray, n: int, protocol: str, frame: int = FRAME) -> np.ndarray:
    """Centred k-space [..., frame, frame] with a stored window [..., w, w], and zero around it.

    Raises UserError where the window has another width than the protocol's window of size n.
    """
    inside = window_indices(n, protocol, frame)
    width = inside.stop - inside.start
    if window.shape[-2:] != (width, width):
        raise UserError(
            f"the {protocol} window of size {n} is {width}x{width}, but the k-space given is "
            f"{'x'.join(map(str, window.shape[-2:]))}\n  truncate again in protocol {protocol}"
        )
    kspace = np.zeros((*window.shape[:-2], frame, frame), window.dtype)
    kspace[..., inside, inside] = window
    return kspace


def measured_windows(maps: np.ndarray, sizes: Iterable[int], protocol: str) -> dict[int, np.ndarray]:
    """Simulated measurements of maps [..., N, N]: size -> window of k-space, complex64 [..., w, w].

    Computed in double precision. Raises UserError for a size that does not fit N.
    """
    sizes = list(sizes)
    check_sizes(sizes, maps.shape[-1])
    kspace = np.fft.fftshift(np.fft.fft2(maps.astype(np.float64), norm="ortho"), axes=AXES)
    return {n: crop_window(kspace, n, protocol).astype(np.complex64) for n in sizes}


def zero_filled(kspace: np.ndarray, protocol: str) -> np.ndarray:
    """Zero-filled maps [..., N, N] of centred k-space, complex [..., N, N] with zeros where it was not measured."""
    maps = np.fft.ifft2(np.fft.ifftshift(kspace, axes=AXES), norm="ortho")
    return np.abs(maps) if protocol == "paper" else maps.real
