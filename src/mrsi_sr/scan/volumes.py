"""Volumes of a scan: concentration and %SD per metabolite, S/N, FWHM and status, stored as a folder of NIfTI files."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.scan.nifti import read_nifti, write_nifti
from mrsi_sr.settings.cohort import MOST_VOXELS


class Status(IntEnum):
    """Status of a voxel's fit, as numbered in the status map."""

    MISSING = 0  # no file
    OK = 1
    FATAL = 2  # the file has FATAL or ILLOGICAL
    TRUNCATED = 3  # $$CONC or $$MISC is missing without an error: NaN in the data, or LCModel was killed while writing
    EMPTY = 4  # a file of zero bytes: LCModel was killed, or is still running


@dataclass
class Volumes:
    """Volumes [X, Y, Z] of a scan on one grid; axes are the NIfTI file's (i, j, k), NaN means no estimate.

    concentration (LCModel's unit) and sd (%SD, percent): metabolite -> float32. snr, fwhm (ppm): float32.
    A fitted concentration of zero is zero, and its %SD (999 in LCModel) is NaN, as is an S/N of -1.
    status: int16, a Status. affine [4, 4]: voxel to mm. brain_mask: bool, or None.
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
        """Matrix of the scan (X, Y, Z)."""
        return self.status.shape

    def in_axial_order(self) -> "Volumes":
        """The volumes with axes in the order closest to the scanner's x, y and z; no axis is mirrored.

        Slices of the third axis are axial then, however the images were stored.
        """
        order = axial_order(self.affine)
        if order == (0, 1, 2):
            return self
        log.warning(
            "the third axis of this matrix, %s, is not the one closest to the scanner's z: axes are taken in the order"
            " %s, so that slices are axial",
            " x ".join(map(str, self.shape)), ", ".join("ijk"[axis] for axis in order),
        )  # fmt: skip

        def turned(volume: np.ndarray | None) -> np.ndarray | None:
            return None if volume is None else np.ascontiguousarray(volume.transpose(order))

        return Volumes(
            {name: turned(volume) for name, volume in self.concentration.items()},
            {name: turned(volume) for name, volume in self.sd.items()},
            turned(self.snr), turned(self.fwhm), turned(self.status), self.affine[:, [*order, 3]],
            turned(self.brain_mask),
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Number of voxels of each status."""
        return {status.name.lower(): int(np.count_nonzero(self.status == status)) for status in Status}

    def save(self, folder: str | Path, tables: dict[str, str] | None = None) -> None:
        """Write NIfTI files and counts.csv into a folder. tables: further text files, name -> content."""
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

    @classmethod
    def load(cls, folder: str | Path, metabolites: Iterable[str]) -> "Volumes":
        """Volumes of the given metabolites in a folder that `save` wrote.

        Raises UserError where the folder, a metabolite or another volume is missing, or the volumes differ in shape.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UserError(f"no folder of volumes at {folder}\n  ingest.py --out writes it")
        available = _metabolites_in(folder)
        status, affine = read_nifti(folder / "status.nii.gz")
        volumes = cls({}, {}, *_read(folder, ["snr", "fwhm"], status.shape), status.astype(np.int16), affine)
        for metabolite in metabolites:
            if metabolite not in available:
                raise UserError(
                    f"no metabolite {metabolite!r} in {folder}\n  available: {', '.join(available) or 'none'}\n"
                    f"  run ingest.py with {metabolite} among its --metabolites"
                )
            names = [f"{metabolite}_concentration", f"{metabolite}_sd"]
            volumes.concentration[metabolite], volumes.sd[metabolite] = _read(folder, names, status.shape)
        if (folder / "brain_mask.nii.gz").exists():
            volumes.brain_mask = _read(folder, ["brain_mask"], status.shape)[0] > 0
        return volumes


def axial_order(affine: np.ndarray) -> tuple[int, int, int]:
    """Axes of a grid in the order of the scanner's x, y and z that they are closest to. affine [4, 4]."""
    from nibabel.orientations import io_orientation

    return tuple(int(axis) for axis in np.argsort(io_orientation(affine)[:, 0]))


def check_matrix(shape: Iterable[int], what: str | Path) -> None:
    """Raise UserError for a matrix [X, Y, Z] that is too large to be a scan's. what: what has it."""
    if max(shape) > MOST_VOXELS:
        raise UserError(
            f"{what} has a matrix of {' x '.join(map(str, shape))} voxels\n"
            f"  expected a spectroscopic scan's, of at most {MOST_VOXELS} along an axis"
        )


def metabolites_in(folder: str | Path) -> list[str]:
    """Names of the metabolites with volumes in a folder, sorted. Raises UserError where there are none."""
    found = _metabolites_in(Path(folder))
    if not found:
        raise UserError(f"no volumes METABOLITE_concentration.nii.gz in {folder}\n  ingest.py --out writes them")
    return found


def _metabolites_in(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix("_concentration.nii.gz") for path in folder.glob("*_concentration.nii.gz"))


def _read(folder: Path, names: list[str], shape: tuple[int, ...]) -> list[np.ndarray]:
    volumes = [read_nifti(folder / f"{name}.nii.gz")[0].astype(np.float32, copy=False) for name in names]
    for name, volume in zip(names, volumes, strict=True):
        if volume.shape != shape:
            raise UserError(
                f"{folder / name}.nii.gz is {volume.shape}, but the status map is {shape}\n  run ingest.py again"
            )
    return volumes
