"""FSL's bet and flirt, where they are installed: brain of an image, and rigid registration of two."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.nifti import read_nifti, write_nifti

LINES_SHOWN = 5
SEARCH = [word for axis in "xyz" for word in (f"-searchr{axis}", "-30", "30")]  # degrees


def bet(image: Image) -> np.ndarray:
    """Brain of a T1-weighted image as FSL's bet finds it (Smith 2002), bool [X, Y, Z].

    Raises UserError where bet is not on PATH or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        _write(image, f"{folder}/head.nii.gz")
        _run("bet", f"{folder}/head.nii.gz", f"{folder}/brain", "-m", "-n", "-R")
        return _mask(Path(folder, "brain_mask.nii.gz"), image.values.shape)


def flirt(fixed: Image, moving: Image, region: np.ndarray | None = None) -> np.ndarray:
    """Rigid transform [4, 4], the moving image's mm to the fixed image's, as FSL's flirt finds it (Jenkinson 2002).

    By mutual information. region: bool, on the fixed image's grid, the voxels that count; None: all.
    Raises UserError where flirt is not on PATH or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        _write(fixed, f"{folder}/fixed.nii.gz")
        _write(moving, f"{folder}/moving.nii.gz")
        words = ["-in", f"{folder}/moving.nii.gz", "-ref", f"{folder}/fixed.nii.gz", "-omat", f"{folder}/matrix.txt"]
        if region is not None:
            _write(Image(region, fixed.affine), f"{folder}/region.nii.gz")
            words += ["-refweight", f"{folder}/region.nii.gz"]
        _run("flirt", *words, "-dof", "6", "-cost", "mutualinfo", *SEARCH)
        matrix = _matrix(Path(folder, "matrix.txt"))
    return np.linalg.inv(to_fsl(fixed)) @ matrix @ to_fsl(moving)


def to_fsl(image: Image) -> np.ndarray:
    """Transform [4, 4] from an image's mm to FSL's.

    FSL's mm are voxel numbers times edges, with the first axis mirrored where the affine's determinant is positive.
    """
    edges = np.linalg.norm(image.affine[:3, :3], axis=0)
    scale = np.diag([*edges, 1.0])
    if np.linalg.det(image.affine[:3, :3]) > 0:
        scale[0] = [-edges[0], 0, 0, edges[0] * (image.values.shape[0] - 1)]
    return scale @ np.linalg.inv(image.affine)


def _run(name: str, *words: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise UserError(
            f"FSL's {name} was asked for and is not on PATH\n"
            "  install FSL (https://fsl.fmrib.ox.ac.uk) and run: source $FSLDIR/etc/fslconf/fsl.sh"
        )
    environment = os.environ | {"FSLOUTPUTTYPE": "NIFTI_GZ"}
    done = subprocess.run([program, *words], env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise _failed(name, (done.stderr or done.stdout).strip().splitlines()[-LINES_SHOWN:])


def _failed(name: str, lines: list[str]) -> UserError:
    said = "\n  ".join(lines or ["nothing was said"])
    return UserError(f"FSL's {name} failed:\n  {said}\n  run it by hand on these images, or choose another method")


def _mask(path: Path, shape) -> np.ndarray:
    if not path.is_file():
        raise _failed("bet", [f"there is no {path.name}"])
    values, _ = read_nifti(path)
    if values.shape != tuple(shape) or not (values > 0).any():
        raise _failed("bet", ["its mask is empty, or of another matrix"])
    return values > 0


def _matrix(path: Path) -> np.ndarray:
    try:
        matrix = np.loadtxt(path)
    except (OSError, ValueError) as error:
        raise _failed("flirt", [str(error)]) from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix) - 1) > 0.01:
        raise _failed("flirt", ["its matrix is not rigid"])
    return matrix


def _write(image: Image, path: str) -> None:
    write_nifti(path, image.values.astype(np.float32), image.affine)
