"""Laws of a scan's check: what is wrong is named, and a scan that is right has no findings."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from phantom_scan import phantom, volumes_of, write_images
from scipy.ndimage import distance_transform_edt

from mrsi_sr.cli import UserError, log, warnings_noted
from mrsi_sr.phantom.grid import mri_affine
from mrsi_sr.phantom.lesion import labels
from mrsi_sr.scan.check import Images, ScanCheck, add_units, check, unreadable, well_fitted_maps
from mrsi_sr.scan.check_table import COLUMNS, line_of, read_checks, row_of
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.nucleus import nucleus_of

STRAIGHT = (0, 1, 2)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Folder with the images of a phantom with a lesion, and its volumes."""
    folder, participant = tmp_path_factory.mktemp("scan"), phantom(True)
    write_images(participant, folder)
    lesion = labels(participant.lesion, participant.head.brain)
    write_nifti(folder / "lesion.nii.gz", lesion, volumes_of(participant).affine)
    return folder, volumes_of(participant)


def images(folder, **other) -> Images:
    paths = {name: folder / f"{name}.nii.gz" for name in ("t1", "flair", "lesion")} | other
    return Images(**{name: path and str(path) for name, path in paths.items()})


def moved(path, folder, millimetres) -> str:
    """A copy of an image that lies elsewhere."""
    image = nibabel.load(path)
    affine = image.affine.copy()
    affine[:3, 3] += millimetres
    nibabel.Nifti1Image(np.asarray(image.dataobj), affine).to_filename(folder / f"moved-{path.name}")
    return folder / f"moved-{path.name}"


def test_a_scan_that_is_right_has_no_findings(scan):
    folder, volumes = scan
    result = check("sub-01", volumes, images(folder), "y", STRAIGHT)
    assert result.state == "ok" and not result.findings
    facts = result.facts
    assert facts["matrix"] == "44x44x25" and facts["voxel_mm"] == "5x5x5.2" and facts["voxels"] == 44 * 44 * 25
    assert facts["ok"] + facts["missing"] == facts["voxels"]
    assert facts["in_t1_percent"] > 95 and facts["of_t1_percent"] > 85 and facts["t1_flair_dice"] > 0.98
    assert facts["lesion_in_brain_percent"] > 95 and facts["lesion_ml"] > 5
    assert facts["orientation"] == "as configured" and facts["left_right"] == "told" and facts["flip"] == "y"


def test_everything_that_is_wrong_is_named(scan, tmp_path):
    folder, volumes = scan
    flair = moved(folder / "flair.nii.gz", tmp_path, (0, 95, 0))
    to_the_side = 90 - phantom(True).lesion.centre_mm[0]
    lesion = moved(folder / "lesion.nii.gz", tmp_path, (to_the_side, 0, 0))
    mirrored = replace(volumes, concentration={name: each[:, ::-1] for name, each in volumes.concentration.items()},
                       sd={name: each[:, ::-1] for name, each in volumes.sd.items()}, snr=volumes.snr[:, ::-1],
                       status=volumes.status[:, ::-1])  # fmt: skip
    result = check("sub-01", mirrored, images(folder, flair=flair, lesion=lesion), "x", STRAIGHT)
    assert result.state == "look"
    found = "\n".join(result.findings)
    assert "outside what the FLAIR shows" in found and "T1 and FLAIR show different places" in found
    assert "of the lesion lie outside the brain" in found
    assert "mirrored along y: set flip to xy" in found and result.facts["flip_proposed"] == "xy"
    assert "skull" not in found


def test_a_lesion_mask_that_is_empty_or_elsewhere_is_named(scan, tmp_path):
    folder, volumes = scan
    write_nifti(tmp_path / "empty.nii.gz", np.zeros(volumes.shape, np.uint8), volumes.affine)
    result = check("sub-01", volumes, images(folder, flair=None, lesion=tmp_path / "empty.nii.gz"), "", STRAIGHT)
    assert ["no lesion within the scan" in text for text in result.findings] == [True]


def test_a_head_with_its_skull_is_named(scan, tmp_path):
    folder, volumes = scan
    participant = phantom(True)
    affine = mri_affine(participant.settings)
    outside = distance_transform_edt(participant.t1 == 0, sampling=np.diag(affine)[:3])
    scalp = np.where((outside > 8) & (outside < 14), 1200, 0)
    write_nifti(tmp_path / "head.nii.gz", np.where(participant.t1 > 0, participant.t1, scalp).astype(np.int16), affine)
    result = check(
        "sub-01", volumes, images(folder, t1=tmp_path / "head.nii.gz", flair=None, lesion=None), "", STRAIGHT
    )
    assert ["still shows the skull" in text for text in result.findings] == [True]
    assert result.facts["orientation"] == "as configured"


