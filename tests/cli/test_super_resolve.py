"""super_resolve.py: from a scan's files and a folder of networks to maps, and one message for whatever is wrong."""

import gzip
import json
import logging
import runpy
import shutil
import sys

import handed
import nibabel
import numpy as np
import pytest
from clone import REPOSITORY
from new_scans import volumes, write_images

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan
from mrsi_sr.scan.nifti import write_nifti

EDGES = (6.8, 6.8, 5.0)  # an 8 x 8 scan of the field of view that the tiny networks have as 16 x 16
PATTERNS = {"value": "{metabolite}_concentration.nii.gz", "sd": "{metabolite}_sd.nii.gz", "snr": "snr.nii.gz"}
QUALITY = {"max_fwhm_ppm": None, "skull_margin_mm": None, "outlier_multiple": None}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return handed.write(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A scan as ready-made maps, with its images."""
    folder = tmp_path_factory.mktemp("scan") / "new-01"
    made = volumes((8, 8, 3), EDGES)
    names = {"tCr": "NAA", "tCho": "tCho"}
    for kind in ("concentration", "sd"):
        values = getattr(made, kind)
        setattr(made, kind, {name: values[source] for name, source in names.items()})
    made.save(folder / "maps")
    write_images(folder, made)
    return folder


@pytest.fixture
def flags(networks, tmp_path):
    """Words of the command line for a scan's folder. changes: flags by name; None leaves one out."""

    def flags(folder, **changes) -> list[str]:
        given = {
            "maps": folder / "maps", "files": json.dumps(PATTERNS), "t1": folder / "t1.nii.gz",
            "flair": folder / "flair.nii.gz", "brain_mask": folder / "brain_mask.nii.gz", "name": "new-01",
            "networks": networks, "method": "ddpm", "samples": 2, "quality": json.dumps(QUALITY),
            "out": tmp_path / "out",
        } | changes  # fmt: skip
        return [f"--{key.replace('_', '-')}={value}" for key, value in given.items() if value is not None]

    return flags


@pytest.fixture
def resolve(flags, monkeypatch, caplog, one_thread):
    """Run super_resolve.py in this process, which has torch loaded; returns its log."""
    script = REPOSITORY / "workflow" / "scripts" / "super_resolve.py"
    content = runpy.run_path(str(script))

    def resolve(folder, **changes) -> str:
        words = flags(folder, **changes)
        monkeypatch.setattr(sys, "argv", [str(script), *words])
        with caplog.at_level(logging.INFO):
            content["main"](content["parser"]().parse_args(words))
        return caplog.text

    return resolve


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_scan_becomes_maps_with_everything_beside_them(resolve, scan, tmp_path):
    log = resolve(scan, ratios="tCho/tCr,Ins/tCr")
    assert "8x8 acquired to 16x16 target voxels" in log
    assert "upscaling factor 2.00" in log
    assert "Ins/tCr is left out" in log
    written = files_in(tmp_path / "out")
    stem = "sub-new01/mrsi/sub-new01_space-mrsi_res-sr_met-"
    for name in ("tCr_desc-sr", "tCr_desc-srsd", "tCr_desc-zerofilled", "tChoPertCr_desc-sr", "tChoPertCr_desc-srsd"):
        assert {f"{stem}{name}_mrsi.nii.gz", f"{stem}{name}_mrsi.json"} <= written
    assert "dataset_description.json" in written
    assert not any("partial" in name for name in written)
    record = json.loads((tmp_path / "out" / "sub-new01" / "provenance.json").read_text())
    assert record["settings"]["samples"] == 2
    sidecar = json.loads((tmp_path / "out" / f"{stem}tCr_desc-sr_mrsi.json").read_text())
    assert "masked and measured again" in sidecar["Input"]
    assert record["settings"]["method_settings"]["sampler"]["kind"] == "ancestral"
    image = nibabel.load(tmp_path / "out" / f"{stem}tCr_desc-sr_mrsi.nii.gz")
    assert image.shape == (16, 16, 3)
    assert np.asarray(image.dataobj).max() > 0


def test_a_scan_does_not_replace_another_whose_label_is_the_same(resolve, scan, tmp_path):
    resolve(scan, method="zero_filled")
    before = (tmp_path / "out" / "sub-new01" / "provenance.json").read_bytes()
    with pytest.raises(UserError, match="is the result of the scan new-01"):
        resolve(scan, method="zero_filled", name="new_01")
    assert (tmp_path / "out" / "sub-new01" / "provenance.json").read_bytes() == before


def test_equal_requests_give_equal_maps(resolve, scan, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        resolve(scan, out=out, batch_size=3 if out == first else 100)
    for name in files_in(first):
        if name.endswith("mrsi.nii.gz"):
            maps = [np.asarray(nibabel.load(out / name).dataobj) for out in (first, second)]
            assert np.allclose(*maps, atol=1e-4), name


@pytest.mark.slow
def test_raw_mri_is_prepared_first_and_written_beside_the_maps(resolve, scan, tmp_path):
    """Nothing is stripped or registered here: the maps are those of prepared images."""
    resolve(scan)
    settings = json.dumps({"strip": "none", "registration": "none"})
    resolve(scan, raw_mri=settings, brain_mask=None, out=tmp_path / "raw")
    resolve(scan, brain_mask=None, out=tmp_path / "prepared")
    written = files_in(tmp_path / "raw" / "sub-new01")
    assert {f"anat/sub-new01_space-mrsi_desc-{name}.nii.gz" for name in ("preproc_T1w", "brain_mask")} <= written
    assert "registration.png" in written
    stem = "sub-new01/mrsi/sub-new01_space-mrsi_res-sr_met-tCr_desc-zerofilled_mrsi.nii.gz"
    maps = [np.asarray(nibabel.load(tmp_path / out / stem).dataobj) for out in ("raw", "prepared")]
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.98
    record = json.loads((tmp_path / "raw" / "sub-new01" / "provenance.json").read_text())
    assert record["settings"]["raw_mri"]["strip"] == "none"


def test_metabolites_that_the_networks_do_not_know_are_skipped_with_a_message(resolve, scan, tmp_path):
    folder = shutil.copytree(scan, tmp_path / "new-02")
    for kind in ("concentration", "sd"):
        shutil.copy(folder / "maps" / f"tCho_{kind}.nii.gz", folder / "maps" / f"Tau_{kind}.nii.gz")
    assert "Tau skipped, which the networks do not know" in resolve(folder, metabolites="tCho,Tau")
    assert not any("met-tCr" in name or "met-Tau" in name for name in files_in(tmp_path / "out"))


def test_metabolites_that_the_scan_has_not_are_left_out_with_a_message_unless_asked_for(resolve, scan, tmp_path):
    folder = shutil.copytree(scan, tmp_path / "new-02")
    for kind in ("concentration", "sd"):
        (folder / "maps" / f"tCho_{kind}.nii.gz").unlink()
    assert "has no tCho: it is left out" in resolve(folder)
    assert not any("met-tCho" in name for name in files_in(tmp_path / "out"))
    assert any("has no tCho" in words for words in _warnings(tmp_path / "out"))
    with pytest.raises(UserError, match="no value map of tCho"):
        resolve(folder, metabolites="tCr,tCho")


def _warnings(out) -> list[str]:
    return json.loads((out / "sub-new01" / "trust.json").read_text())["warnings"]


def test_what_readers_warn_of_is_on_the_page(resolve, scan, tmp_path):
    """Such as headers that disagree: a log is not read again."""
    folder = shutil.copytree(scan, tmp_path / "new-02")
    image = nibabel.load(folder / "t1.nii.gz")
    affine = image.affine.copy()
    affine[0, 3] += 9
    image.set_qform(affine, code=1)
    image.to_filename(folder / "t1.nii.gz")
    log = resolve(folder)
    found = _warnings(tmp_path / "out")
    assert any("sform and qform disagree" in words for words in found)
    assert len(found) == len(set(found))
    assert all(log.count(words) == 1 for words in found)


def test_a_method_without_noise_has_one_sample_and_no_standard_deviation(resolve, scan, tmp_path):
    """Equal samples would show a standard deviation of zero, as if the map were certain."""
    assert "munet draws no noise" in resolve(scan, method="munet", samples=3)
    assert not any("srsd" in name for name in files_in(tmp_path / "out"))
    record = json.loads((tmp_path / "out" / "sub-new01" / "provenance.json").read_text())
    assert record["settings"]["samples"] == 1


def test_a_scan_as_fine_as_the_target_is_only_regridded_and_says_so(resolve, tmp_path):
    folder, made = tmp_path / "fine", volumes((16, 16, 3), (3.4, 3.4, 5.0))
    made.concentration["tCr"], made.sd["tCr"] = made.concentration.pop("NAA"), made.sd.pop("NAA")
    made.save(folder / "maps")
    write_images(folder, made)
    assert "only regridded" in resolve(folder)
    written = files_in(tmp_path / "out")
    assert any("desc-zerofilled" in name for name in written)
    assert not any("desc-sr_" in name for name in written)


def test_real_output_of_lcmodel_becomes_super_resolved_maps(resolve, repository, tmp_path):
    """A grid of 5 x 6 x 2 voxels of 10 mm: odd, even and anisotropic after all; the fitted level stays."""
    matrix, folder = (5, 6, 2), tmp_path / "real"
    folder.mkdir()
    affine = np.diag([10.0, 10, 10, 1])
    affine[:3, 3] = -5 * (np.array(matrix) - 1)
    wider = affine @ np.array([[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1.0]])  # a voxel more all round
    for name in ("t1", "flair", "brain_mask"):
        write_nifti(folder / f"{name}.nii.gz", np.ones([size + 2 for size in matrix], np.float32), wider)
    write_nifti(folder / "reference.nii.gz", np.ones(matrix, np.float32), affine)
    source = repository / "tests/data/lcmodel/grid"
    log = resolve(
        folder, maps=None, files=None, lcmodel=source, pattern="multivoxel", reference=folder / "reference.nii.gz"
    )
    assert "5x6 acquired to 15x16 target voxels" in log
    assert any("not scaled by the water signal" in words for words in _warnings(tmp_path / "out"))  # but in mM
    names = voxel_names("multivoxel", matrix, "")
    fitted, _ = read_scan(source, names, ["tCr", "tCho"], affine)
    for name in ("tCr", "tCho"):
        stem = tmp_path / "out" / "sub-new01" / "mrsi" / f"sub-new01_space-mrsi_res-sr_met-{name}_desc-"
        maps = {desc: nibabel.load(f"{stem}{desc}.nii.gz").get_fdata() for desc in ("sr_mrsi", "valid_mask")}
        level = np.nanmean(fitted.concentration[name])
        assert maps["sr_mrsi"].shape == (15, 16, 2)
        assert maps["sr_mrsi"][maps["valid_mask"] > 0].mean() == pytest.approx(level, rel=0.25)


def test_a_folder_of_somebody_else_is_refused_before_anything_is_read(resolve, scan, tmp_path):
    mine = tmp_path / "out" / "sub-new01" / "thesis.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    with pytest.raises(UserError, match="is no former result of"):
        resolve(scan)
    assert files_in(tmp_path) == {"out/sub-new01/thesis.tex"}
    with pytest.raises(UserError, match="holds an input"):
        resolve(scan, out=scan.parent, maps=_inside(scan, "sub-new01"))


def _inside(scan, label):
    shutil.copytree(scan / "maps", scan.parent / label / "maps", dirs_exist_ok=True)
    return scan.parent / label / "maps"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "dpm"}, ["dpm", "ddpm"]),
        ({"temperature": -1}, ["--temperature is -1", "0 to 100"]),
        ({"method": "munet", "temperature": 0.9}, ["draws no noise"]),
        ({"raw_mri": "{}", "t1": None}, ["--raw-mri needs --t1"]),
        ({"raw_mri": '{"strip": "betty"}'}, ["strip", "deepbet"]),
        ({"ratios": "tCho"}, ["the ratio is 'tCho'", "tCho/NAA"]),
        ({"unit": "a.u."}, ["a.u.", "mM"]),
        ({"metabolites": "Tau"}, ["Tau"]),
        ({"networks": "nowhere"}, ["no folder of networks nowhere"]),
        ({"t1": None, "flair": None}, ["has no t1 and no flair", "zero_filled"]),
        ({"t1": None, "flair": None, "brain_mask": None}, ["no brain mask"]),
        ({"quality": '{"min_snr": 99}'}, ["no valid voxel is left"]),
        ({"name": "../x"}, ["has the name '../x'"]),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_message(resolve, scan, tmp_path, changes, words):
    with pytest.raises(UserError) as error:
        resolve(scan, **changes)
    for word in words:
        assert word in str(error.value)
    assert not (tmp_path / "out" / "sub-new01").exists()


