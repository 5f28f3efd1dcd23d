"""Reading whole scans: real LCModel files against the truth they were simulated from, fallbacks and archives."""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.metabolites import metabolite_parts
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan
from mrsi_sr.scan.volumes import Status

EXAMPLES = Path(__file__).parents[2] / "data/lcmodel"
GRID = (5, 6, 2)  # columns, rows, slices
TRUE_PARTS = {"tCr": "Cr+PCr", "tCho": "GPC+PCh", "tNAA": "NAA+NAAG", "Glx": "Glu+Gln"}
METABOLITES = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly", "tNAA", "Glx"]
# Kinds of voxel whose line shape and baseline the fit's model holds for. %SD is a lower bound of the error under that
# model: it says nothing of lipid under NAA, of a line of 0.17 ppm, or of a spectrum that is mostly baseline.
HEALTHY = {"brain", "shift +0.05 ppm", "low SNR", "tumour", "huge amplitude x1e5", "tiny amplitude x1e-4"}
FITTED = 28 + 10  # tables that were written for slices 1 and 2


def read(path, metabolites=("tCr",), pattern="multivoxel", matrix=GRID, flip=""):
    return read_scan(path, voxel_names(pattern, matrix, flip), list(metabolites), np.eye(4))


@pytest.fixture(scope="module")
def grid():
    return read(EXAMPLES / "grid", METABOLITES)[0]


@pytest.fixture(scope="module")
def truth():
    voxels = json.loads((EXAMPLES / "grid/grid_truth.json").read_text())
    return {(voxel["col"] - 1, voxel["row"] - 1, voxel["slice"] - 1): voxel for voxel in voxels}


def fitted_and_true(volumes, truth, metabolite, kinds):
    """Fitted and true concentration in mM, and the fitted one's standard deviation by %SD, of voxels of these kinds."""
    found = []
    for voxel, true in truth.items():
        if true["kind"] in kinds and volumes.status[voxel] == Status.OK:
            fitted = volumes.concentration[metabolite][voxel] / true["scale"]
            expected = sum(true["conc"][part] for part in TRUE_PARTS.get(metabolite, metabolite).split("+"))
            percent = volumes.sd[metabolite][voxel] + 0.5  # written in whole percent
            found.append((fitted, expected, fitted * percent / 100))
    return np.array(found).T


@pytest.mark.parametrize("metabolite", METABOLITES)
def test_real_fits_follow_the_truth_within_what_the_sd_says(grid, truth, metabolite):
    """All voxels share a bias of a few percent: the fit's basis set and baseline are not quite the simulation's. So
    the bias, the median over normal brain, is small, and about it each voxel of every healthy kind, over nine orders
    of amplitude, scatters as its %SD says. Glycine's bias is not a factor but a constant: what inositol leaves."""
    fitted, true, _ = fitted_and_true(grid, truth, metabolite, {"brain"})
    offset = np.median(fitted - true) if metabolite == "Gly" else 0
    factor = 1 if metabolite == "Gly" else np.median(fitted / true)
    assert 0.97 < factor < 1.07
    assert 0 <= offset < 0.25
    fitted, true, sd = fitted_and_true(grid, truth, metabolite, HEALTHY)
    assert len(fitted) == 29
    z = (fitted - factor * true - offset) / sd
    assert np.sqrt(np.mean(z**2)) < 1.3
    assert np.abs(z).max() < 3


def test_contaminated_voxels_are_complete_fits_far_from_the_truth_and_left_to_the_mask(grid, truth):
    """Lipid under NAA is fitted with confidence: ingestion reports it as it is."""
    for voxel, true in truth.items():
        if true["kind"] == "strong lipid, in the skull" and voxel[2] == 0:
            assert grid.status[voxel] == Status.OK
            assert grid.concentration["NAA"][voxel] > 50
            assert grid.sd["NAA"][voxel] < 10