def test_a_metabolite_or_voxel_that_is_badly_fitted_is_not_compared_with_the_t1():
    volumes = volumes_of(phantom(False))
    maps = well_fitted_maps(volumes)
    assert len(maps) == 7  # Gly's %SD is 45; and S/N
    assert not np.isfinite(maps[0][~(volumes.snr >= 2.5)]).any()
    assert not np.isfinite(maps[0][volumes.sd["tCr"] > 50]).any()
    unknown = np.full(volumes.shape, np.nan)
    bare = replace(volumes, sd=dict.fromkeys(volumes.sd, unknown), snr=unknown)
    assert len(well_fitted_maps(bare)) == 7  # ready-made maps without %SD and S/N: every metabolite


def test_a_scan_without_a_well_fitted_voxel_is_named_and_not_taken_for_another_place(scan):
    folder, volumes = scan
    result = check("sub-01", replace(volumes, snr=np.ones_like(volumes.snr)), images(folder), "y", STRAIGHT)
    assert result.facts["well_fitted"] == 0 and result.state == "look"
    assert [words for words in result.findings if "no voxel is well fitted" in words]
    assert not [words for words in result.findings if "lie outside" in words]


def test_without_a_t1_the_orientation_is_said_not_to_be_checked(scan):
    result = check("sub-01", scan[1], Images(), "", STRAIGHT)
    assert result.state == "ok" and "orientation of the maps is not checked" in result.notes[0]


@pytest.mark.parametrize(("scaled", "unit", "fact", "findings"), [
    ([1, 1, -1], "mM", "yes", 0), ([0, 0, -1], "mM", "no", 1), ([0, 0, 0], "a.u.", "no", 0),
    ([1, 0, 1], "mM", "mixed", 1), ([-1, -1], "mM", "", 0), ([0, 0], "", "no", 0),
])  # fmt: skip
def test_the_unit_is_what_lcmodels_own_lines_tell(scaled, unit, fact, findings):
    result = ScanCheck("sub-01")
    add_units(result, np.array(scaled), np.array([np.nan, 297.2]), unit, "scan")
    assert result.facts == {"water_scaled": fact, "frequency_mhz": 297.2} and len(result.findings) == findings


def test_the_nucleus_is_that_of_the_header_or_of_the_sidecar(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 4, 2, 1), np.complex64), np.eye(4))
    image.to_filename(tmp_path / "plain.nii.gz")
    assert nucleus_of(tmp_path / "plain.nii.gz") == ""
    (tmp_path / "plain.json").write_text('{"ResonantNucleus": "1H"}')
    assert nucleus_of(tmp_path / "plain.nii.gz") == "1H"
    header = json.dumps({"SpectrometerFrequency": [120.3], "ResonantNucleus": ["31P"]}).encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(44, header))
    image.to_filename(tmp_path / "plain.nii.gz")  # beside a sidecar of 1H: the header is the file's own
    assert nucleus_of(tmp_path / "plain.nii.gz") == "31P"
    (tmp_path / "other.json").write_text("{")
    nibabel.Nifti1Image(np.zeros((4, 4, 2)), np.eye(4)).to_filename(tmp_path / "other.nii.gz")
    with pytest.raises(UserError, match=r"other.json cannot be read as a sidecar"):
        nucleus_of(tmp_path / "other.nii.gz")


def test_what_readers_warn_of_is_noted(scan, tmp_path):
    folder, volumes = scan
    image = nibabel.load(folder / "t1.nii.gz")
    turned = image.affine.copy()
    turned[0, 3] += 30
    image.set_qform(turned, code=1)
    image.to_filename(tmp_path / "t1.nii.gz")
    before = list(log.handlers)
    with warnings_noted() as notes:
        check("sub-01", volumes, Images(t1=str(tmp_path / "t1.nii.gz")), "", STRAIGHT)
    assert any("sform and qform disagree by up to 30.0 mm" in note for note in notes)
    assert log.handlers == before


def test_a_line_and_a_row_tell_the_same_of_every_scan(scan, tmp_path):
    result = check("sub-01", scan[1], images(scan[0]), "", STRAIGHT)
    result.findings.append("one thing,\n  in two lines")
    bad = unreadable("sub-02", UserError("no LCModel file in scan"))
    assert bad.state == "cannot be read"
    for name, each in {"good": result, "bad": bad}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(each.plain()))
    good, worse = read_checks([tmp_path / "good.json", tmp_path / "bad.json"])
    assert tuple(row_of(good)) == COLUMNS == tuple(row_of(worse))
    assert row_of(good)["findings"] == "one thing, in two lines" and row_of(worse)["ok"] == ""
    line = line_of(good)
    assert "\n" not in line and line.startswith("sub-01: look. 44x44x25 of 5x5x5.2 mm; ")
    assert "left and right told" in line and line.endswith("FINDINGS: one thing, in two lines")
    assert line_of(worse) == "sub-02: cannot be read. FINDINGS: no LCModel file in scan"
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read as a scan's check"):
        read_checks([tmp_path / "other.json"])
