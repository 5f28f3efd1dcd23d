"""Low-resolution scans that were fitted anew, on the frame of a participant's slices: their k-space and their noise.

A folder `size-N` holds the volumes of a scan of N x N voxels, of the same field of view and slices as the full scan.
Nothing is masked. A voxel without a fit is filled from its neighbours where at least half of it is brain
(`holes.fill`), and zero elsewhere: outside the head nothing is fitted, and nothing is expected there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan import holes
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.scan.windows import check_sizes, measured_windows

FOLDER = re.compile(r"size-0*([1-9]\d*)")
TOLERANCE = 0.1  # of a low-resolution voxel, or of a slice


def folders(folder: str | Path) -> dict[int, Path]:
    """Folder of volumes of each size in a participant's folder. Raises UserError where there is none."""
    found = {}
    for path in sorted(Path(folder).glob("size-*")):
        if (match := FOLDER.fullmatch(path.name)) and path.is_dir():
            size = int(match[1])
            if size in found:
                raise UserError(f"two scans of size {size}: {found[size]} and {path}\n  keep one of them")
            found[size] = path
    if not found:
        raise UserError(
            f"no refitted low-resolution scans in {folder}\n"
            "  expected folders size-8, size-16, .. of volumes, as ingest.py writes them"
        )
    return dict(sorted(found.items()))


def measured(
    scans: Mapping[int, Path], slices: ParticipantSlices, protocol: str
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Windows of k-space, complex64 [S, M, w, w], and noise, float32 [S, M], of refitted scans, each by size.

    scans: folders of volumes by size, of which concentrations and %SD count. Raises UserError for a scan of another
    matrix, field of view or slices, and for one without %SD.
    """
    found = {n: _measured(path, n, slices, protocol) for n, path in scans.items()}
    return {n: window for n, (window, _) in found.items()}, {n: noise for n, (_, noise) in found.items()}


def _measured(path: Path, n: int, slices: ParticipantSlices, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """The protocol's window of k-space of a scan's band-limited interpolation on the frame, and its noise."""
    frame = slices.maps.shape[-1]
    check_sizes([n], frame)
    volumes = Volumes.load(path, slices.metabolites).in_axial_order()
    if volumes.shape[:2] != (n, n):
        raise UserError(
            f"{path} has a matrix of {' x '.join(map(str, volumes.shape))}, expected {n} x {n} in plane\n"
            "  name its folder by its matrix, size-N"
        )
    along_x, along_y, k = positions(path, volumes, n, slices)
    values, sd = (
        np.stack([volume[..., k] for volume in volumes_of.values()]).transpose(3, 0, 1, 2).astype(np.float64)
        for volumes_of in (volumes.concentration, volumes.sd)
    )
    brain = _means(along_x, n) @ slices.brain.astype(float) @ _means(along_y, n).T >= 0.5
    fitted = np.isfinite(values)
    whole = holes.fill(np.where(fitted, values, 0.0), fitted, brain[:, None])
    maps = interpolation(along_x, n) @ whole @ interpolation(along_y, n).T
    return measured_windows(maps, [n], protocol)[n], noise_of(values, sd, brain[:, None], path)


def positions(path: Path, volumes: Volumes, n: int, slices: ParticipantSlices) -> tuple[np.ndarray, ...]:
    """Places of the frame's voxels on the axes of a scan of n x n voxels, counted in its voxels from its first centre.

    Along x and y, float [N]; of the slices, int [S]. The affines say where voxels are, so that a scan whose centre is
    shifted by half a voxel, or whose axes run backwards, is placed as it was acquired.
    Raises UserError where the field of view is not that of the frame, or slices are absent.
    """
    frame = slices.maps.shape[-1]
    step = np.linalg.inv(volumes.affine) @ slices.affine
    scale = np.array([n / frame, n / frame, 1.0])
    away = np.abs(np.abs(step[:3, :3]) - np.diag(scale)) @ [frame, frame, len(slices.slices)]
    first = step[:3, 3] + step[:3, :3] @ [(frame - 1) / 2, (frame - 1) / 2, 0]
    off_centre = np.abs(first[:2] - (n - 1) / 2)
    k = step[2, 2] * slices.slices + first[2]
    if (away > TOLERANCE).any() or (off_centre > 1).any() or (np.abs(k - np.rint(k)) > TOLERANCE).any():
        raise UserError(
            f"{path} does not have the field of view and slices of {slices.participant}'s slices.npz\n"
            f"  expected {n} x {n} voxels over the {frame} x {frame} of the frame, in the same slices, not turned;"
            " where the full scan's matrix is smaller than the frame, set cohort.slices.frame to the matrix"
        )
    k = np.rint(k).astype(int)
    if k.min() < 0 or k.max() >= volumes.shape[2]:
        raise UserError(
            f"{path} has {volumes.shape[2]} slices, but {slices.participant} uses slices {slices.slices.min()} to"
            f" {slices.slices.max()}, which lie outside"
        )
    centred = np.arange(frame) - (frame - 1) / 2
    x, y = (first[axis] + np.sign(step[axis, axis]) * scale[axis] * centred for axis in (0, 1))
    return x, y, k


def interpolation(places: np.ndarray, n: int) -> np.ndarray:
    """Matrix [N, n] of the band-limited interpolation of n voxels at places [N], in voxels: abs(k) < n/2 alone."""
    k = np.arange(1 - n // 2, n // 2)
    distance = places[:, None] - np.arange(n)[None, :]
    return np.cos(2 * np.pi / n * k * distance[..., None]).sum(-1) / n


def noise_of(values: np.ndarray, sd: np.ndarray, brain: np.ndarray, path: Path) -> np.ndarray:
    """Noise of interpolated maps, float32 [S, M]: standard deviation per voxel, in the unit of the concentrations.

    values, sd (percent): float [S, M, n, n], NaN without an estimate; brain: bool, of the same shape or broadcast.
    The variance of the interpolation of independent noise is, averaged over the map, that of the voxels times
    ((n - 1) / n)^2, the part of k-space that is kept. The voxels are those of the brain with a positive fit; a map
    without such has the median of its metabolite's other slices. Raises UserError where no slice has any.
    """
    n = values.shape[-1]
    known = np.isfinite(values) & np.isfinite(sd) & (values > 0) & brain
    variance = np.where(known, np.where(known, sd * values / 100.0, 0.0) ** 2, 0.0).sum(axis=(2, 3))
    number = known.sum(axis=(2, 3))
    noise = np.where(number > 0, np.sqrt(variance / np.maximum(number, 1)), np.nan)
    if (absent := np.isnan(noise).all(axis=0)).any():
        raise UserError(
            f"{path} has no %SD of positive fits in the brain for {np.count_nonzero(absent)} of {len(absent)}"
            " metabolites\n  expected METABOLITE_sd.nii.gz in percent, from which the noise of the maps is known"
        )
    noise = np.where(np.isnan(noise), np.nanmedian(noise, axis=0), noise)
    return ((n - 1) / n * noise).astype(np.float32)


def _means(places: np.ndarray, n: int) -> np.ndarray:
    """Matrix [n, N] of the means over the frame's voxels that lie in each voxel of the scan; places: [N]."""
    inside = np.rint(places)[None, :] == np.arange(n)[:, None]
    return inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