def test_voxels_lie_where_their_row_column_and_slice_say(grid, truth):
    for voxel, true in truth.items():
        if true["kind"] == "zero (outside the head)":
            assert grid.status[voxel] == Status.MISSING
            assert np.isnan([grid.concentration["NAA"][voxel], grid.sd["NAA"][voxel], grid.snr[voxel]]).all()
    assert grid.concentration["tCr"][2, 3, 0] == np.float32(0.823)  # sl1_4-3, the necrotic core
    assert (grid.snr[2, 3, 0], grid.fwhm[2, 3, 0]) == (9, np.float32(0.039))
    assert grid.counts() == {"missing": 22, "ok": FITTED, "fatal": 0, "truncated": 0, "empty": 0}


def test_a_fit_of_zero_stays_zero_and_has_no_sd(grid):
    """`0.000 999%`: the table of voxel sl1_4-1 for glycine. 999 is LCModel's word for no estimate."""
    assert grid.concentration["Gly"][0, 3, 0] == 0
    assert np.isnan(grid.sd["Gly"][0, 3, 0])


@pytest.mark.parametrize(("flip", "axes"), [("x", 0), ("y", 1), ("xy", (0, 1))])
def test_a_flip_mirrors_the_axes_within_the_matrix(grid, flip, axes):
    flipped = read(EXAMPLES / "grid", ["NAA"], flip=flip)[0]
    assert np.array_equal(np.flip(flipped.concentration["NAA"], axes), grid.concentration["NAA"], equal_nan=True)
    assert np.array_equal(np.flip(flipped.status, axes), grid.status)


@pytest.mark.parametrize("name", ["scan.tar", "scan.tar.gz", "scan.tgz"])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_archive_gives_the_same_as_the_folder(tmp_path, grid, name, format):
    with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w", format=format) as archive:
        for depth, slice_folder in enumerate(["t1", "t2"]):
            archive.add(EXAMPLES / "grid" / slice_folder, "/".join(["a" * 30] * 5 * depth + [slice_folder]))
    packed = read(tmp_path / name, METABOLITES)[0]
    for metabolite in METABOLITES:
        for volumes in ("concentration", "sd"):
            values = getattr(packed, volumes)[metabolite], getattr(grid, volumes)[metabolite]
            assert np.array_equal(*values, equal_nan=True)
    assert packed.counts() == grid.counts()


@pytest.mark.parametrize("cut", [1, 700, 5000, 20000])
@pytest.mark.parametrize("name", ["scan.tar", "scan.tar.gz"])
def test_an_archive_that_was_cut_short_is_never_read_as_a_whole_one(tmp_path, name, cut):
    with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
        archive.add(EXAMPLES / "grid/t2", "t2")
    whole = (tmp_path / name).read_bytes()
    whole = whole if name.endswith("gz") else whole.rstrip(b"\0")  # tar pads with zeros
    (tmp_path / name).write_bytes(whole[:-cut])
    with pytest.raises(UserError, match=rf"{name} cannot be read as an archive"):
        read(tmp_path / name)


def vienna(folder, voxel, source, ending):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES / source, folder / f"s7_x{voxel[0]:02d}_y{voxel[1]:02d}_z{voxel[2]:02d}{ending}")


