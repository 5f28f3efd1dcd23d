"""check.py and check_table.py by their command lines."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from phantom_scan import phantom, volumes_of, write_images

from mrsi_sr.phantom.lcmodel_writer import table_name, tables, write_folder
from mrsi_sr.scan.nifti import write_nifti

GRID = Path(__file__).parents[2] / "tests/data/lcmodel/grid"
ON_GRID = ["--pattern", "multivoxel", "--matrix", 5, 6, 2, "--voxel-mm", 3.4, 3.4, 3.4, "--metabolites", "tCr,NAA"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder with a phantom's LCModel tables, reference and images."""
    place, participant = tmp_path_factory.mktemp("phantom"), phantom(True)
    write_images(participant, place)
    write_nifti(place / "reference.nii.gz", participant.head.brain.astype(np.uint8), volumes_of(participant).affine)
    found = tables(np.random.default_rng(0), participant.fits, "multivoxel")
    (place / "lcmodel").mkdir()
    write_folder(place / "lcmodel", ((table_name(voxel, "multivoxel", ""), data) for voxel, data in found))
    return place


@pytest.mark.slow
def test_a_scan_checked_with_a_wrong_flip_gets_a_line_and_a_row_that_say_which_to_set(folder, run_script, tmp_path):
    flags = [
        "--lcmodel", folder / "lcmodel", "--pattern", "multivoxel", "--reference", folder / "reference.nii.gz",
        "--metabolites", "tCr,tCho,NAA,Glu", "--t1", folder / "t1.nii.gz", "--flair", folder / "flair.nii.gz",
        "--unit", "mM", "--flip", "x", "--name", "sub-01", "--out", tmp_path / "wrong.json",
    ]  # fmt: skip
    done = run_script("check", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "mirrored along x: leave flip empty" in done.stdout and "; water-scaled; 297.223 MHz;" in done.stdout
    record = json.loads((tmp_path / "wrong.provenance.json").read_text())
    assert str(folder / "t1.nii.gz") in record["inputs_sha256"] and record["scan_sha256"]
    bad = run_script("check", "--lcmodel", GRID, *ON_GRID, "--name", "sub-02", "--out", tmp_path / "bad.json",
                     "--t1", tmp_path / "nosuch.nii.gz")  # fmt: skip
    assert bad.returncode == 0 and "sub-02: cannot be read. FINDINGS: no file" in bad.stdout
    done = run_script(
        "check_table", "--checks", tmp_path / "wrong.json", tmp_path / "bad.json", "--out", tmp_path / "a.csv"
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["sub-01", "sub-02"]
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["look", "cannot be read"] and rows[0]["flip_proposed"] == "n/a"


def test_by_hand_a_line_is_enough(run_script):
    done = run_script("check", "--lcmodel", GRID, *ON_GRID)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("grid: ok. 5x6x2 of 3.4x3.4x3.4 mm; 38 of 60 voxels ok; ")
    assert "not water-scaled; 297.223 MHz" in done.stdout and "orientation of the maps is not checked" in done.stdout
