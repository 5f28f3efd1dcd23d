"""mask.py by itself."""

import json

import pytest
from synthetic_scan import scan, write_mri

from mrsi_sr.scan.nifti import read_nifti


@pytest.fixture(scope="module")
def sub_01(tmp_path_factory):
    """A participant's folder with volumes/, t1.nii.gz and flair.nii.gz."""
    folder = tmp_path_factory.mktemp("cohort") / "sub-01"
    volumes, brain = scan()
    volumes.save(folder / "volumes")
    write_mri(folder, volumes, brain)
    return folder


def flags(folder, out, **settings):
    return (
        "--volumes", folder / "volumes", "--t1", folder / "t1.nii.gz",
        "--settings", json.dumps(settings), "--out", out / "mask",
    )  # fmt: skip


def inputs_of(record):
    return set(json.loads(record.read_text())["inputs_sha256"])


def test_masks_reasons_and_counts_are_written_and_drawn(sub_01, run_script, tmp_path):
    settings = {"skull_margin_mm": None, "snr_map": str(sub_01.parent / "{participant}" / "volumes" / "snr.nii.gz")}
    done = run_script("mask", *flags(sub_01, tmp_path, **settings))
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "mask").iterdir()}
    assert written == {
        "counts.csv",
        "provenance.json",
        ".result.json",
        *(f"{m}_{kind}.nii.gz" for m in ("NAA", "tCho") for kind in ("mask", "reasons")),
    }
    mask, _ = read_nifti(tmp_path / "mask" / "NAA_mask.nii.gz")
    brain = scan()[1]
    assert (mask.astype(bool) == brain).all()
    assert f"NAA,valid,{brain.sum()}" in (tmp_path / "mask" / "counts.csv").read_text()
    assert "sub-01: NAA has" in done.stderr
    drawn = run_script(
        "montage", "--volumes", sub_01 / "volumes", "--mask", tmp_path / "mask", "--t1", sub_01 / "t1.nii.gz",
        "--unit", "mM", "--settings", json.dumps(settings), "--out", tmp_path / "mask.png",
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "mask.png").read_bytes().startswith(b"\x89PNG")
    masked = inputs_of(tmp_path / "mask" / "provenance.json")
    assert masked == {str(sub_01 / name) for name in ("volumes", "t1.nii.gz", "volumes/snr.nii.gz")}
    assert inputs_of(tmp_path / "mask.provenance.json") == masked | {str(tmp_path / "mask")}


def test_a_montage_of_no_mask_says_who_makes_it(sub_01, run_script, tmp_path):
    done = run_script(
        "montage", "--volumes", sub_01 / "volumes", "--mask", tmp_path, "--unit", "mM", "--out", tmp_path / "mask.png"
    )
    assert done.returncode == 2
    assert "mask.py --out writes them" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_snrs": 2}, "min_snrs is not a known key: did you mean min_snr?"),
        ({"min_snr": 1000}, "no valid voxel is left of NAA, tCho"),
        ({"max_fwhm_ppm": -1}, "max_fwhm_ppm is -1, expected at least 0"),
        ({"snr_map": "nowhere/{participant}.nii.gz"}, "no file nowhere/sub-01.nii.gz"),
    ],
)
def test_settings_that_cannot_be_used_write_nothing(settings, message, sub_01, run_script, tmp_path):
    done = run_script("mask", *flags(sub_01, tmp_path, **settings))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_any_brain_the_error_says_what_to_give(sub_01, run_script, tmp_path):
    done = run_script("mask", "--volumes", sub_01 / "volumes", "--out", tmp_path / "mask")
    assert done.returncode == 2
    assert "no brain mask" in done.stderr and "--brain-mask NIFTI" in done.stderr


def test_a_folder_without_volumes_is_refused(run_script, tmp_path):
    done = run_script("mask", "--volumes", tmp_path, "--out", tmp_path / "mask")
    assert done.returncode == 2
    assert "no volumes METABOLITE_concentration.nii.gz" in done.stderr