def _not_finite(path):
    image = nibabel.load(path)
    write_nifti(path, np.full(image.shape, np.nan, np.float32), image.affine)


def _empty(path):
    image = nibabel.load(path)
    write_nifti(path, np.zeros(image.shape, np.float32), image.affine)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def _other_shape(path):
    image = nibabel.load(path)
    write_nifti(path, np.asarray(image.dataobj)[:-1], image.affine)


def _singular(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:328] = bytes(48)  # the sform's three rows
    path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize(
    ("damage", "file", "word"),
    [
        (_not_finite, "maps/tCr_concentration.nii.gz", "tCr"),
        (_empty, "maps/tCr_concentration.nii.gz", "tCr"),
        (_cut, "maps/tCr_concentration.nii.gz", "tCr_concentration"),
        (_cut, "t1.nii.gz", "t1.nii.gz"),
        (_other_shape, "maps/tCr_concentration.nii.gz", "tCr_concentration"),
        (_singular, "maps/tCr_concentration.nii.gz", "singular"),
        (_empty, "brain_mask.nii.gz", "brain_mask.nii.gz"),
        (_empty, "t1.nii.gz", "t1.nii.gz"),
    ],
)
def test_a_damaged_scan_is_refused_by_the_files_name(resolve, scan, tmp_path, damage, file, word):
    folder = shutil.copytree(scan, tmp_path / "damaged")
    for record in folder.rglob("*provenance.json"):
        record.unlink()
    damage(folder / file)
    with pytest.raises(UserError, match=word):
        resolve(folder)
    assert not (tmp_path / "out" / "sub-new01").exists()


def test_an_output_folder_that_cannot_be_written_is_one_message(run_script, flags, scan, tmp_path):
    (tmp_path / "file").write_text("")
    finished = run_script("super_resolve", *flags(scan, out=tmp_path / "file" / "out"))
    assert finished.returncode == 2, finished.stderr
    assert "Traceback" not in finished.stderr
    assert f"{tmp_path / 'file'}" in finished.stderr