@pytest.fixture(params=["folder", "archive inside", "archive", "coord first in archive"])
def failing_scan(request, tmp_path):
    """A Vienna-style scan with every way to fail; .coord files lie in CoordFiles or CoordFiles.tar.gz."""
    scan = tmp_path / "scan"
    for x, name in enumerate(["ok", "zero", "huge30", "nan1", "killed", "lip1e4", "killed"], start=1):
        vienna(scan, (x, 1, 1), f"single/{name}.table", ".table")
    vienna(scan / "CoordFiles", (1, 1, 1), "single/nobase.coord", ".coord")  # its table is good: not used
    vienna(scan / "CoordFiles", (4, 1, 1), "single/nan1.coord", ".coord")  # as bad as its table
    vienna(scan / "CoordFiles", (5, 1, 1), "single/zero.coord", ".coord")  # no better than its table
    vienna(scan / "CoordFiles", (7, 1, 1), "single/ok.coord", ".coord")  # good, where the table is not
    vienna(scan / "CoordFiles", (8, 1, 1), "single/huge30.coord", ".coord")  # without a table
    if request.param == "folder":
        return scan
    if request.param == "archive inside":
        with tarfile.open(scan / "CoordFiles.tar.gz", "w:gz") as archive:
            archive.add(scan / "CoordFiles", "CoordFiles")
        shutil.rmtree(scan / "CoordFiles")
        return scan
    files = sorted(scan.rglob("*.*"), key=lambda file: file.suffix, reverse=request.param == "archive")
    with tarfile.open(tmp_path / "scan.tar.gz", "w:gz") as archive:
        for file in files:
            archive.add(file, file.relative_to(tmp_path))
    return tmp_path / "scan.tar.gz"


def test_every_failed_voxel_has_its_status_and_a_coord_helps_where_no_table_is_good(failing_scan):
    volumes, fits = read(failing_scan, ["tCr"], "vienna", (9, 1, 1))
    expected = "ok fatal fatal truncated empty ok ok fatal missing"
    assert [Status(status).name.lower() for status in volumes.status.ravel()] == expected.split()
    assert np.isfinite(volumes.concentration["tCr"].ravel()).tolist() == [name == "ok" for name in expected.split()]
    assert volumes.concentration["tCr"][[0, 6], 0, 0].tolist() == [np.float32(7.222)] * 2  # ok.table, ok.coord
    assert fits.from_coord.sum() == 1
    assert fits.how_fitted("tCr") == {"Cr+PCr": 3}


