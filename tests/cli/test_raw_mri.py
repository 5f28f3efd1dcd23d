"""strip.py and register.py by themselves: from raw images to those that mask.py and slices.py read."""

import json
from importlib import metadata

import numpy as np
import pytest
from synthetic_scan import scan, write_mri

from mrsi_sr.scan.nifti import read_nifti, write_nifti


@pytest.fixture(scope="module")
def sub_01(tmp_path_factory):
    """A participant's folder with volumes, and T1, FLAIR and brain mask that lie 7 mm beside the scan."""
    folder = tmp_path_factory.mktemp("cohort") / "sub-01"
    volumes, brain = scan()
    volumes.save(folder / "volumes")
    for path in write_mri(folder, volumes, brain):
        values, affine = read_nifti(path)
        affine[0, 3] += 7
        write_nifti(path, values, affine)
        write_nifti(folder / "brain_mask.nii.gz", (values > 0).astype(np.uint8), affine)
    return folder


def strip(run_script, folder, out, *more):
    return run_script("strip", "--t1", folder / "t1.nii.gz", "--out", out / "brain", *more)


def register(run_script, folder, out, *more):
    files = {"flair": "flair", "t1": "t1", "lesion": "brain_mask"}
    images = [word for flag, name in files.items() for word in (f"--{flag}", folder / f"{name}.nii.gz")]
    made = ("--volumes", folder / "volumes", "--brain", out / "brain", "--out", out / "registered")
    return run_script("register", *made, *images, *more)


@pytest.mark.slow
def test_raw_images_become_registered_ones_with_a_picture_and_a_record(sub_01, run_script, tmp_path):
    done = strip(run_script, sub_01, tmp_path, "--brain-mask", sub_01 / "brain_mask.nii.gz")
    assert done.returncode == 0, done.stderr
    assert "litres" in done.stderr
    done = register(run_script, sub_01, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "T1 and the scan: moved by" in done.stderr
    out = tmp_path / "registered"
    images = {f"{name}.nii.gz" for name in ("t1", "flair", "brain_mask", "lesion")}
    others = {"registration.json", "check.png", "provenance.json", ".result.json"}
    assert {path.name for path in out.iterdir()} == images | others
    _, before = read_nifti(sub_01 / "t1.nii.gz")
    for name in images:
        assert abs((before - read_nifti(out / name)[1])[0, 3] - 7) < 1.7, name  # half a voxel of the scan
    assert (out / "check.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "provenance.json").read_text())
    assert record["settings"] == {"method": "simpleitk", "target": "maps", "n4": False}
    warnings = json.loads((out / "registration.json").read_text())["warnings"]
    assert any("litres is unusual" in line for line in warnings)  # what strip.py said is beside the images too
    masked = run_script(
        "mask", "--volumes", sub_01 / "volumes", "--t1", out / "t1.nii.gz", "--brain-mask", out / "brain_mask.nii.gz",
        "--out", tmp_path / "mask",
    )  # fmt: skip
    assert masked.returncode == 0, masked.stderr


def test_a_brain_of_another_t1_is_refused(sub_01, run_script, tmp_path):
    assert strip(run_script, sub_01, tmp_path, "--method", "none").returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    values, affine = read_nifti(sub_01 / "t1.nii.gz")
    write_nifti(other / "t1.nii.gz", values + 1, affine)
    done = register(run_script, sub_01, tmp_path, "--t1", other / "t1.nii.gz")
    assert done.returncode == 2 and "was not made from" in done.stderr
    assert not (tmp_path / "registered").exists()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("deepbet", "deepbet was asked for and is not installed\n  install it: python -m pip install"),
        ("bet", "FSL's bet was asked for and is not on PATH\n  install FSL"),
    ],
)
def test_software_that_is_not_installed_is_one_message_and_code_2(
    method, said, sub_01, run_script, tmp_path, monkeypatch
):
    if method == "deepbet" and any(each.name == "deepbet" for each in metadata.distributions()):
        pytest.skip("deepbet is installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = strip(run_script, sub_01, tmp_path, "--method", method)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "brain").exists()
