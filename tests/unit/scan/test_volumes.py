"""The volumes folder and ready-made maps."""

import nibabel
import numpy as np
import pytest
from damage import rewrite

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.maps import read_maps
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan import volumes
from mrsi_sr.scan.nifti import read_nifti, write_nifti
from mrsi_sr.scan.volumes import Status

AFFINE = np.array([[-3.5, 0, 0, 90], [0, 3.5, 0, -120], [0, 0, 3.5, -60], [0, 0, 0, 1.0]])
SHAPE = (4, 3, 2)


@pytest.fixture
def scan():
    values = np.arange(24, dtype=np.float32).reshape(SHAPE)
    values[0, 0, 0] = np.nan
    status = np.full(SHAPE, Status.OK, np.int16)
    status[0, 0] = Status.MISSING, Status.FATAL
    return volumes.Volumes(
        {"tCr": values, "Cr+PCr": values + 1}, {"tCr": values + 2, "Cr+PCr": values + 3},
        values + 4, values / 100, status, AFFINE, values > 12,
    )  # fmt: skip


def test_what_was_saved_is_loaded_bit_for_bit(tmp_path, scan):
    scan.save(tmp_path / "volumes")
    loaded = volumes.Volumes.load(tmp_path / "volumes", ["Cr+PCr", "tCr"])
    for metabolite in scan.concentration:
        assert np.array_equal(loaded.concentration[metabolite], scan.concentration[metabolite], equal_nan=True)
        assert np.array_equal(loaded.sd[metabolite], scan.sd[metabolite], equal_nan=True)
    for name in ("snr", "fwhm", "status", "affine", "brain_mask"):
        assert np.array_equal(getattr(loaded, name), getattr(scan, name), equal_nan=name != "brain_mask")
    assert loaded.concentration["tCr"].dtype == np.float32
    assert loaded.shape == SHAPE
    assert (tmp_path / "volumes/counts.csv").read_text() == (
        "status,voxels\nmissing,1\nok,22\nfatal,1\ntruncated,0\nempty,0\n"
    )


def test_the_same_volumes_give_the_same_bytes(tmp_path, scan):
    for name in ("one", "two"):
        scan.save(tmp_path / name)
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 9
    assert all(file.read_bytes() == (tmp_path / "two" / file.name).read_bytes() for file in files)


def test_loading_says_what_is_there_instead(tmp_path, scan):
    with pytest.raises(UserError, match=r"ingest\.py"):
        volumes.Volumes.load(tmp_path / "volumes", [])
    scan.save(tmp_path / "volumes")
    with pytest.raises(UserError, match=r"no metabolite 'Glu'.*\n.*Cr\+PCr, tCr"):
        volumes.Volumes.load(tmp_path / "volumes", ["Glu"])
    write(tmp_path / "volumes/snr.nii.gz", np.zeros((2, 2, 2)))
    with pytest.raises(UserError, match=r"snr\.nii\.gz is \(2, 2, 2\)"):
        volumes.Volumes.load(tmp_path / "volumes", ["tCr"])


