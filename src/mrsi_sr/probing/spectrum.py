"""What a map has of the k-space that was not measured: error in both subspaces, Fourier ring correlation, sharpness."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from mrsi_sr.scan.windows import window_indices

EXACT = 1e-9  # part of the truth's power below which an estimate's is rounding
TAPER_VOXELS = 3.0  # over which a map fades out towards the edge of its mask: a sharp edge is in all of k-space


def kspace_of(images: np.ndarray) -> np.ndarray:
    """Centred orthonormal k-space of images [..., X, Y], as kspace.to_kspace."""
    return np.fft.fftshift(np.fft.fft2(images, norm="ortho"), axes=(-2, -1))


def window(size: int, protocol: str, frame: int) -> np.ndarray:
    """Measured part of k-space, bool [N, N]."""
    line = np.zeros(frame, bool)
    line[window_indices(size, protocol, frame)] = True
    return line[:, None] & line[None, :]


def unmeasured(images: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Part (1 - P) x of images x [..., X, Y] that a scan did not measure. measured: window [X, Y] of projector P."""
    kspace = np.where(measured, 0, kspace_of(images))
    return np.fft.ifft2(np.fft.ifftshift(kspace, axes=(-2, -1)), norm="ortho").real


def split_error(estimate: np.ndarray, truth: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """Norm of the error e, of its part P e in the measured subspace and of (1 - P) e, each over the truth's norm.

    estimate, truth: [X, Y]. measured: window [X, Y] of the projector P.
    """
    power, norm = np.abs(kspace_of(estimate - truth)) ** 2, np.linalg.norm(truth)
    parts = {"error": power, "error_measured": power[measured], "error_unmeasured": power[~measured]}
    return {name: float(np.sqrt(part.sum()) / norm) for name, part in parts.items()}


def beyond_band(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """What an estimate adds to the measured band, against what the truth has there, inside a mask [X, Y].

    sharpness: its power over the truth's; 1 is as sharp as the truth, 0 adds nothing. frc_beyond: their Fourier
    correlation over all that was not measured; 0 where nothing is added.
    """
    added, true = (unmeasured(image, measured)[mask] for image in (estimate, truth))
    power, needed = (added**2).sum(), (true**2).sum()
    correlation = (added * true).sum() / np.sqrt(power * needed) if power > EXACT * needed else 0.0
    return {"sharpness": float(power / needed), "frc_beyond": float(correlation)}


def ring_correlation(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fourier ring correlation [N / 2] at the radii 1, .. N / 2 in k-space (Saxton and Baumeister 1982).

    estimate, truth: maps [N, N], each less its mean in the mask, that fade out towards the mask's edge.
    """
    inside = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    weight = np.sin(np.pi / 2 * np.clip(inside / (TAPER_VOXELS + 1), 0, 1)) ** 2
    one, other = (kspace_of((image - np.average(image, weights=weight)) * weight) for image in (estimate, truth))
    line = np.arange(len(mask)) - len(mask) // 2
    radius = np.rint(np.hypot(line[:, None], line[None, :])).astype(int).ravel()

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(radius, values.ravel())[1 : len(mask) // 2 + 1]

    power = np.sqrt(summed(np.abs(one) ** 2) * summed(np.abs(other) ** 2))
    return np.divide(summed((one * other.conj()).real), power, out=np.zeros(len(power)), where=power > 0)
