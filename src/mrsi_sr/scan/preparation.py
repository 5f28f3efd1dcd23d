"""Preparation of raw MRI for a scan: brain of the T1, FLAIR registered to the T1, and both to the scan.

No image is resampled: each keeps its voxels' values, zero outside the brain, and gets an affine that puts it where the
scan is. What reads it later interpolates once.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log, warnings_noted
from mrsi_sr.scan import bias_field, fsl, registration, skull_strip
from mrsi_sr.scan.image import Image, read_image
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.registration import Registration
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import MriSettings

RECORD = "registration.json"
AROUND_MM = 10.0  # around the brain, or the fitted voxels, that counts in a registration: skull and scalp, or air
WELL_FITTED_SD = 40.0  # percent, largest of a voxel that counts in the map made of the volumes
BRIGHT_PERCENTILE = 98.0  # of that map: lipid at the skull is brighter
BOX = 0.9  # part of the rectangle around a slice's fitted voxels that they fill where a box was excited
STRIPPED = 0.2  # part of an image's voxels that are exactly zero, where its skull is stripped


@dataclass(frozen=True)
class Prepared:
    """A scan's MRI, skull-stripped and registered.

    t1, flair, lesion: float32, flair and lesion may be None. brain: bool, on the T1's grid. scan: the image on the
    scan's grid that the T1 was registered to. transforms: `flair_to_t1` and `t1_to_scan`, where there was one.
    warnings: lines of the log that a person should see beside the images.
    """

    t1: Image
    flair: Image | None
    brain: Image
    lesion: Image | None
    scan: Image
    transforms: dict[str, Registration]
    warnings: list[str]

    def save(self, folder: str | Path) -> None:
        """Write t1, flair, brain_mask and lesion as .nii.gz, and registration.json, into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("t1", "flair", "lesion"):
            if image := getattr(self, name):
                write_nifti(folder / f"{name}.nii.gz", image.values, image.affine)
        write_nifti(folder / "brain_mask.nii.gz", self.brain.values.astype(np.uint8), self.brain.affine)
        transforms = {name: asdict(each) | {"matrix": each.matrix.tolist()} for name, each in self.transforms.items()}
        text = json.dumps({"transforms": transforms, "warnings": self.warnings}, indent=1, sort_keys=True)
        (folder / RECORD).write_text(text + "\n")


def prepare(
    t1: str | Path, volumes: Volumes, settings: MriSettings, *, flair: str | Path | None = None,
    brain_mask: str | Path | None = None, lesion: str | Path | None = None, reference: str | Path | None = None,
) -> Prepared:  # fmt: skip
    """A scan's raw MRI, skull-stripped and registered to the scan.

    t1, flair: NIfTI files. brain_mask, lesion: masks in the space of the T1. reference: the image on the scan's grid
    that settings.target asks for.
    Raises UserError for files that cannot be used, software that is not installed, and images that do not overlap.

    >>> prepared = prepare("t1.nii.gz", volumes, MriSettings.of(strip="bet"), flair="flair.nii.gz")  # doctest: +SKIP
    >>> prepared.save("mri")  # doctest: +SKIP
    """
    with warnings_noted() as said:
        brain = skull_strip.find_brain(t1, settings.strip, brain_mask)
        prepared = register(t1, brain, volumes, settings, flair=flair, lesion=lesion, reference=reference)
    prepared.warnings[:] = dict.fromkeys(said)
    return prepared


def register(
    t1: str | Path, brain: Image, volumes: Volumes, settings: MriSettings, *, flair: str | Path | None = None,
    lesion: str | Path | None = None, reference: str | Path | None = None,
) -> Prepared:  # fmt: skip
    """Raw MRI with the brain alone, the FLAIR registered to the T1 and both to the scan; arguments as of `prepare`.

    brain: bool, in the space of the T1. Raises UserError as `prepare`, and for a brain that is not where the T1 is.
    """
    with warnings_noted() as said:
        head = read_image(t1)
        brain = Image(brain.on_grid_of(head) > 0.5, head.affine)
        if not brain.values.any():
            raise UserError(f"the brain mask does not overlap {t1}\n  it has to be in the space of the T1")
        images, transforms = {"t1": head, "lesion": read_image(lesion) if lesion else None, "flair": None}, {}
        if flair is not None:
            raw, region = read_image(flair), _around(brain.values, head.affine)
            transforms["flair_to_t1"] = to_t1 = _between(head, raw, region, settings, "FLAIR and T1")
            images["flair"] = _stripped(raw.moved(to_t1.matrix), brain, settings)
        images["t1"] = stripped = _stripped(head, brain, settings)
        scan, region = scan_image(volumes, settings, reference)
        moving = head if settings.target == "reference" and not _is_stripped(scan) else stripped
        transforms["t1_to_scan"] = to_scan = _between(scan, moving, region, settings, "T1 and the scan")
    moved = {name: image.moved(to_scan.matrix) if image else None for name, image in images.items()}
    return Prepared(**moved, brain=brain.moved(to_scan.matrix), scan=scan, transforms=transforms, warnings=said)