def write(path, values, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(np.asarray(values, np.float32), affine).to_filename(path)


@pytest.fixture
def maps(tmp_path):
    """One scan's maps under two naming conventions, with names inside other names."""
    values = np.arange(24, dtype=np.float32).reshape(SHAPE)  # zero, so without a fit, in its first voxel
    for number, name in enumerate(["CrPCr", "Glu", "GluGln", "Ins", "NAANAAG", "GPCPCh"]):
        write(tmp_path / f"bids/sub-01_space-mrsi_met-{name}_desc-signal_mrsi.nii.gz", values * (number + 1))
        write(tmp_path / f"bids/sub-01_space-mrsi_met-{name}_desc-crlb_mrsi.nii.gz", values + 980)
    for number, name in enumerate(["Cr", "PCr", "Cr+PCr", "mI", "Gln", "Glu+Gln"]):
        write(tmp_path / f"amp/{name}_amp_map.nii", (values * (number + 1))[..., None])  # 4-D with one volume
    write(tmp_path / "snr.nii.gz", values)
    write(tmp_path / "fwhm.nii.gz", values / 100)
    write(tmp_path / "mask.nii.gz", values > 3)
    return tmp_path


def test_a_pattern_finds_a_metabolite_however_it_is_spelled(maps):
    value = {"value": "bids/*_met-{metabolite}_desc-signal*.nii.gz"}
    bids = read_maps(maps, value, ["tCr", "Glu", "Glx", "mI", "tNAA", "PCh+GPC"]).concentration
    assert [int(volume[0, 0, 1]) for volume in bids.values()] == [1, 2, 3, 4, 5, 6]
    for pattern in ("amp/{metabolite}_amp_map.nii", "amp/*{metabolite}_amp*.nii"):
        amp = read_maps(maps, {"value": pattern}, ["Cr", "PCr", "tCr", "Ins", "Gln", "Glx"]).concentration
        assert [int(volume[0, 0, 1]) for volume in amp.values()] == [1, 2, 3, 4, 5, 6]
        assert all(volume.shape == SHAPE for volume in amp.values())


def test_maps_bring_sd_snr_fwhm_and_brain_mask_and_nan_where_nothing_was_fitted(maps):
    files = {
        "value": "bids/*_met-{metabolite}_desc-signal*.nii.gz", "sd": "bids/*_met-{metabolite}_desc-crlb*.nii.gz",
        "snr": "snr.nii.gz", "fwhm": "fwhm.nii.gz", "brain_mask": "mask.nii.gz",
    }  # fmt: skip
    scan = read_maps(maps, files, ["tCr"])
    assert scan.counts() == {"missing": 1, "ok": 23, "fatal": 0, "truncated": 0, "empty": 0}
    for volume in (scan.concentration["tCr"], scan.sd["tCr"], scan.snr, scan.fwhm):
        assert np.isnan(volume[0, 0, 0])
    assert np.count_nonzero(np.isnan(scan.sd["tCr"])) == 1 + 5  # 999 and above: no estimate
    assert scan.brain_mask.sum() == 20
    assert np.array_equal(scan.affine, AFFINE)


def test_maps_without_sd_snr_and_fwhm_have_no_estimate_of_them(maps):
    scan = read_maps(maps, {"value": "amp/{metabolite}_amp_map.nii"}, ["tCr"])
    assert np.isnan([scan.sd["tCr"], scan.snr, scan.fwhm]).all()
    assert scan.brain_mask is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"value": "amp/{metabolite}.nii"}, r"no value map of tCr.*\n.*Cr\+PCr_amp_map\.nii.*\n.*crpcr"),
        ({"value": "bids/*{metabolite}*.nii.gz"}, r"2 files are the value map of tCr"),
        ({"value": "amp/tCr.nii"}, r"must have \{metabolite\}"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "{metabolite}.nii"}, r"must not have"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "nosuch.nii"}, r"no snr map"),
        ({"value": "amp/{metabolite}_amp_map.nii", "FWHM": "fwhm.nii.gz"}, r"wrong here: FWHM"),
        ({"snr": "snr.nii.gz"}, r"value is not there"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "other_affine.nii"}, r"another grid"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "other_shape.nii"}, r"another grid"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "many.nii"}, r"is not 3-D: its matrix is 4 x 3 x 2 x 5"),
        ({"value": "amp/{metabolite}_amp_map.nii", "snr": "text.nii"}, r"text\.nii cannot be read as a NIfTI image"),
        ({"value": "zero_{metabolite}.nii"}, r"zero, negative or not finite everywhere"),
    ],
)
def test_maps_that_do_not_fit_are_one_clear_error(maps, files, message):
    write(maps / "other_affine.nii", np.ones(SHAPE), np.eye(4))
    write(maps / "other_shape.nii", np.ones((4, 3, 3)))
    write(maps / "bids/sub-01_space-mrsi_met-CrPCr_desc-smooth_mrsi.nii.gz", np.ones(SHAPE))
    write(maps / "many.nii", np.ones((*SHAPE, 5)))
    write(maps / "zero_tCr.nii", np.zeros(SHAPE))
    (maps / "text.nii").write_text("no image")
    with pytest.raises(UserError, match=message):
        read_maps(maps, files, ["tCr"])


def test_volumes_that_are_not_as_they_were_written_are_refused(scan, tmp_path):
    """Another value in a file that can be read, and a file that somebody put there."""
    scan.brain_mask = None
    with Provenance({}, code={}).folder(tmp_path / "volumes") as folder:
        scan.save(folder)
    assert volumes.Volumes.load(tmp_path / "volumes", ["tCr"]).shape == SHAPE
    for name in ("status", "tCr_sd", "snr"):
        path = tmp_path / "volumes" / f"{name}.nii.gz"
        whole = path.read_bytes()
        values, affine = read_nifti(path)
        values[1, 1, 1] += 1
        write_nifti(path, values, affine)
        with pytest.raises(UserError, match=rf"{name}\.nii\.gz is damaged, or was changed"):
            volumes.Volumes.load(tmp_path / "volumes", ["tCr"])
        rewrite(path, whole)
    write_nifti(tmp_path / "volumes" / "brain_mask.nii.gz", values, affine)
    with pytest.raises(UserError, match=r"brain_mask\.nii\.gz is no part of the result"):
        volumes.Volumes.load(tmp_path / "volumes", ["tCr"])
