"""New scans for tests: a ball of brain acquired on a matrix of any shape and orientation; untrained methods."""

from collections.abc import Callable

import numpy as np
import torch

from mrsi_sr.maps.condition import Condition
from mrsi_sr.new_scan.scan import NewScan, ScanFiles, prepare
from mrsi_sr.scan import grid
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import QualitySettings
from mrsi_sr.settings.method import MethodSettings

EVERYTHING = QualitySettings.of(skull_margin_mm=None, outlier_multiple=None)
FIELD_MM = 217.6  # field of view in plane: 64 voxels of 3.4 mm


class StandIn:
    """A method without networks: each map is a function of its condition and its noise."""

    def __init__(self, make: Callable[[Condition, Callable], torch.Tensor], name: str = "stand_in"):
        self.make, self.name, self.factors, self.device = make, name, None, torch.device("cpu")
        self.neighbours = False
        self.settings = MethodSettings.of(sampler={"kind": "zero_filled"})

    def __call__(self, condition: Condition, noise) -> tuple[torch.Tensor, int]:
        return self.make(condition, noise), 1


def field(position: np.ndarray, field_mm: float = FIELD_MM) -> np.ndarray:
    """A smooth concentration at positions in mm from the scan's centre, [..., 3]; zero beyond the ball."""
    x, y, z = np.moveaxis(position / field_mm, -1, 0)
    inside = x**2 + y**2 + z**2 < 0.36**2
    return np.where(inside, 8 + 3 * np.sin(7 * x) * np.cos(5 * y), 0)


def positions(shape, edges) -> np.ndarray:
    """Centres of a matrix's voxels in mm from its centre along its own axes, [X, Y, Z, 3]."""
    index = np.stack(np.indices(shape), axis=-1)
    return (index - (np.array(shape) - 1) / 2) * edges


def volumes(shape=(16, 16, 3), edges=(13.6, 13.6, 5.0), affine: np.ndarray | None = None, sd: float = 5.0) -> Volumes:
    """Volumes of two metabolites, fitted in the ball: NAA is the field, tCho a quarter of it."""
    naa = field(positions(shape, edges), shape[0] * edges[0]).astype(np.float32)
    fitted = naa > 0

    def known(value) -> np.ndarray:
        return np.where(fitted, value, np.nan).astype(np.float32)

    if affine is None:
        affine = np.diag([*edges, 1.0])
        affine[:3, 3] = -np.array(edges) * (np.array(shape) - 1) / 2
    return Volumes(
        {"NAA": known(naa), "tCho": known(naa / 4)}, {"NAA": known(sd), "tCho": known(2 * sd)},
        known(20.0), known(0.04), fitted.astype(np.int16), affine,
    )  # fmt: skip


def write_images(folder, scan: Volumes) -> ScanFiles:
    """T1, FLAIR and brain mask of a scan on a grid three times as fine as 64 x 64 voxels of its field of view."""
    edges = grid.voxel_mm(scan.affine)
    ratio = np.array([192 / scan.shape[0], 192 / scan.shape[1], 3])
    affine = grid.translated(scan.affine, 0.5 / ratio - 0.5)
    affine[:3, :3] /= ratio
    shape = (192, 192, 3 * scan.shape[2])
    inside = field(positions(shape, edges / ratio), scan.shape[0] * edges[0]) > 0
    for name in ("t1", "flair"):
        ramp = 1000 + np.arange(shape[0], dtype=np.float32)[:, None, None]
        write_nifti(folder / f"{name}.nii.gz", np.where(inside, ramp, 0).astype(np.float32), affine)
    write_nifti(folder / "brain_mask.nii.gz", inside.astype(np.uint8), affine)
    return ScanFiles(*(folder / f"{name}.nii.gz" for name in ("t1", "flair", "brain_mask")))


def new_scan(folder, scan: Volumes | None = None, quality: QualitySettings = EVERYTHING) -> NewScan:
    """A scan of the two metabolites, ready for super-resolution."""
    scan = volumes() if scan is None else scan
    files = write_images(folder, scan)
    return prepare(
        "sub-07", scan, files, quality, metabolites=list(scan.concentration), unit="mM", voxel_mm=3.4, frame=64
    )
