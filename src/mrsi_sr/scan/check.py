"""Check of a raw scan before anything expensive: what was matched, where it lies, and what is probably wrong with it.

Nothing here stops a scan: what is found is said, in words that tell what to do.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan import grid, orientation, thresholds
from mrsi_sr.scan.placing import Proposal, propose
from mrsi_sr.scan.quality import OUTSIDE
from mrsi_sr.scan.skull import has_skull, rays_with_skull
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.scan.views import MriView, mri_view
from mrsi_sr.scan.volumes import Status, Volumes

WELL_FITTED = {"least_snr": 2.5, "most_sd_percent": 50.0, "most_median_sd_percent": 20.0}
SAME_BRAIN = 0.85  # Dice coefficient of T1's and FLAIR's brain, below which they are not of one head in one place
LESION_INSIDE = 0.9  # part of a lesion expected in the brain


@dataclass(frozen=True)
class Images:
    """Paths of a scan's images, None for those that it has not; raw: MRI as it was scanned, to be prepared later."""

    t1: str | None = None
    flair: str | None = None
    brain_mask: str | None = None
    lesion: str | None = None
    raw: bool = False

    def paths(self) -> list[str]:
        """Paths of the images that the scan has."""
        return [path for path in (self.t1, self.flair, self.brain_mask, self.lesion) if path]


@dataclass
class ScanCheck:
    """Result of a scan's check.

    facts: column of the table -> value. findings: what has to be looked at. notes: what readers of files warned of.
    """

    scan: str
    facts: dict[str, str | int | float] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readable: bool = True

    @property
    def state(self) -> str:
        """`ok`, `look` where there are findings, or `cannot be read`."""
        return "cannot be read" if not self.readable else "look" if self.findings else "ok"

    def plain(self) -> dict:
        """The result as JSON can hold it."""
        return {**vars(self), "state": self.state}


def unreadable(scan: str, error: UserError) -> ScanCheck:
    """Check of a scan that ingestion would refuse."""
    return ScanCheck(scan, findings=[str(error)], readable=False)


def check(
    scan: str, volumes: Volumes, images: Images, flip: str = "", axes: tuple[int, ...] | None = None
) -> ScanCheck:
    """Check of a raw scan's volumes and images.

    volumes: as read, in axial order. flip: as configured. axes: of the matrix whose flip that is, in the order of the
    volumes' axes; None where the volumes are ready-made maps, which no flip turns.
    Raises UserError for an image that cannot be read or does not overlap the scan.
    """
    result = ScanCheck(scan)
    _voxels(result, volumes)
    maps = well_fitted_maps(volumes)
    fitted = np.any([np.isfinite(values) for values in maps], axis=0)
    result.facts["well_fitted"] = int(np.count_nonzero(fitted))
    if not fitted.any():
        result.findings.append(
            f"no voxel is well fitted (S/N of {WELL_FITTED['least_snr']:g} or more, %SD of"
            f" {WELL_FITTED['most_sd_percent']:g} or less): look at the spectra and their fits"
        )
    views = {name: mri_view(getattr(images, name), volumes) for name in ("t1", "flair") if getattr(images, name)}
    for name, view in views.items():
        _overlap(result, name, view, fitted)
        if not images.raw:
            _skull(result, name, view, fitted, volumes)
    if len(views) == 2 and not images.raw:
        _same_head(result, views["t1"], views["flair"])
    if images.lesion and not images.raw:
        _lesion(result, images, volumes)
    if "t1" in views:
        found = orientation.orientation(maps, views["t1"].mean, grid.voxel_mm(volumes.affine))
        _placing(result, propose(found, volumes.affine, flip, axes))
    else:
        result.notes.append("without a T1, the orientation of the maps is not checked")
    return result


def well_fitted_maps(volumes: Volumes) -> list[np.ndarray]:
    """Maps [X, Y, Z] to compare with a T1, NaN in voxels that are not well fitted: well-fitted metabolites, and S/N.

    A metabolite's %SD counts where it is known. A voxel is left out for its S/N, or for the metabolite's own %SD.
    """
    good = volumes.status == Status.OK
    if np.isfinite(volumes.snr).any():
        good = good & (volumes.snr >= WELL_FITTED["least_snr"])
    medians = {name: _median(sd[good]) for name, sd in volumes.sd.items()}
    usual = [name for name, sd in medians.items() if not sd > WELL_FITTED["most_median_sd_percent"]]
    chosen = usual or [min(medians, key=medians.get)]
    maps = []
    for name in chosen:
        bad = volumes.sd[name] > WELL_FITTED["most_sd_percent"]
        maps.append(
            np.where(good & ~bad & np.isfinite(volumes.concentration[name]), volumes.concentration[name], np.nan)
        )
    return [*maps, np.where(good, volumes.snr, np.nan)] if np.isfinite(volumes.snr[good]).any() else maps


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def _voxels(result: ScanCheck, volumes: Volumes) -> None:
    edges = grid.voxel_mm(volumes.affine)
    result.facts |= {
        "matrix": "x".join(map(str, volumes.shape)),
        "voxel_mm": "x".join(f"{edge:.3g}" for edge in edges),
        "voxels": int(np.prod(volumes.shape)),
        **volumes.counts(),
    }


