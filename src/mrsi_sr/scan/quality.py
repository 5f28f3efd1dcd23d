"""Quality mask: the valid voxels of each metabolite, and the reasons for rejecting the others.

| bit | reason | condition for rejecting a voxel | setting |
|---|---|---|---|
| 0 | not_fitted | its status is not ok | always |
| 1 | missing_value | it was fitted, but its value, or an S/N or FWHM that an active rule needs, is missing | always |
| 2 | outside_brain | it is outside the brain mask | brain_only |
| 3 | near_skull | its centre is nearer than the margin to the edge of the brain mask (holes filled) | skull_margin_mm |
| 4 | low_snr | its S/N is below the limit; of LCModel's integers, 2.5 rejects 2 and less | min_snr |
| 5 | broad_line | its line width is above the limit | max_fwhm_ppm |
| 6 | high_sd | its %SD is above the limit, or LCModel has no estimate (999) | max_sd_percent |
| 7 | outlier | its value is above a multiple of the metabolite's median | outlier_multiple |

A rejected voxel has all its reasons. The median of the outlier rule is taken over the positive values that no other
rule rejects: it is robust unless half of a scan is wrong, and zeros (a valid fit, frequent in glycine) do not lower it.
Metabolites in a lesion reach five times white matter, so the default of 8 does not reject them and their noise.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.outputs import check_made_from
from mrsi_sr.scan import grid
from mrsi_sr.scan.nifti import read_nifti, write_nifti
from mrsi_sr.scan.plausibility import estimates
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import QualitySettings

RULES = (
    "not_fitted", "missing_value", "outside_brain", "near_skull", "low_snr", "broad_line", "high_sd", "outlier",
)  # fmt: skip
OUTSIDE = 1 / 3  # largest part of the fitted voxels that is expected outside the brain
BIT = {rule: np.uint16(1 << position) for position, rule in enumerate(RULES)}


def needs_brain(settings: QualitySettings) -> bool:
    """Whether a rule looks at the brain mask."""
    return settings.brain_only or settings.skull_margin_mm is not None


def with_external_maps(volumes: Volumes, settings: QualitySettings, participant: str) -> Volumes:
    """Volumes whose S/N and FWHM come from the maps that the settings name; zero outside these maps.

    Raises UserError where a map cannot be read, lies elsewhere, or shows another quantity or unit.
    """
    values = dict(vars(volumes))
    for name, path in settings.external_maps(participant).items():
        resampled = grid.resample(path, volumes.affine, volumes.shape, "nearest")
        values[name] = estimates(name, resampled, path, volumes.status == Status.OK)
    return Volumes(**values)


def assess(volumes: Volumes, brain: np.ndarray | None, settings: QualitySettings) -> dict[str, np.ndarray]:
    """Reasons for rejecting each voxel: metabolite -> bit flags uint16 [X, Y, Z] in the order of RULES, 0: valid.

    brain: bool [X, Y, Z], or None where no rule needs it.
    Raises UserError where %SD is limited but missing, or no metabolite has a valid voxel.
    """
    fitted = volumes.status == Status.OK
    shared = np.where(fitted, np.uint16(0), BIT["not_fitted"])
    # No line is 0 ppm wide: in ready-made maps zero is background, not a very good voxel.
    fwhm = np.where(volumes.fwhm > 0, volumes.fwhm, np.nan)
    shared |= _missing(fitted, settings.min_snr, volumes.snr) | _missing(fitted, settings.max_fwhm_ppm, fwhm)
    if settings.min_snr is not None:
        shared |= _flag("low_snr", fitted & (volumes.snr < settings.min_snr))
    if settings.max_fwhm_ppm is not None:
        shared |= _flag("broad_line", fitted & (fwhm > settings.max_fwhm_ppm))
    if brain is not None:
        _warn_of_fits_outside(fitted, brain)
    if settings.brain_only:
        shared |= _flag("outside_brain", ~brain)
    if settings.skull_margin_mm is not None:
        shared |= _flag("near_skull", brain & (depth_mm(brain, volumes.affine) < settings.skull_margin_mm))
    reasons = {
        metabolite: shared | _of_metabolite(metabolite, volumes, fitted, shared, settings)
        for metabolite in volumes.concentration
    }
    _check_any_valid(reasons)
    return reasons


def _of_metabolite(metabolite: str, volumes: Volumes, fitted, shared, settings: QualitySettings) -> np.ndarray:
    value, sd = volumes.concentration[metabolite], volumes.sd[metabolite]
    own = _flag("missing_value", fitted & ~np.isfinite(value))
    if settings.max_sd_percent is not None:
        if not np.isfinite(sd[fitted]).any():
            raise UserError(
                f"no %SD for {metabolite}, but max_sd_percent is {settings.max_sd_percent:g}\n"
                "  a sum of fitted parts has no %SD: fit the combination (CHCOMB), or set max_sd_percent to null"
            )
        own |= _flag("high_sd", fitted & ~(sd <= settings.max_sd_percent))
    if settings.outlier_multiple is not None:
        trusted = value[((shared | own) == 0) & (value > 0)]
        if trusted.size:
            own |= _flag("outlier", fitted & (value > settings.outlier_multiple * np.median(trusted)))
    return own


def depth_mm(brain: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Distance of each voxel's centre from the edge of the brain in mm, 0 outside; [X, Y, Z].

    Neither holes (a mask may lack the ventricles) nor the limits of the scan's matrix count as edge.
    """
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    filled = np.stack([binary_fill_holes(brain[:, :, k]) for k in range(brain.shape[2])], axis=2)
    if filled.all():
        return np.full(brain.shape, np.inf)
    edges = grid.voxel_mm(affine)
    # The transform gives the distance to the nearest centre outside; the edge is half a voxel nearer.
    return np.maximum(distance_transform_edt(filled, sampling=edges) - edges.min() / 2, 0)