def scan_image(
    volumes: Volumes, settings: MriSettings, reference: str | Path | None = None
) -> tuple[Image, np.ndarray | None]:
    """Image on the scan's grid that shows the head, and the voxels of it that count, bool; None: all.

    Either the reference image, or a map made of the volumes: the mean of the metabolites, each relative to its median,
    weighted by the inverse variance that the median %SD tells; zero where fits are bad. Of that count the voxels that
    were fitted, and those around them, unless a box was excited, beside which there may be brain.
    Raises UserError where no voxel of the volumes is well fitted, or a reference is asked for and none is given.
    """
    if settings.target == "reference":
        if reference is None:
            raise UserError("cohort.mri.target is reference, but the scan has no reference image: name it, or set maps")
        return read_image(reference), None
    total, weight = np.zeros(volumes.shape), np.zeros(volumes.shape)
    for name, values in volumes.concentration.items():
        sd = volumes.sd.get(name, np.full(volumes.shape, np.nan))
        good = np.isfinite(values) & (values > 0) & ~(sd > WELL_FITTED_SD)
        if good.any():
            known = sd[good & np.isfinite(sd)]
            certain = 1 / max(1.0, float(np.median(known))) ** 2 if known.size else 1.0
            total[good] += certain * values[good] / np.median(values[good])
            weight[good] += certain
    good = weight > weight.max() / 2
    if not good.any():
        raise UserError("no voxel of the volumes is well fitted: T1 cannot be registered to them")
    mean = np.where(good, total / np.where(good, weight, 1), 0)
    values = np.minimum(mean, np.percentile(mean[good], BRIGHT_PERCENTILE)).astype(np.float32)
    fitted = (volumes.status == Status.OK) | good
    return Image(values, volumes.affine), fitted if _is_box(fitted) else _around(fitted, volumes.affine, in_plane=True)


def _between(fixed: Image, moving: Image, region: np.ndarray | None, settings: MriSettings, what: str) -> Registration:
    """Transform between two images as the settings ask for it."""
    if settings.registration == "none":
        return registration.given(np.eye(4), fixed)
    if settings.registration == "flirt":
        result = registration.given(fsl.flirt(fixed, moving, region), fixed)
    else:
        result = registration.rigid(fixed, moving, region, what)
    log.info("%s: moved by %.1f mm and %.1f degrees", what, result.shift_mm, result.degrees)
    return result


def _stripped(image: Image, brain: Image, settings: MriSettings) -> Image:
    """An image with the brain alone, and an even field where that is asked for."""
    inside = brain.on_grid_of(image) > 0.5
    values = bias_field.removed(image, inside) if settings.n4 else image.values
    return Image(np.where(inside, values, 0).astype(np.float32), image.affine)


def _is_stripped(image: Image) -> bool:
    return float(np.mean(image.values == 0)) > STRIPPED


def _around(mask: np.ndarray, affine: np.ndarray, in_plane: bool = False) -> np.ndarray:
    """A mask and the voxels around it, along all axes or the first two."""
    from scipy.ndimage import maximum_filter

    reach = np.rint(AROUND_MM / np.linalg.norm(affine[:3, :3], axis=0)).astype(int)
    reach[2] = 0 if in_plane else reach[2]
    return maximum_filter(mask.astype(np.uint8), tuple(2 * reach + 1)) > 0


def _is_box(fitted: np.ndarray) -> bool:
    """Whether the fitted voxels are rectangles, slice by slice."""
    filled = rectangle = 0
    for k in np.flatnonzero(fitted.any(axis=(0, 1))):
        rows, columns = (np.flatnonzero(fitted[:, :, k].any(axis=axis)) for axis in (1, 0))
        filled += np.count_nonzero(fitted[:, :, k])
        rectangle += (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return filled > BOX * rectangle
