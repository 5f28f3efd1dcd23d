"""FSL's programs as stand-ins on PATH: what they are given, what is made of what they give back, and what is said."""

import os
import stat

import numpy as np
import pytest
from raw_mri import rigid

from mrsi_sr.cli import UserError
from mrsi_sr.scan import fsl
from mrsi_sr.scan.image import Image

HEAD = Image(np.random.default_rng(0).random((6, 7, 8)).astype(np.float32), np.diag([1.0, 2.0, 3.0, 1.0]))


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a shell script of a name on PATH."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))

    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def in_fsl_mm(image: Image, place_mm) -> np.ndarray:
    """A place of the world in FSL's mm, by the rule of FSL's documentation, voxel by voxel."""
    voxel = np.linalg.inv(image.affine) @ [*place_mm, 1.0]
    if np.linalg.det(image.affine[:3, :3]) > 0:
        voxel[0] = image.values.shape[0] - 1 - voxel[0]
    return voxel[:3] * np.linalg.norm(image.affine[:3, :3], axis=0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_matrix_that_flirt_writes_is_read_in_its_own_coordinates(program, mirrored, tmp_path):
    flip = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0, 1.0])
    fixed = Image(np.zeros((9, 8, 5), np.float32), rigid((5, -3, 2), (4, 0, 0)) @ np.diag([3.4, 3.4, 5.0, 1.0]))
    moving = Image(HEAD.values, rigid((1, 2, 3), (0, 8, 0)) @ HEAD.affine @ flip)
    true = rigid((-7, 4, 6), (3, -5, 8))  # the moving image's mm to the fixed image's
    places = np.random.default_rng(1).uniform(-30, 30, (20, 3))
    ends = places @ true[:3, :3].T + true[:3, 3]
    given = np.c_[[in_fsl_mm(moving, each) for each in places], np.ones(20)]
    wanted = np.array([in_fsl_mm(fixed, each) for each in ends])
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(given, wanted, rcond=None)[0].T
    np.savetxt(tmp_path / "true.txt", matrix, fmt="%.12f")
    program("flirt", f'while [ "$1" != -omat ]; do shift; done; cp {tmp_path}/true.txt "$2"')
    assert np.allclose(fsl.flirt(fixed, moving, np.ones((9, 8, 5), bool)), true, atol=1e-6)


def test_the_mask_of_bet_is_read_on_the_grid_of_the_image(program):
    program("bet", 'echo "$FSLOUTPUTTYPE" | grep -q NIFTI_GZ && cp "$1" "${2}_mask.nii.gz"')
    assert (fsl.bet(HEAD) == (HEAD.values > 0)).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo no licence >&2; exit 3", "FSL's bet failed:\n  no licence"),
        ("exit 0", "there is no brain_mask.nii.gz"),
    ],
)
def test_a_program_that_fails_is_said_with_its_own_words(program, text, said):
    program("bet", text)
    with pytest.raises(UserError, match=said):
        fsl.bet(HEAD)


def test_a_matrix_that_is_not_rigid_is_refused(program):
    program(
        "flirt", 'while [ "$1" != -omat ]; do shift; done; printf "2 0 0 0\\n0 1 0 0\\n0 0 1 0\\n0 0 0 1\\n" > "$2"'
    )
    with pytest.raises(UserError, match="its matrix is not rigid"):
        fsl.flirt(HEAD, HEAD)


@pytest.mark.parametrize("call", [lambda: fsl.bet(HEAD), lambda: fsl.flirt(HEAD, HEAD)], ids=["bet", "flirt"])
def test_fsl_that_is_not_there_is_said_with_what_to_do(call, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"is not on PATH\n  install FSL .* source \$FSLDIR/etc/fslconf/fsl.sh"):
        call()