def counts(reasons: dict[str, np.ndarray]) -> list[tuple[str, str, int]]:
    """Rows (metabolite, reason, voxels), `valid` first; a voxel counts once for each of its reasons."""
    rows = []
    for metabolite, flags in reasons.items():
        rows.append((metabolite, "valid", int(np.count_nonzero(flags == 0))))
        rows += [(metabolite, rule, int(np.count_nonzero(flags & BIT[rule]))) for rule in RULES]
    return rows


def save(reasons: dict[str, np.ndarray], affine: np.ndarray, folder: str | Path) -> None:
    """Write the masks and reasons of all metabolites, and counts.csv, into a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = "".join(f"{metabolite},{reason},{voxels}\n" for metabolite, reason, voxels in counts(reasons))
    for metabolite, flags in reasons.items():
        write_nifti(folder / f"{metabolite}_mask.nii.gz", (flags == 0).astype(np.uint8), affine)
        write_nifti(folder / f"{metabolite}_reasons.nii.gz", flags, affine)
    (folder / "counts.csv").write_text("metabolite,reason,voxels\n" + table)


def load_reasons(folder: str | Path, metabolites: Iterable[str], shape, source: str | Path) -> dict[str, np.ndarray]:
    """Reasons that `save` wrote: metabolite -> bit flags uint16 [X, Y, Z]. Raises UserError as `load_masks`."""
    return {name: flags.astype(np.uint16) for name, flags in _load("reasons", folder, metabolites, shape, source)}


def load_masks(folder: str | Path, metabolites: Iterable[str], shape, source: str | Path) -> dict[str, np.ndarray]:
    """Masks that `save` wrote: metabolite -> bool [X, Y, Z].

    source: folder of the volumes, of matrix `shape`, that the masks are for. Raises UserError for a missing mask,
    another shape, and masks that were made from other volumes, as the folder's record says.
    """
    return {name: mask > 0 for name, mask in _load("mask", folder, metabolites, shape, source)}


def _load(kind: str, folder, metabolites: Iterable[str], shape, source) -> Iterator[tuple[str, np.ndarray]]:
    check_made_from(folder, source)
    for metabolite in metabolites:
        path = Path(folder) / f"{metabolite}_{kind}.nii.gz"
        if not path.is_file():
            raise UserError(f"no quality mask {path}\n  mask.py --out writes them for every metabolite of the volumes")
        values, _ = read_nifti(path)
        if values.shape != tuple(shape):
            raise UserError(f"{path} is {values.shape}, but the volumes are {tuple(shape)}\n  run mask.py again")
        yield metabolite, values


def _flag(rule: str, where: np.ndarray) -> np.ndarray:
    return np.where(where, BIT[rule], np.uint16(0))


def _missing(fitted: np.ndarray, limit: float | None, values: np.ndarray) -> np.ndarray:
    return _flag("missing_value", fitted & ~np.isfinite(values) & (limit is not None))


def _warn_of_fits_outside(fitted: np.ndarray, brain: np.ndarray) -> None:
    voxels, outside = np.count_nonzero(fitted), np.count_nonzero(fitted & ~brain)
    if outside > OUTSIDE * voxels:
        log.warning(
            "%d of %d fitted voxels (%.0f %%) lie outside the brain mask, which has %d voxels: unless the fits cover"
            " the whole matrix, the mask is another scan's, or shifted; look at both over T1 in a viewer, and check"
            " flip and the reference",
            outside, voxels, 100 * outside / voxels, np.count_nonzero(brain),
        )  # fmt: skip


def _check_any_valid(reasons: dict[str, np.ndarray]) -> None:
    empty = [metabolite for metabolite, flags in reasons.items() if flags.all()]
    for metabolite in empty:
        log.warning("no voxel of %s is valid", metabolite)
    if len(empty) == len(reasons):
        by_reason = [f"{reason} {voxels}" for metabolite, reason, voxels in counts(reasons) if metabolite == empty[0]]
        raise UserError(
            f"no valid voxel is left of {', '.join(empty)}\n  rejected voxels of {empty[0]}: "
            f"{', '.join(by_reason[1:])}\n"
            "  relax the rules that reject most voxels in the quality settings, or check the brain mask"
        )