def _overlap(result: ScanCheck, name: str, view: MriView, fitted: np.ndarray) -> None:
    """Part of the well-fitted voxels in an image's brain, and of the brain in the fitted slices that is fitted."""
    slices = fitted.any(axis=(0, 1))
    if not fitted.any():
        return
    both = np.count_nonzero(view.inside & fitted)
    brain = np.count_nonzero(view.inside[:, :, slices])
    inside, covered = _percent(both, np.count_nonzero(fitted)), _percent(both, brain)
    result.facts |= {f"in_{name}_percent": inside, f"of_{name}_percent": covered}
    if not view.inside.all() and inside < 100 * (1 - OUTSIDE):
        result.findings.append(
            f"{100 - inside:.0f} % of the well-fitted voxels lie outside what the {name.upper()} shows: another scan's"
            " image, not registered, or the scan's position (reference, matrix) is wrong"
        )


def _skull(result: ScanCheck, name: str, view: MriView, fitted: np.ndarray, volumes: Volumes) -> None:
    slices = np.flatnonzero(fitted.any(axis=(0, 1)))
    if not slices.size:
        return
    centre = np.array(volumes.shape[:2]) / 2
    z_mm = tuple(float((volumes.affine @ [*centre, k, 1])[2]) for k in (slices[0] - 0.5, slices[-1] + 0.5))
    rays = rays_with_skull(view.values, view.affine, z_mm)
    wider = np.count_nonzero(view.inside[:, :, slices]) / max(1, np.count_nonzero(fitted))
    if rays is not None:
        result.facts[f"{name}_skull_percent"] = round(100 * rays, 1)
    if has_skull(rays, wider):
        result.findings.append(
            f"the {name.upper()} still shows the skull (scalp and bone along {100 * rays:.0f} % of rays): strip it, or"
            " the whole head is taken for brain"
        )


def _same_head(result: ScanCheck, t1: MriView, flair: MriView) -> None:
    both = np.count_nonzero(t1.inside & flair.inside)
    dice = 2 * both / max(1, np.count_nonzero(t1.inside) + np.count_nonzero(flair.inside))
    result.facts["t1_flair_dice"] = round(dice, 3)
    if dice < SAME_BRAIN:
        result.findings.append(
            f"T1 and FLAIR show different places (Dice coefficient {dice:.2f}): one is not registered, not stripped, or"
            " another participant's"
        )


def _lesion(result: ScanCheck, images: Images, volumes: Volumes) -> None:
    """Size of the lesion, and its part in the brain: on the grid of the MRI, since it may be smaller than a voxel."""
    shape = [MRI_FACTOR * size for size in volumes.shape]
    affine = grid.finer(volumes.affine)
    values = grid.resample(images.lesion, affine, shape, "nearest")
    lesion = values > thresholds.of_mask(values)[0]
    millilitres = np.count_nonzero(lesion) * float(np.prod(grid.voxel_mm(affine))) / 1000
    result.facts["lesion_ml"] = round(millilitres, 2)
    if not lesion.any():
        result.findings.append(f"{images.lesion} has no lesion within the scan: an empty mask, or another scan's")
        return
    try:
        brain = grid.brain_mask(volumes.brain_mask, images.brain_mask, images.t1, volumes.affine, volumes.shape)
    except UserError as error:
        result.findings.append(str(error))
        return
    for axis in range(3):
        brain = brain.repeat(MRI_FACTOR, axis=axis)
    inside = _percent(np.count_nonzero(lesion & brain), np.count_nonzero(lesion))
    result.facts["lesion_in_brain_percent"] = inside
    if inside < 100 * LESION_INSIDE:
        result.findings.append(f"{100 - inside:.0f} % of the lesion lie outside the brain: mirrored, or not registered")


def _placing(result: ScanCheck, proposal: Proposal) -> None:
    result.facts |= proposal.facts
    result.findings += proposal.findings


def _percent(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


def add_units(result: ScanCheck, scaled: np.ndarray, frequency_mhz: np.ndarray, unit: str, source: str | Path) -> None:
    """Add what LCModel's own lines say of the unit and the frequency.

    scaled: 1, 0, or -1 where not said, of each voxel; NaN frequencies are not said. unit: the configured one.
    """
    said = {value: int(np.count_nonzero(scaled == value)) for value in (1, 0)}
    words = {(True, True): "mixed", (True, False): "yes", (False, True): "no"}
    result.facts["water_scaled"] = words.get((said[1] > 0, said[0] > 0), "")
    known = frequency_mhz[np.isfinite(frequency_mhz)]
    if known.size:
        result.facts["frequency_mhz"] = round(float(np.median(known)), 3)
    if said[1] and said[0]:
        result.findings.append(
            f"{said[1]:,} voxels of {source} are scaled by the water signal (DOWS=T) and {said[0]:,} are not: they have"
            " different units"
        )
    elif said[0] and unit and not unit.startswith("a"):
        result.findings.append(
            f"{source} is not scaled by the water signal (no DOWS=T among LCModel's input), but the unit is {unit}:"
            " set cohort.unit to a.u., unless data or basis set were scaled before the fit"
        )
