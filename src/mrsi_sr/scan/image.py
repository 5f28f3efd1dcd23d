"""An image and where it lies: values with their affine, moved, on other grids, and as SimpleITK has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.scan.nifti import read_nifti

FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations


@dataclass(frozen=True)
class Image:
    """An image: values [X, Y, Z], and the affine [4, 4] from voxels to mm."""

    values: np.ndarray
    affine: np.ndarray

    def moved(self, matrix: np.ndarray) -> "Image":
        """The image moved by a transform [4, 4], mm to mm: the same values with another affine."""
        return Image(self.values, matrix @ self.affine)

    def on_grid_of(self, other: "Image") -> np.ndarray:
        """Values on the grid of another image, float32, linearly interpolated, zero outside."""
        values, to_voxels = self.values.astype(np.float32), np.linalg.inv(self.affine) @ other.affine
        if values.shape == other.values.shape and np.allclose(to_voxels, np.eye(4), atol=1e-4):
            return values
        return Image(values, self.affine).sampled(other.affine, other.values.shape)

    def sampled(self, affine: np.ndarray, shape, interpolation: str = "linear") -> np.ndarray:
        """Values on a grid (affine, shape), zero outside. interpolation: 'linear' or 'nearest'.

        SciPy's own, as nilearn's resample_img has it: nilearn takes longer to import than most jobs here work.
        """
        from scipy.ndimage import affine_transform

        to_voxels = np.linalg.inv(self.affine) @ affine
        matrix, offset = to_voxels[:3, :3], to_voxels[:3, 3]
        if np.array_equal(np.diag(np.diag(matrix)), matrix):
            matrix = np.diag(matrix)  # one axis after the other: a faster algorithm
        return affine_transform(
            self.values, matrix, offset, output_shape=tuple(shape), order={"linear": 1, "nearest": 0}[interpolation]
        )


def read_image(path: str | Path) -> Image:
    """Image of a NIfTI file, float32, zero where its values are not finite. Raises UserError as read_nifti."""
    values, affine = read_nifti(path)
    return Image(np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0), affine)


def coarser(image: Image, edge_mm: float) -> Image:
    """An image on a grid whose voxels have edges up to a length, smoothed to that resolution, float32.

    Axes along which a voxel is that long are left as they are.
    """
    from scipy.ndimage import gaussian_filter

    edges = np.linalg.norm(image.affine[:3, :3], axis=0)
    width = np.sqrt(np.clip(edge_mm**2 - edges**2, 0, None)) / FWHM / edges
    values = gaussian_filter(image.values.astype(np.float32), width, truncate=3)
    most = [max(1, size // 4) for size in values.shape]  # a grid of one slice has no place
    steps = np.clip((edge_mm / edges + 1e-6).astype(int), 1, most)
    first = (np.array(values.shape) - 1) % steps // 2
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    affine[:3, :3] *= steps
    return Image(values[tuple(slice(start, None, step) for start, step in zip(first, steps, strict=True))], affine)


def of_itk(image: Image):
    """The image as SimpleITK has it. Axes of the world are left as those of NIfTI (RAS)."""
    import SimpleITK as sitk

    edges = np.linalg.norm(image.affine[:3, :3], axis=0)
    result = sitk.GetImageFromArray(np.ascontiguousarray(image.values.T, np.float32))
    result.SetSpacing(edges.tolist())
    result.SetOrigin(image.affine[:3, 3].tolist())
    result.SetDirection((image.affine[:3, :3] / edges).ravel().tolist())
    return result


@contextmanager
def one_thread() -> Iterator[None]:
    """A block in which SimpleITK has one thread: sums of several differ in their last bits from run to run."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
