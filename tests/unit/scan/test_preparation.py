"""Raw MRI of a scan is put where the scan is without interpolation, the brain alone, with what a person should see."""

import json

import numpy as np
import pytest
from raw_mri import largest_error_mm, raw_scan, rigid

from mrsi_sr.cli import UserError
from mrsi_sr.scan import bias_field, preparation
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.nifti import read_nifti, write_nifti
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import MriSettings

MOVED = {"t1": rigid((9, -6, 8), (5, -4, 6)), "flair": rigid((-3, 8, 4), (-4, 3, 2))}
AS_IT_LIES = MriSettings.of(registration="none")


@pytest.fixture(scope="module")
def scan():
    return raw_scan((32, 32, 18), 5.0)


@pytest.fixture(scope="module")
def files(scan, tmp_path_factory):
    """Heads that were moved, FLAIR on a grid of its own, with a brain mask and a lesion mask in the space of the T1."""
    folder = tmp_path_factory.mktemp("raw")
    every_other = np.diag([1.0, 1.0, 2.0, 1.0])
    write_nifti(folder / "t1.nii.gz", scan.t1.values, MOVED["t1"] @ scan.t1.affine)
    write_nifti(folder / "flair.nii.gz", scan.flair.values[:, :, ::2], MOVED["flair"] @ scan.flair.affine @ every_other)
    for name in ("brain_mask", "lesion"):
        write_nifti(folder / f"{name}.nii.gz", scan.brain.values.astype(np.uint8), MOVED["t1"] @ scan.t1.affine)
    return {path.name.split(".")[0]: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def prepared(scan, files):
    others = {name: files[name] for name in ("flair", "brain_mask", "lesion")}
    return preparation.prepare(files["t1"], scan.volumes, MriSettings.of(), **others)


def test_both_heads_come_to_lie_where_the_scan_is_to_half_a_voxel(prepared, scan):
    ends = {name: getattr(prepared, name).affine for name in ("t1", "brain", "lesion")}
    ends["flair"] = prepared.flair.affine @ np.diag([1, 1, 0.5, 1])
    for name, affine in ends.items():
        assert largest_error_mm(affine @ np.linalg.inv(scan.t1.affine), scan.brain) < 2.5, name


def test_flair_lies_on_the_t1_to_half_a_voxel_of_its_own(prepared, scan):
    found = prepared.transforms["flair_to_t1"].matrix
    assert largest_error_mm(np.linalg.inv(MOVED["t1"]) @ found @ MOVED["flair"], scan.brain) < 5 / 3 / 2


def test_no_value_is_interpolated_and_none_is_left_outside_the_brain(prepared, scan):
    assert (prepared.t1.values == np.where(scan.brain.values, scan.t1.values, 0)).all()
    assert set(np.unique(prepared.flair.values)) <= {0, *np.unique(scan.flair.values)}
    assert np.count_nonzero(prepared.flair.values) == pytest.approx(scan.brain.values.sum() / 2, rel=0.05)


def test_saved_images_are_read_as_they_are_and_the_record_has_the_transforms(prepared, tmp_path):
    prepared.save(tmp_path)
    for name, image in {"t1": prepared.t1, "flair": prepared.flair, "brain_mask": prepared.brain}.items():
        values, affine = read_nifti(tmp_path / f"{name}.nii.gz")
        assert (values == image.values).all() and np.allclose(affine, image.affine, atol=1e-4)
    record = json.loads((tmp_path / preparation.RECORD).read_text())
    assert record["transforms"]["t1_to_scan"]["matrix"] == prepared.transforms["t1_to_scan"].matrix.tolist()
    assert record["transforms"]["flair_to_t1"]["agree"][1] > 1


def test_headers_that_disagree_are_said_once_beside_the_images(scan, tmp_path):
    import nibabel

    image = nibabel.Nifti1Image(np.where(scan.brain.values, scan.t1.values, 0), scan.t1.affine)
    image.set_qform(rigid((12, 0, 0), (0, 0, 0)) @ scan.t1.affine, code=1)
    image.to_filename(tmp_path / "t1.nii.gz")
    settings = MriSettings.of(strip="none", registration="none")
    said = preparation.prepare(tmp_path / "t1.nii.gz", scan.volumes, settings).warnings
    assert len(said) == 1 and "sform and qform disagree by up to 12.0 mm" in said[0]


def test_a_brain_that_is_not_where_the_t1_is_is_refused(scan, files):
    away = Image(scan.brain.values, rigid((900, 0, 0), (0, 0, 0)) @ scan.brain.affine)
    with pytest.raises(UserError, match="has to be in the space of the T1"):
        preparation.register(files["t1"], away, scan.volumes, AS_IT_LIES)


def test_without_registration_images_stay_at_their_places(scan, files):
    kept = preparation.prepare(files["t1"], scan.volumes, AS_IT_LIES, brain_mask=files["brain_mask"])
    assert np.allclose(kept.t1.affine, MOVED["t1"] @ scan.t1.affine, atol=1e-4)
    assert kept.flair is None and kept.lesion is None


def test_a_reference_image_is_the_target_where_it_is_asked_for_and_there(scan, files, tmp_path):
    write_nifti(tmp_path / "reference.nii.gz", scan.t1.values[1::3, 1::3, 1::3], scan.volumes.affine)
    settings = MriSettings.of(target="reference")
    others = {"brain_mask": files["brain_mask"], "reference": tmp_path / "reference.nii.gz"}
    found = preparation.prepare(files["t1"], scan.volumes, settings, **others)
    assert largest_error_mm(found.t1.affine @ np.linalg.inv(scan.t1.affine), scan.brain) < 2.5
    with pytest.raises(UserError, match="the scan has no reference image"):
        preparation.scan_image(scan.volumes, settings)


def test_n4_removes_a_bias_field_and_keeps_the_brightness():
    i, j, k = np.indices((48, 48, 30))
    away = (i - 24) ** 2 + (j - 22) ** 2 + 2 * (k - 15) ** 2
    brain, tissue = away < 400, np.where(away < 180, 1000.0, 600.0)
    biased = np.where(brain, tissue * np.exp(0.5 * np.linspace(-1, 1, 48))[:, None, None], 0)
    even = bias_field.removed(Image(biased.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0])), brain)
    before, after = (np.std(np.log(values[brain & (tissue == 1000)])) for values in (biased, even))
    assert after < before / 3
    assert np.log(even[brain]).mean() == pytest.approx(np.log(biased[brain]).mean(), abs=0.02)


