"""ingest.py by its command line."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GRID = ROOT / "tests/data/lcmodel/grid"
SINGLE = ROOT / "tests/data/lcmodel/single"
ON_GRID = ["--matrix", "5", "6", "2", "--voxel-mm", "3.4", "3.4", "3.4"]


def ingest(*arguments):
    command = [sys.executable, ROOT / "workflow/scripts/ingest.py", *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def usual(path, out, pattern="multivoxel", grid=ON_GRID, metabolites="tCr,tCho,NAA"):
    return ["--lcmodel", path, "--pattern", pattern, *grid, "--metabolites", metabolites, "--out", out]


def fails(tmp_path, arguments, *messages):
    done = ingest(*arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for message in messages:
        assert message in done.stderr
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_folder_becomes_volumes_on_the_grid_of_the_reference(tmp_path):
    affine = np.array([[-3.4, 0, 0, 90], [0, 3.4, 0, -120], [0, 0, 3.4, -60], [0, 0, 0, 1.0]])
    nibabel.Nifti1Image(np.zeros((5, 6, 2), np.uint8), affine).to_filename(tmp_path / "reference.nii.gz")
    grid = ["--reference", tmp_path / "reference.nii.gz", "--flip", "xy"]
    done = ingest(*usual(GRID, tmp_path / "out", grid=grid))
    assert done.returncode == 0, done.stderr
    assert "tCr: Cr+PCr in 38 voxels" in done.stderr
    names = [f"{name}_{kind}" for name in ("tCr", "tCho", "NAA") for kind in ("concentration", "sd")]
    images = {file.name.removesuffix(".nii.gz"): nibabel.load(file) for file in (tmp_path / "out").glob("*.nii.gz")}
    assert set(images) == {*names, "snr", "fwhm", "status"}
    assert all(image.shape == (5, 6, 2) and np.allclose(image.affine, affine) for image in images.values())
    assert {str(image.get_data_dtype()) for name, image in images.items() if name != "status"} == {"float32"}
    assert images["status"].get_data_dtype() == np.int16
    assert images["tCr_concentration"].dataobj[4 - 2, 5 - 3, 0] == np.float32(0.823)  # sl1_4-3.table, mirrored
    assert (tmp_path / "out/counts.csv").read_text().splitlines()[:3] == ["status,voxels", "missing,22", "ok,38"]
    assert "tCr,Cr+PCr,38" in (tmp_path / "out/metabolites.csv").read_text()


def test_an_archive_and_a_pattern_of_ones_own_give_the_same(tmp_path):
    with tarfile.open(tmp_path / "scan.tar.gz", "w:gz") as archive:
        archive.add(GRID, "grid")
    pattern = r"sl(?P<z>\d+)_(?P<row>\d+)-(?P<col>\d+)\.table$"
    assert ingest(*usual(GRID, tmp_path / "out")).returncode == 0
    assert ingest(*usual(tmp_path / "scan.tar.gz", tmp_path / "packed", pattern)).returncode == 0
    for file in (tmp_path / "out").glob("*.nii.gz"):
        assert file.read_bytes() == (tmp_path / "packed" / file.name).read_bytes()
    affine = nibabel.load(tmp_path / "out/snr.nii.gz").affine
    assert np.allclose(affine @ [2, 2.5, 0.5, 1], [0, 0, 0, 1], atol=1e-5)  # without a reference the grid is centred


def test_ready_made_maps_become_volumes(tmp_path):
    values = np.ones((5, 6, 2, 1), np.float32)
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "sub-1_met-CrPCr_desc-signal.nii.gz")
    nibabel.Nifti1Image(values[..., 0], np.eye(4)).to_filename(tmp_path / "brain.nii.gz")
    files = json.dumps({"value": "*met-{metabolite}_desc-signal.nii.gz", "brain_mask": "brain.nii.gz"})
    done = ingest("--maps", tmp_path, "--files", files, "--metabolites", "tCr", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/tCr_concentration.nii.gz").exists()
    record = json.loads((tmp_path / "out/provenance.json").read_text())
    tcr, brain = str(tmp_path / "sub-1_met-CrPCr_desc-signal.nii.gz"), str(tmp_path / "brain.nii.gz")
    assert record["maps"] == {"value": {"tCr": tcr}, "brain_mask": {"": brain}}
    assert record["inputs_sha256"] == {
        path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (tcr, brain)
    }
    assert f"value of tCr: {tcr}" in done.stderr and f"brain_mask: {brain}" in done.stderr
    assert nibabel.load(tmp_path / "out/brain_mask.nii.gz").get_data_dtype() == np.uint8


def test_a_missing_folder_or_damaged_archive_is_one_clear_error(tmp_path):
    fails(tmp_path, usual(tmp_path / "nosuch", tmp_path / "out"), "nosuch does not exist", "--lcmodel names")
    (tmp_path / "scan.tar.gz").write_bytes(b"\x1f\x8bno archive at all")
    fails(tmp_path, usual(tmp_path / "scan.tar.gz", tmp_path / "out"), "scan.tar.gz cannot be read as an archive")
    (tmp_path / "scan.zip").write_bytes(b"PK")
    fails(tmp_path, usual(tmp_path / "scan.zip", tmp_path / "out"), "scan.zip is not a folder nor a .tar")


def test_names_that_do_not_match_are_shown(tmp_path):
    fails(tmp_path, usual(GRID, tmp_path / "out", "vienna"), "'vienna'", "grid_truth.json, t1/sl1_1-2.table", "more")
    (tmp_path / "empty").mkdir()
    fails(tmp_path, usual(tmp_path / "empty", tmp_path / "out"), "no file at all")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "multivoxle",
            "neither multivoxel nor vienna, and as a regular expression lacks the named group x or col, and",
        ),
        (r"sl(?P<z>\d+)_(?P<row>\d+)", "lacks the named group x or col"),
        (r"sl(?P<z>\d+", "nor a regular expression: missing )"),
        (r"(?P<z>sl)(?P<x>\d)_(?P<y>\d)", "its named groups must match digits only"),
    ],
)
def test_a_pattern_that_cannot_work_is_explained(tmp_path, pattern, message):
    fails(tmp_path, usual(GRID, tmp_path / "out", pattern), message)


def test_a_metabolite_that_was_not_fitted_is_told_with_those_that_were(tmp_path):
    arguments = usual(GRID, tmp_path / "out", metabolites="tCr,Lac")
    fails(tmp_path, arguments, "metabolite 'Lac'", "Cr, PCr, Gly, Scyllo, NAA", "38 of 38 good voxels", "leave Lac out")
    text = (GRID / "t1/sl1_3-3.table").read_text()
    (tmp_path / "sl1_1-1.table").write_text(text.replace("GPC+PCh", "Glc+PCh").replace(" GPC ", " Glc "))
    fails(tmp_path, usual(tmp_path, tmp_path / "out"), "metabolite 'tCho'", "CHCOMB 'GPC+PCh'")


def test_two_tables_of_one_voxel_are_named_but_a_coord_beside_its_table_is_no_clash(tmp_path):
    for run in ("a", "b"):
        (tmp_path / "scan" / run).mkdir(parents=True)
        shutil.copy(GRID / "t1/sl1_3-3.table", tmp_path / "scan" / run)
    shutil.copy(GRID / "t1/sl1_3-3.coord", tmp_path / "scan/a")
    fails(
        tmp_path, usual(tmp_path / "scan", tmp_path / "out"), "two .table files", "a/sl1_3-3.table", "b/sl1_3-3.table"
    )
    assert ingest(*usual(tmp_path / "scan/a", tmp_path / "out")).returncode == 0


def test_a_voxel_outside_the_matrix_is_named_with_its_indices_and_the_matrix(tmp_path):
    grid = ["--matrix", "6", "5", "2", "--voxel-mm", "3", "3", "3"]
    message = "x=2, y=6, z=1 (counted from 1); the matrix is 6 x 5 x 2"
    fails(tmp_path, usual(GRID, tmp_path / "out", grid=grid), "t1/sl1_6-2.table", message, "reference", "pattern")


def test_a_scan_whose_every_voxel_failed_is_an_error_that_counts_them(tmp_path):
    (tmp_path / "scan").mkdir()
    for column, name in enumerate(["zero", "killed", "nan1"], start=1):
        shutil.copy(SINGLE / f"{name}.table", tmp_path / f"scan/sl1_1-{column}.table")
    counts = "1 fatal, 1 truncated, 1 empty"
    fails(tmp_path, usual(tmp_path / "scan", tmp_path / "out"), "no usable voxel", "3 files", "multivoxel", counts)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--flip", "z"], "flip 'z' is not one of x, y, xy"),
        (["--files", "{}"], "--files has no meaning with --lcmodel"),
        (["--metabolites", "tCr,Cr+PCr"], "names one metabolite twice: tCr and Cr+PCr"),
        (["--metabolites", ","], "names no metabolites"),
        (["--matrix", "5", "0", "2"], "must be above zero"),
        (["--matrix", "5", "6", "2000"], "--matrix has a matrix of 5 x 6 x 2000 voxels"),
        (["--voxel-mm", "3.4", "3.4", "3400"], "--voxel-mm has voxels of 3.4 x 3.4 x 3400 mm"),
        (["--pattern", ""], "--lcmodel needs --pattern"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_refused(tmp_path, more, message):
    fails(tmp_path, [*usual(GRID, tmp_path / "out"), *more], message)


def test_the_voxel_numbers_of_tables_count_along_a_references_axes_and_slices_are_axial(tmp_path):
    """A NIfTI-MRS file as reference, whose first axis is the scanner's z: the columns of the tables."""
    spectra = nibabel.Nifti1Image(
        np.zeros((5, 6, 2, 8), np.complex64), np.eye(4)[:, [2, 0, 1, 3]] * [[3], [3], [3], [1]]
    )
    spectra.to_filename(tmp_path / "reference.nii.gz")
    done = ingest(*usual(GRID, tmp_path / "out", grid=["--reference", tmp_path / "reference.nii.gz"]))
    assert done.returncode == 0, done.stderr
    assert "axes are taken in the order j, k, i" in done.stderr
    image = nibabel.load(tmp_path / "out/tCr_concentration.nii.gz")
    assert image.shape == (6, 2, 5) and np.allclose(image.affine, np.diag([3, 3, 3, 1]))
    assert image.dataobj[3, 0, 2] == np.float32(0.823)  # sl1_4-3.table: column 3, row 4, slice 1


def test_a_grid_is_needed_and_a_reference_must_have_three_axes(tmp_path):
    fails(tmp_path, usual(GRID, tmp_path / "out", grid=[]), "--reference NIFTI, or --matrix and --voxel-mm")
    nibabel.Nifti1Image(np.zeros((5, 6), np.uint8), np.eye(4)).to_filename(tmp_path / "reference.nii")
    grid = ["--reference", tmp_path / "reference.nii"]
    fails(tmp_path, usual(GRID, tmp_path / "out", grid=grid), "reference.nii is not 3-D")


@pytest.mark.parametrize("files", ["{", "[]"])
def test_files_must_be_json(tmp_path, files):
    fails(
        tmp_path, ["--maps", tmp_path, "--files", files, "--metabolites", "tCr", "--out", tmp_path / "out"], "--files"
    )


def test_help_is_quick_and_needs_no_imaging_library():
    code = f"import sys, runpy; runpy.run_path({str(ROOT / 'workflow/scripts/ingest.py')!r}, run_name='__imported__')"
    heavy = "print(sorted({'numpy', 'nibabel', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {heavy}"], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    assert ingest("--help").returncode == 0
