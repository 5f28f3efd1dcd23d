"""A new scan on the target grid: measured maps, masks with reasons, and MRI, from its volumes and images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.new_scan.measurement import Measurement, ScanWindow
from mrsi_sr.new_scan.target import TargetGrid
from mrsi_sr.scan import grid, quality, slicing
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import QualitySettings

FEWEST_VOXELS = 50  # valid target voxels that a slice needs, as the slices that networks learned from
VOXEL_TOLERANCE = 0.05  # relative difference of the target's voxels from the networks', which is not worth a word
BRAIN_RULES = quality.BIT["outside_brain"] | quality.BIT["near_skull"]  # judged on the target grid, which is finer


@dataclass(frozen=True)
class ScanFiles:
    """Files of a new scan beside its volumes; None where there is none. MRI is registered and skull-stripped."""

    t1: Path | None = None
    flair: Path | None = None
    brain_mask: Path | None = None
    lesion: Path | None = None

    def given(self) -> dict[str, Path]:
        """The files that there are, by their kind."""
        return {kind: path for kind, path in vars(self).items() if path is not None}


@dataclass(frozen=True)
class NewScan:
    """A scan ready for super-resolution: S slices, M metabolites, frame of F x F, acquired matrix x, y.

    target: grid of the result. slices: int [S], index in the scan's matrix, without gaps. measurement: acquired maps.
    valid: bool [S, M, F, F]. reasons: uint16 [S, M, F, F], bits of quality.RULES. filled: bool [S, M, F, F], target
    voxels inside acquired ones that were filled. brain, lesion: bool [S, F, F]; lesion None where there is none.
    t1, flair: float32 [S, 3, 3F, 3F] in [0, 1], None where there is none.
    volumes, brain_fraction [X, Y, Z]: of the acquired matrix, for trust and figures.
    """

    name: str
    unit: str
    metabolites: tuple[str, ...]
    target: TargetGrid
    slices: np.ndarray
    measurement: Measurement
    window: ScanWindow
    valid: np.ndarray
    reasons: np.ndarray
    filled: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray | None
    t1: np.ndarray | None
    flair: np.ndarray | None
    volumes: Volumes
    brain_fraction: np.ndarray


def prepare(
    name: str, volumes: Volumes, files: ScanFiles, settings: QualitySettings, *, metabolites: Sequence[str], unit: str,
    voxel_mm: float, frame: int,
) -> NewScan:  # fmt: skip
    """Bring a scan to the target grid. Nothing of it comes from a ground truth.

    volumes: in axial order. metabolites: those to super-resolve, which the volumes have. voxel_mm, frame: what the
    networks have learned. Raises UserError where the brain is not known, images do not overlap the scan, or no slice
    has enough valid voxels.
    """
    target = TargetGrid.of(volumes.shape, volumes.affine, voxel_mm, frame)
    _describe(name, target, voxel_mm)
    volumes = quality.with_external_maps(volumes, settings, name)
    brain = _brain(volumes, files, target)
    fraction = _fraction(brain, target)
    own = _own_reasons(volumes, fraction >= 0.5, settings, metabolites)
    reasons = {each: _on_target(own[each], brain, target, settings) for each in metabolites}
    slices = _slices(name, reasons, target)

    def stacked(by_metabolite: dict[str, np.ndarray]) -> np.ndarray:  # [S, M, X, Y]
        return np.stack([by_metabolite[each][..., slices] for each in metabolites]).transpose(3, 0, 1, 2)

    window = ScanWindow(target)
    measurement = Measurement.of(
        stacked(volumes.concentration), stacked(volumes.sd), stacked(own) == 0,
        np.moveaxis(fraction[..., slices], -1, 0), window,
    )  # fmt: skip
    inside = target.frame(np.moveaxis(brain[..., slices], -1, 0))
    framed = target.frame(stacked(reasons) | np.uint16(0))
    framed[~np.broadcast_to(inside[:, None], framed.shape)] |= quality.BIT["outside_brain"]
    images = {
        kind: slicing.mri_on_slices(getattr(files, kind), target.framed_affine, slices, inside, kind.upper())
        for kind in ("t1", "flair")
        if getattr(files, kind) is not None
    }
    lesion = None
    if files.lesion is not None:
        lesion = grid.resample_mask(files.lesion, target.affine, target.shape)
        lesion = target.frame(np.moveaxis(lesion[..., slices], -1, 0))
    return NewScan(
        name=name, unit=unit, metabolites=tuple(metabolites), target=target, slices=slices, measurement=measurement,
        window=window, valid=framed == 0, reasons=framed,
        filled=target.frame(target.refined(measurement.filled)) & inside[:, None], brain=inside, lesion=lesion,
        t1=images.get("t1"), flair=images.get("flair"), volumes=volumes, brain_fraction=fraction,
    )  # fmt: skip


def _describe(name: str, target: TargetGrid, voxel_mm: float) -> None:
    """Log the grids, and what target voxels of another size than the networks' mean."""
    x, y, z = target.voxel_mm
    log.info(
        "%s: %dx%d acquired to %dx%d target voxels of %.2f x %.2f x %.2f mm, upscaling factor %.2f (%.2f x %.2f)",
        name, target.x.acquired, target.y.acquired, target.x.target, target.y.target, x, y, z, target.factor,
        target.x.factor, target.y.factor,
    )  # fmt: skip
    for edge in {x, y}:
        if abs(edge / voxel_mm - 1) > VOXEL_TOLERANCE:
            log.warning(
                "%s: target voxels of %.2f mm, but the networks learned %.2f mm: to them the brain and a lesion look"
                " %.0f %% %s than they are", name, edge, voxel_mm, 100 * abs(voxel_mm / edge - 1),
                "smaller" if edge > voxel_mm else "larger",
            )  # fmt: skip


