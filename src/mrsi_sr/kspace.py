"""K-space truncation: the simulated measurement of a lower-resolution scan as a differentiable operator in torch.

The protocols' windows, and the same on arrays for programs that need no torch, are in scan/windows.py.
"""

from collections.abc import Iterator

import torch

from mrsi_sr.cli import UserError
from mrsi_sr.scan.windows import AXES, check_protocol, check_sizes, window_indices
from mrsi_sr.settings.architecture import FRAME


def projector(n: int, frame: int = FRAME) -> torch.Tensor:
    """Real symmetric matrix P [frame, frame], float64, of the clean truncation along one axis: P @ x @ P.T.

    P is the Dirichlet kernel of the frequencies abs(k) < n/2.
    """
    check_sizes([n], frame)
    k = torch.arange(1 - n // 2, n // 2, dtype=torch.float64)
    position = torch.arange(frame, dtype=torch.float64)
    distance = position[:, None] - position[None, :]
    return torch.cos(2 * torch.pi / frame * k * distance[..., None]).sum(-1) / frame


def harmonics(frame: int = FRAME) -> torch.Tensor:
    """Orthonormal real waves on N positions, float64 [N, N - 1]: constant, then cosine and sine of k = 1, .. N/2 - 1.

    The first n - 1 of them span the frequencies abs(k) < n/2: the projector of size n is B @ B.T of these columns B.
    """
    position = torch.arange(frame, dtype=torch.float64)
    angle = 2 * torch.pi / frame * position[:, None] * torch.arange(1, frame // 2)
    waves = torch.stack([angle.cos(), angle.sin()], dim=2).flatten(1) * 2**0.5
    return torch.cat([torch.ones(frame, 1, dtype=torch.float64), waves], dim=1) / frame**0.5


class Truncation:
    """Forward operator from maps [B, 1, frame, frame] to the k-space of a low-resolution scan, and back to maps.

    Sizes n are one integer, or one per map, integer [B], so a batch may mix them. Everything is differentiable in the
    map. Sizes on a GPU are not checked, since reading them would synchronise the device: call check_sizes() where they
    are read. Results are in single precision also under autocast, since data consistency must be exact.
    """

    def __init__(self, protocol: str, frame: int = FRAME, device: torch.device | str = "cpu"):
        check_protocol(protocol)
        if frame % 2 or frame < 2:
            raise UserError(f"a frame of {frame} voxels has no centred window\n  choose an even number")
        self.protocol, self.frame, self.device = protocol, frame, torch.device(device)
        # One row per half size n/2, from 0, so that a batch of sizes selects its rows on the device.
        windows = torch.zeros(frame // 2 + 1, frame, dtype=torch.bool)
        for half in range(1, frame // 2 + 1):
            windows[half, window_indices(2 * half, protocol, frame)] = True
        self._windows = windows.to(self.device)
        if protocol == "clean":
            none = torch.zeros(1, frame, frame, dtype=torch.float64)
            rows = [projector(2 * half, frame)[None] for half in range(1, frame // 2 + 1)]
            self._projectors = torch.cat([none, *rows]).to(self.device)

    def to(self, device: torch.device | str) -> "Truncation":
        """The same operator on another device."""
        return self if torch.device(device) == self.device else Truncation(self.protocol, self.frame, device)

    def window(self, n: torch.Tensor | int) -> torch.Tensor:
        """Measured part of k-space, bool [B, 1, frame, frame]."""
        line = self._windows[self._half(n)]
        return line[:, None, :, None] & line[:, None, None, :]

    def measure(self, x: torch.Tensor, n: torch.Tensor | int) -> torch.Tensor:
        """Centred k-space of the maps, complex [B, 1, frame, frame], zero outside the window."""
        return to_kspace(x) * self.window(n)

    def image(self, kspace: torch.Tensor) -> torch.Tensor:
        """Zero-filled map of a measurement: its magnitude in 'paper', exactly real in 'clean'."""
        x = from_kspace(kspace)
        return x.abs() if self.protocol == "paper" else x.real

    def truncate(self, x: torch.Tensor, n: torch.Tensor | int) -> torch.Tensor:
        """Zero-filled map of maps x, image(measure(x, n)); in 'clean' by real matrices alone, for compiled steps."""
        return self._project(x, n) if self.protocol == "clean" else self.image(self.measure(x, n))

    def at_every_size(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """Zero-filled maps in 'clean' of maps x [B, 1, N, N] at the sizes 2, 4, .. N in turn, float64 [B, 1, N, N].

        A size adds one harmonic along each axis to the size before, at a tenth of a projection's cost.
        """
        waves, x = harmonics(self.frame).to(self.device), x.double()[:, 0]
        coefficients, image = waves.T @ x @ waves, torch.zeros_like(x)
        for end in range(1, self.frame, 2):
            start = max(0, end - 2)
            before, new = waves[:, :start], waves[:, start:end]
            columns, rows = waves[:, :end] @ coefficients[:, :end, start:end], coefficients[:, start:end, :start]
            image = torch.baddbmm(image, columns, new.T.expand(len(x), -1, -1))
            image = torch.baddbmm(image, new.expand(len(x), -1, -1), rows @ before.T)
            yield image[:, None]

    def consistent(self, x: torch.Tensor, kspace: torch.Tensor, n: torch.Tensor | int) -> torch.Tensor:
        """Data consistency: real maps whose k-space inside the window is replaced by the measured one.

        In 'clean' the result has exactly the measured window. In 'paper' the conjugate of the line k = -n/2 is outside
        the window, where the map's own value stays; the real part averages the two. All other values are as measured.
        """
        if self.protocol == "clean":
            return _single(x) - self._project(x, n) + from_kspace(kspace).real
        return from_kspace(torch.where(self.window(n), kspace, to_kspace(x))).real

    def beyond(self, x: torch.Tensor, n: torch.Tensor | int) -> torch.Tensor:
        """Part of maps x outside the window, real; in 'paper' with half of the line k = -n/2 (see consistent)."""
        if self.protocol == "clean":
            return _single(x) - self._project(x, n)
        return x - from_kspace(self.measure(x, n)).real

    def _project(self, x: torch.Tensor, n: torch.Tensor | int) -> torch.Tensor:
        # In double precision: TF32 or bfloat16 matrix products would cause errors of 1e-3 in "exact" data consistency,
        # and two 64x64 products per map cost next to nothing.
        p = self._projectors[self._half(n)][:, None]
        with torch.autocast(x.device.type, enabled=False):
            return (p @ x.double() @ p).to(_single(x).dtype)

    def _half(self, n: torch.Tensor | int) -> torch.Tensor:
        n = torch.as_tensor(n)
        if n.device.type == "cpu":
            check_sizes(n.reshape(-1).tolist(), self.frame)
        return n.to(self.device, torch.long).reshape(-1) // 2


def to_kspace(x: torch.Tensor) -> torch.Tensor:
    """Centred orthonormal k-space of maps [..., H, W], complex of the same shape."""
    return torch.fft.fftshift(torch.fft.fft2(_single(x), norm="ortho"), dim=AXES)


def from_kspace(kspace: torch.Tensor) -> torch.Tensor:
    """Complex maps of centred orthonormal k-space [..., H, W], of the same shape."""
    return torch.fft.ifft2(torch.fft.ifftshift(kspace, dim=AXES), norm="ortho")


def _single(x: torch.Tensor) -> torch.Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
