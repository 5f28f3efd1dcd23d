"""A super-resolved scan made by hand for tests, without networks: a ball of brain with a lesion, 16x16 to 64x64."""

from pathlib import Path

import numpy as np
from synthetic_scan import ball, write_mri

from mrsi_sr.new_scan.result import SuperResolved, zero_filled_of
from mrsi_sr.new_scan.scan import NewScan, ScanFiles, prepare
from mrsi_sr.scan.characteristics import distribution
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import QualitySettings

LEVELS = {"tCr": 6.0, "tCho": 1.5, "NAA": 8.0}
SHAPE = (16, 16, 3)


def scanned(folder: Path, *, mri: bool = True, lesion: bool = True, shape=SHAPE, hole: bool = True) -> NewScan:
    """A scan with a gradient from left to right, a lesion with more choline, and a rejected fit in its middle slice."""
    volumes = _volumes(shape)
    if hole:
        volumes.snr[8, 5, 1] = 0
    paths = write_mri(folder, volumes, volumes.brain_mask) if mri else (None, None)
    mask = folder / "lesion.nii.gz"
    write_nifti(mask, _lesion(shape).astype(np.uint8), volumes.affine)
    return prepare(
        "sub-01", volumes, ScanFiles(*paths, lesion=mask if lesion else None), QualitySettings.of(),
        metabolites=list(LEVELS), unit="mM", voxel_mm=3.4, frame=64,
    )  # fmt: skip


def _volumes(shape) -> Volumes:
    brain = ball(shape)
    affine = np.diag([13.6, 13.6, 3.4, 1.0])
    affine[:3, 3] = [-100.0, -110.0, 20.0]
    slope = np.linspace(0.8, 1.2, shape[0])[:, None, None]
    raised = np.where(_lesion(shape), 2.0, 1.0)

    def everywhere(value: float) -> np.ndarray:
        return np.where(brain, value, np.nan).astype(np.float32)

    concentration = {
        name: everywhere(level) * slope * (raised if name == "tCho" else 1 / raised) for name, level in LEVELS.items()
    }
    return Volumes(
        {name: volume.astype(np.float32) for name, volume in concentration.items()},
        {name: everywhere(5) for name in LEVELS}, everywhere(20), everywhere(0.04), brain.astype(np.int16), affine,
        brain,
    )  # fmt: skip


def _lesion(shape) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[9:12, 6:9, 1:] = True
    mask[9:11, 6:8, 2] = False
    return mask


def super_resolved(scan: NewScan, *, samples: int = 8, seed: int = 1) -> SuperResolved:
    """Maps that are the zero-filled ones with a little texture, as a method would give them."""
    rng = np.random.default_rng(seed)
    zero_filled, slices = zero_filled_of(scan), len(scan.slices)

    def textured(maps: np.ndarray) -> np.ndarray:
        return (maps * rng.normal(1, 0.05, maps.shape)).astype(np.float32)

    mean = {name: textured(maps) for name, maps in zero_filled.items()}
    mean["tCho/NAA"] = mean["tCho"] / mean["NAA"]
    sd = {name: np.abs(textured(0.1 * maps)) for name, maps in mean.items()} if samples > 1 else {}
    return SuperResolved(
        scan, "ftddm", samples, mean, sd, {}, {name: np.full(slices, 0.2) for name in zero_filled},
        {name: np.full(slices, 0.03) for name in zero_filled}, zero_filled, [], 1.5,
    )  # fmt: skip


def seen(scan: NewScan, scans: int = 20, spread: float = 0.05, seed: int = 2) -> dict:
    """Distribution of training scans around a scan: as it is, but for a relative spread of each characteristic."""
    from mrsi_sr.new_scan.trust import characteristics_of

    rng = np.random.default_rng(seed)
    own = characteristics_of(scan)

    def varied(value):
        if isinstance(value, dict):
            return {key: varied(each) for key, each in value.items()}
        return value * rng.normal(1, spread) if isinstance(value, float) else value

    return distribution([varied(own) | {"voxel_mm": list(scan.target.voxel_mm)} for _ in range(scans)])