def _brain(volumes: Volumes, files: ScanFiles, target: TargetGrid) -> np.ndarray:
    """Brain on the target grid, bool [X, Y, Z]: of a mask file, else the volumes' own mask, else the T1's."""
    if files.brain_mask is None and volumes.brain_mask is not None:
        own = np.moveaxis(target.refined(np.moveaxis(volumes.brain_mask, -1, 0)), 0, -1)
        return grid.brain_mask(own, None, None, target.affine, target.shape)
    return grid.brain_mask(None, files.brain_mask, files.t1, target.affine, target.shape)


def _fraction(brain: np.ndarray, target: TargetGrid) -> np.ndarray:
    """Fraction of each acquired voxel that is brain, [x, y, Z]: means of the target's over shared areas."""
    overlaps = [grid.means(axis.acquired, axis.target) for axis in (target.x, target.y)]
    return np.einsum("iX,jY,XYz->ijz", *overlaps, brain.astype(float))


def _own_reasons(volumes: Volumes, brain: np.ndarray, settings: QualitySettings, metabolites) -> dict[str, np.ndarray]:
    """Reasons for rejecting acquired voxels, apart from where the brain's edge is: uint16 [x, y, Z] by metabolite."""
    chosen = Volumes(
        **vars(volumes)
        | {name: {each: getattr(volumes, name)[each] for each in metabolites} for name in ("concentration", "sd")}
    )
    reasons = quality.assess(chosen, brain, settings.model_copy(update={"skull_margin_mm": None}))
    return {each: flags & ~BRAIN_RULES for each, flags in reasons.items()}


def _on_target(own: np.ndarray, brain: np.ndarray, target: TargetGrid, settings: QualitySettings) -> np.ndarray:
    """Reasons on the target grid, uint16 [X, Y, Z]: those of the acquired voxel, and the rules of the brain's edge."""
    flags = np.moveaxis(target.refined(np.moveaxis(own, -1, 0)), 0, -1).copy()
    if settings.brain_only:
        flags[~brain] |= quality.BIT["outside_brain"]
    if settings.skull_margin_mm is not None:
        near = brain & (quality.depth_mm(brain, target.affine) < settings.skull_margin_mm)
        flags[near] |= quality.BIT["near_skull"]
    return flags


def _slices(name: str, reasons: dict[str, np.ndarray], target: TargetGrid) -> np.ndarray:
    """Slices from the first to the last with enough valid voxels, int16 [S]."""
    counts = np.stack([(flags == 0).sum((0, 1)) for flags in reasons.values()]).max(axis=0)
    enough = np.flatnonzero(counts >= FEWEST_VOXELS)
    if not enough.size:
        raise UserError(
            f"{name}: no slice has {FEWEST_VOXELS} valid voxels on the target grid; the fullest has {counts.max()}\n"
            "  see check.py for the states of the voxels; relax the quality rules, or check the brain mask"
        )
    if left_out := target.slices - (enough[-1] - enough[0] + 1):
        log.info("%s: slices %d to %d are used; %d have too few valid voxels", name, *enough[[0, -1]], left_out)
    return np.arange(enough[0], enough[-1] + 1, dtype=np.int16)


def check_mri(scan: NewScan, what: str) -> None:
    """Raise UserError where a scan lacks T1 or FLAIR, which `what` is conditioned on."""
    missing = [name for name in ("t1", "flair") if getattr(scan, name) is None]
    if missing:
        raise UserError(f"{scan.name} has no {' and no '.join(missing)}, which {what} is conditioned on")


def blank_mri(scan: NewScan) -> np.ndarray:
    """MRI of zeros, for networks that do not look at it: float32 [S, 3, 3F, 3F]."""
    side = MRI_FACTOR * scan.target.x.frame
    return np.zeros((len(scan.slices), MRI_FACTOR, side, side), np.float32)
