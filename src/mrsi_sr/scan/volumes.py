"""A scan's volumes: concentration and %SD per metabolite, SNR, FWHM and status, as one folder of NIfTI files."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError


class Status(IntEnum):
    """What became of a voxel, as in the status map."""

    MISSING = 0  # no file
    OK = 1
    FATAL = 2  # LCModel says FATAL or ILLOGICAL
    TRUNCATED = 3  # $$CONC or $$MISC is not there, and nothing says why: NaN in the data, or killed while writing
    EMPTY = 4  # a file of zero bytes: killed, or still running


@dataclass
class Volumes:
    """Volumes [X, Y, Z] on one grid; axes are those of the NIfTI file (i, j, k), NaN means that there is no estimate.

    concentration (LCModel's unit) and sd (%SD, percent): metabolite -> float32. snr, fwhm (ppm): float32.
    A concentration of zero is a fit of zero, and its %SD (999: no estimate) is NaN, as is an S/N of -1.
    status: int16, a Status. affine [4, 4]: voxel -> mm. brain_mask: bool, or None where none was given.
    """

    concentration: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    snr: np.ndarray
    fwhm: np.ndarray
    status: np.ndarray
    affine: np.ndarray
    brain_mask: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The scan's matrix (X, Y, Z)."""
        return self.status.shape

    def counts(self) -> dict[str, int]:
        """The number of voxels of each status."""
        return {status.name.lower(): int(np.count_nonzero(self.status == status)) for status in Status}

    def save(self, folder: str | Path, tables: dict[str, str] | None = None) -> None:
        """Write the files into a folder. tables: further text files, name -> content."""
        images = {f"{metabolite}_concentration": volume for metabolite, volume in self.concentration.items()}
        images |= {f"{metabolite}_sd": volume for metabolite, volume in self.sd.items()}
        images = {
            name: volume.astype(np.float32) for name, volume in (images | {"snr": self.snr, "fwhm": self.fwhm}).items()
        }
        images["status"] = self.status.astype(np.int16)
        if self.brain_mask is not None:
            images["brain_mask"] = self.brain_mask.astype(np.uint8)
        counts = "".join(f"{name},{voxels}\n" for name, voxels in self.counts().items())
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, volume in images.items():
            write_nifti(folder / f"{name}.nii.gz", volume, self.affine)
        for name, text in ({"counts.csv": "status,voxels\n" + counts} | (tables or {})).items():
            (folder / name).write_text(text)


def metabolites_in(folder: str | Path) -> list[str]:
    """The metabolites whose volumes lie in a folder, sorted. Raises UserError where there is none."""
    found = sorted(
        path.name.removesuffix("_concentration.nii.gz") for path in Path(folder).glob("*_concentration.nii.gz")
    )
    if not found:
        raise UserError(f"no volumes METABOLITE_concentration.nii.gz in {folder}\n  ingest.py --out writes them")
    return found


def load(folder: str | Path, metabolites: Iterable[str]) -> Volumes:
    """Read a folder that `Volumes.save` wrote, with the metabolites asked for.

    Raises UserError where the folder, a metabolite or another volume is missing, or the volumes differ in shape.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"no folder of volumes at {folder}\n  ingest.py --out writes it")
    there = sorted(path.name.removesuffix("_concentration.nii.gz") for path in folder.glob("*_concentration.nii.gz"))
    status, affine = read_nifti(folder / "status.nii.gz")
    volumes = Volumes({}, {}, *_read(folder, ["snr", "fwhm"], status.shape), status.astype(np.int16), affine)
    for metabolite in metabolites:
        if metabolite not in there:
            raise UserError(
                f"no metabolite {metabolite!r} in {folder}\n  there are: {', '.join(there) or 'none'}\n"
                f"  run ingest.py with --metabolites that names {metabolite}"
            )
        names = [f"{metabolite}_concentration", f"{metabolite}_sd"]
        volumes.concentration[metabolite], volumes.sd[metabolite] = _read(folder, names, status.shape)
    if (folder / "brain_mask.nii.gz").exists():
        volumes.brain_mask = _read(folder, ["brain_mask"], status.shape)[0] > 0
    return volumes


def _read(folder: Path, names: list[str], shape: tuple[int, ...]) -> list[np.ndarray]:
    volumes = [read_nifti(folder / f"{name}.nii.gz")[0].astype(np.float32, copy=False) for name in names]
    for name, volume in zip(names, volumes, strict=True):
        if volume.shape != shape:
            raise UserError(f"{folder / name}.nii.gz is {volume.shape}, but the status map there is {shape}")
    return volumes


def read_nifti(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """A 3-D NIfTI file's values [X, Y, Z] and affine [4, 4]; further axes of length one are dropped.

    Raises UserError where there is no such file, it cannot be read or it is not 3-D.
    """
    image = open_nifti(path)
    try:
        values = np.asarray(image.dataobj).reshape(image.shape[:3])
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}\n  the file seems to be cut short") from None
    return values, image.affine


def open_nifti(path: str | Path):
    """The nibabel image of a file that is 3-D, but for further axes of length one. Raises UserError as read_nifti."""
    import nibabel

    if not Path(path).is_file():
        raise UserError(f"no file {path}")
    try:
        image = nibabel.load(path)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise UserError(f"cannot read {path} as NIfTI: {error}") from None
    if len(image.shape) < 3 or any(size != 1 for size in image.shape[3:]):
        shape = " x ".join(map(str, image.shape))
        raise UserError(f"{path} is not 3-D: its matrix is {shape}\n  name an image with one volume on the scan's grid")
    return image


def write_nifti(path: str | Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write values [X, Y, Z] in their own type, in millimetres; the same values give the same bytes."""
    import nibabel

    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