def fitted_in(shape, fitted, sd) -> Volumes:
    values = np.where(fitted, 5.0, np.nan).astype(np.float32)
    return Volumes(
        {"NAA": values}, {"NAA": np.where(fitted, sd, np.nan)}, values, values, fitted.astype(np.int16), np.eye(4)
    )


def test_air_beside_fitted_voxels_counts_but_what_lies_beside_an_excited_box_does_not():
    i, j = np.indices((40, 40))
    disk, box = ((i - 20) ** 2 + (j - 20) ** 2 < 64)[:, :, None], ((abs(i - 20) < 6) & (abs(j - 20) < 5))[:, :, None]
    for fitted, wider in ((disk, True), (box, False)):
        volumes = fitted_in((40, 40, 3), np.pad(fitted, ((0, 0), (0, 0), (1, 1))), 5.0)
        _, region = preparation.scan_image(volumes, MriSettings.of())
        assert (region.sum() > volumes.status.sum()) == wider
        assert not region[:, :, [0, 2]].any()  # slices that were not fitted say nothing of air


def test_fits_that_are_bad_show_no_head():
    shape, good = (12, 12, 2), np.zeros((12, 12, 2), bool)
    good[3:9, 3:9] = True
    volumes = fitted_in(shape, np.ones(shape, bool), np.where(good, 5.0, 90.0))
    image, _ = preparation.scan_image(volumes, MriSettings.of())
    assert (image.values[good] == 1).all() and (image.values[~good] == 0).all()
    with pytest.raises(UserError, match="no voxel of the volumes is well fitted"):
        preparation.scan_image(fitted_in(shape, np.ones(shape, bool), 90.0), MriSettings.of())