def test_an_archive_beside_the_folder_it_was_unpacked_to_is_not_read_twice(tmp_path):
    vienna(tmp_path / "CoordFiles", (1, 1, 1), "single/ok.coord", ".coord")
    with tarfile.open(tmp_path / "CoordFiles.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "CoordFiles", "CoordFiles")
    assert read(tmp_path, ["tCr"], "vienna", (1, 1, 1))[0].counts()["ok"] == 1


def write_table(path, rows):
    lines = "\n".join(f" {value:8.3f}{sd:4d}%   1.000 {name}" for name, value, sd in rows)
    misc = "$$MISC  1 lines\n  FWHM = 0.034 ppm    S/N =  64\n\n"
    path.write_text(f" LCModel\n\n$$CONC 3 lines\n Conc.\n{lines}\n\n{misc}")


def test_combinations_match_as_sets_of_parts_else_parts_are_summed_without_sd(tmp_path):
    tables = [
        [("Cr", 1, 9), ("PCr", 2, 9), ("PCr+Cr", 3.5, 4)],  # the fitted combination, in either order
        [("Cre", 1, 9), ("PCr", 2, 9)],  # the sum
        [("tCr", 7, 3)],  # renamed
        [("Cr", 1, 9), ("Ins", 4, 5)],  # a part is not the whole
    ]
    for y, rows in enumerate(tables, start=1):
        write_table(tmp_path / f"sl1_{y}-1.table", rows)
    volumes, fits = read(tmp_path, ["tCr", "mI"], matrix=(1, 4, 1))
    assert volumes.concentration["tCr"].ravel() == pytest.approx([3.5, 3, 7, np.nan], nan_ok=True)
    assert volumes.sd["tCr"].ravel() == pytest.approx([4, np.nan, 3, np.nan], nan_ok=True)
    assert volumes.concentration["mI"].ravel() == pytest.approx([np.nan, np.nan, np.nan, 4], nan_ok=True)
    assert fits.how_fitted("tCr") == {"PCr+Cr": 1, "sum of Cre and PCr": 1, "tCr": 1, "not fitted": 1}
    assert fits.table().splitlines()[-2:] == ["mI,not fitted,3", "mI,Ins,1"]


@pytest.mark.parametrize("names", [("Cr+PCr", "Ins"), ("Cr", "PCr")])
def test_a_metabolite_that_has_a_number_in_no_voxel_is_refused_with_its_line(tmp_path, names):
    """Decimal commas; a scan in which one voxel has a number is read."""
    for y in (1, 2):
        path = tmp_path / f"sl1_{y}-1.table"
        write_table(path, [(name, 1.25, 9) for name in names])
        path.write_text(path.read_text().replace("1.250", "1,250"))
    with pytest.raises(UserError, match=r"no voxel in .* number as the concentration of tCr\n.*1,250   9%(.|\n)*not"):
        read(tmp_path, ["tCr"], matrix=(1, 2, 1))
    write_table(path, [(name, 1.25, 9) for name in names])
    assert np.isfinite(read(tmp_path, ["tCr"], matrix=(1, 2, 1))[0].concentration["tCr"]).sum() == 1


@pytest.mark.parametrize("phosphocholine", ["PCh", "PCho", "PC"])
def test_total_choline_is_the_sum_of_its_parts_however_phosphocholine_is_spelled(tmp_path, phosphocholine):
    """`Cho` in a table is choline itself."""
    write_table(tmp_path / "sl1_1-1.table", [("GPC", 1.0, 5), (phosphocholine, 0.5, 9), ("Cho", 9.0, 5)])
    volumes, fits = read(tmp_path, ["tCho"], matrix=(1, 1, 1))
    assert volumes.concentration["tCho"][0, 0, 0] == 1.5
    assert fits.how_fitted("tCho") == {f"sum of GPC and {phosphocholine}": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tCr", "Cr+PCr", True), ("PCr+Cr", "Cr+PCr", True), ("PCr+Cre", "tCr", True), ("mI", "Ins", True),
        ("GPC+PCh", "tCho", True), ("NAA+NAAG", "tNAA", True), ("Glu+Gln", "Glx", True), ("Cr", "PCr", False),
        ("GPC+PCho", "tCho", True), ("Cho", "tCho", False),
        ("Glu", "Glx", False), ("-CrCH2", "Cr", False), ("Ins", "Ins+Gly", False),
    ],
)  # fmt: skip
def test_two_names_mean_the_same_where_their_parts_do(one, other, same):
    assert (metabolite_parts(one) == metabolite_parts(other)) is same


@pytest.mark.parametrize(
    ("pattern", "path", "voxel"),
    [
        ("multivoxel", "d/sl1_3-5.table", (4, 2, 0)),
        ("multivoxel", "x_sl2_13-5.coord", (4, 12, 1)),
        ("multivoxel", "sl1_3-5.ps", None),
        ("vienna", "CoordFiles/s7_x01_y02_z03.table", (0, 1, 2)),
        ("vienna", "s7_X01_Y02_Z03.coord", (0, 1, 2)),
        (r"z(?P<z>\d+)/r(?P<row>\d+)c(?P<col>\d+)", "z3/r2c1.table", (0, 1, 2)),
    ],
)
def test_a_name_tells_its_voxel(pattern, path, voxel):
    matrix = (20, 20, 20)
    found = voxel_names(pattern, matrix).voxel(path)
    assert found == (None if voxel is None else np.ravel_multi_index(voxel, matrix))


def test_a_metabolite_that_was_fitted_nowhere_is_left_out_where_that_is_asked_for(caplog):
    names = voxel_names("multivoxel", GRID, "")
    volumes, _ = read_scan(EXAMPLES / "grid", names, ["Xyz", "tCr"], np.eye(4), where_there=True)
    assert list(volumes.concentration) == list(volumes.sd) == ["tCr"]
    assert "has no Xyz: it is left out" in caplog.text
    for metabolites, allowed in ((["Xyz", "tCr"], False), (["Xyz"], True)):
        with pytest.raises(UserError, match="no LCModel table for metabolite 'Xyz'"):
            read_scan(EXAMPLES / "grid", names, metabolites, np.eye(4), where_there=allowed)
