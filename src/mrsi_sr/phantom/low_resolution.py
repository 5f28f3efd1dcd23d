"""Low-resolution acquisition of a phantom: the same field of view, truncated in k-space per slice and fitted anew."""

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.phantom import acquisition
from mrsi_sr.phantom.anatomy import Head
from mrsi_sr.phantom.grid import acquired_voxel_mm, fitted_slices, to_mrsi_grid
from mrsi_sr.scan.grid import means
from mrsi_sr.settings.cohort import PhantomSettings

LEAST_VOXELS = 10  # of brain, in the fitted slices
HALF = 0.5 - 1e-6  # of a voxel, with rounding


def fit(
    rng: np.random.Generator, lipid_rng: np.random.Generator, truth: dict[str, np.ndarray], head: Head,
    settings: PhantomSettings,
) -> acquisition.SimulatedFits:  # fmt: skip
    """Simulated fits of a scan of matrix `settings.acquired`; what it measures is not masked.

    The concentrations with their contamination by lipid are truncated as they are, up to the brain's edge. Noise, S/N,
    FWHM, %SD and failures have the statistics of a full scan, on the acquired grid. truth: mM per single metabolite,
    MRSI grid [X, Y, Z]. Raises UserError where the fitted slices have fewer than LEAST_VOXELS voxels of brain.
    """
    brain, (first, last) = acquired_brain(head, settings), fitted_slices(settings)
    if (found := np.count_nonzero(brain[:, :, first : last + 1])) < LEAST_VOXELS:
        raise UserError(
            f"acquired {settings.acquired}: slices {first} to {last} contain {found} voxels of brain, expected"
            f" {LEAST_VOXELS} or more\n  choose more slices, or a larger acquired matrix"
        )
    depth_mm = acquisition.depth_in_brain(head.brain, settings.voxel_mm)
    lipid = acquisition.lipid_signal(lipid_rng, depth_mm, settings.voxel_mm)
    contaminated = acquisition.contaminate(truth, lipid)
    return acquisition.fit(
        rng,
        {name: truncated(volume, settings.acquired) for name, volume in truth.items()},
        brain,
        voxel_means(to_mrsi_grid(head.fluid), settings.acquired),
        voxel_means(head.mni_mm, settings.acquired),
        (first, last),
        acquired_voxel_mm(settings),
        contaminated={name: truncated(volume, settings.acquired) for name, volume in contaminated.items()},
        min_of_each_failure=0,  # of a few hundred voxels, two of each kind would be more than the rates
    )


def acquired_brain(head: Head, settings: PhantomSettings) -> np.ndarray:
    """Brain of the acquired grid, bool [nx, ny, Z]: voxels of which at least half is brain."""
    return voxel_means(to_mrsi_grid(head.brain_mri), settings.acquired) >= HALF


def truncated(volume: np.ndarray, acquired: tuple[int, int]) -> np.ndarray:
    """Noiseless low-resolution scan of a volume [X, Y, Z]: float64 [nx, ny, Z] of the same field of view.

    Along x and y, k-space is cut to abs(k) < n/2 (n even) or abs(k) <= (n-1)/2 (n odd), both closed under conjugation,
    and the map is evaluated at the centres of the acquired voxels. The mean over the field of view is kept.
    """
    return _along_x_and_y(_truncation, volume, acquired)


def voxel_means(field: np.ndarray, acquired: tuple[int, int]) -> np.ndarray:
    """Mean over each acquired voxel, float64 [..., nx, ny, Z], of a field [..., X, Y, Z] of the same field of view."""
    return _along_x_and_y(means, field, acquired)


def _along_x_and_y(matrix, field: np.ndarray, acquired: tuple[int, int]) -> np.ndarray:
    along_x, along_y = (matrix(n, size) for n, size in zip(acquired, field.shape[-3:-1], strict=True))
    return np.einsum("ax,by,...xyz->...abz", along_x, along_y, field, optimize=True)


def _truncation(n: int, size: int) -> np.ndarray:
    """Matrix [n, size] of the truncation along one axis: the Dirichlet kernel between the centres of both grids."""
    k = np.arange(-((n - 1) // 2), (n - 1) // 2 + 1)
    distance = _centres(n)[:, None] - _centres(size)[None, :]
    return np.cos(2 * np.pi * k * distance[..., None]).sum(-1) / size


def _centres(n: int) -> np.ndarray:
    """Centres of n voxels as parts of the field of view."""
    return (np.arange(n) + 0.5) / n
