"""The phantom's laws: measured statistics, lesion and asymmetry, information beyond the MRI, LCModel's layout."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from mrsi_sr.cli import UserError
from mrsi_sr.phantom import acquisition, chemistry
from mrsi_sr.phantom.anatomy import FIELD_CENTRE_MM, deformation, load_template
from mrsi_sr.phantom.fields import stream
from mrsi_sr.phantom.grid import mrsi_affine, positions_mm, to_mri_grid, to_mrsi_grid
from mrsi_sr.phantom.lcmodel_writer import lcmodel_number, table_name
from mrsi_sr.phantom.lesion import labels
from mrsi_sr.phantom.participant import simulate, write
from mrsi_sr.results.files import checksum
from mrsi_sr.settings.cohort import PhantomSettings

REAL_TABLE = Path(__file__).parents[2] / "data/lcmodel/grid/t1/sl1_3-3.table"
TOY = PhantomSettings.of(matrix=[32, 32, 20], voxel_mm=[6.8, 6.8, 6.8], slices=[9, 11])
PAPERS = ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly")
SINGLE_NAMES = {"tCr": "Cr+PCr", "tCho": "GPC+PCh"}


@pytest.fixture(scope="module")
def patient():
    return simulate("sub-01", 1, PhantomSettings.of())


@pytest.fixture(scope="module")
def toy_patient():
    return simulate("sub-01", 1, TOY)


@pytest.fixture(scope="module")
def toy_folder(toy_patient, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "sub-01"
    write(toy_patient, folder)
    return folder


def at_fits(participant, volume):
    return volume[tuple(participant.fits.voxels.T)]


def test_a_participant_has_about_25000_voxels(patient):
    assert 20_000 < len(patient.fits.voxels) < 30_000
    assert patient.t1.shape == patient.flair.shape == (192, 192, 117)


def test_snr_has_the_measured_percentiles(patient):
    assert np.allclose(np.percentile(patient.fits.snr, [1, 25, 50, 75, 99]), [2, 12, 19, 24, 32], atol=1)
    assert np.mean(patient.fits.snr < 2.5) == pytest.approx(0.014, abs=0.003)


def test_line_width_has_the_measured_percentiles(patient):
    assert np.allclose(np.percentile(patient.fits.fwhm, [50, 99]), [0.042, 0.141], atol=0.002)
    assert np.mean(patient.fits.fwhm > 0.15) == pytest.approx(0.007, abs=0.001)


def test_lines_are_broadest_near_the_skull_and_over_the_sinuses(patient):
    depth_mm = at_fits(patient, distance_transform_edt(patient.head.brain, sampling=3.4))
    from_nose = patient.head.mni_mm - np.reshape(acquisition.SINUSES_MM[0], (3, 1, 1, 1))
    over_sinus = at_fits(patient, (from_nose**2).sum(axis=0) < 25**2)
    deep = (depth_mm > 15) & ~over_sinus
    for region in (depth_mm < 5, over_sinus):
        assert np.median(patient.fits.fwhm[region]) > 1.2 * np.median(patient.fits.fwhm[deep])


@pytest.mark.parametrize("name", acquisition.MEDIAN_SD_PERCENT)
def test_median_sd_is_as_measured(patient, name):
    expected = acquisition.MEDIAN_SD_PERCENT[name]
    assert np.median(patient.fits.sd[name]) == pytest.approx(expected, rel=0.1, abs=1)


def test_glycine_has_real_zeros_and_every_zero_has_no_estimate(patient):
    assert 0.02 < np.mean(patient.fits.concentration["Gly"] == 0) < 0.15
    for name, values in patient.fits.concentration.items():
        assert (values >= 0).all()
        assert (patient.fits.sd[name][values == 0] == acquisition.NO_ESTIMATE).all()


def test_lipid_near_the_skull_fakes_naa_and_glu_with_confidence_and_lowers_choline(patient):
    depth_mm = distance_transform_edt(patient.head.brain, sampling=3.4)
    edge, inner = (at_fits(patient, region) for region in (depth_mm < 4, (depth_mm > 8) & (depth_mm < 16)))
    truth = {name: at_fits(patient, chemistry.total(patient.truth, name)) for name in ("NAA", "Glu", "tCho")}

    def median_ratio(name, region):
        fitted = patient.fits.concentration[SINGLE_NAMES.get(name, name)]
        return np.median(fitted[region] / truth[name][region])

    for name in ("NAA", "Glu"):
        assert median_ratio(name, edge) > 1.3
        assert np.percentile(patient.fits.sd[name][edge], 25) <= np.percentile(patient.fits.sd[name], 75)
    assert median_ratio("tCho", edge) < 0.85
    for name in truth:
        assert median_ratio(name, inner) == pytest.approx(1.0, abs=0.06)


def test_tissue_concentrations_are_those_of_the_literature(patient):
    white = to_mrsi_grid(patient.head.white) > 0.9
    grey = to_mrsi_grid(patient.head.grey) > 0.8
    healthy = patient.lesion.spread < 0.02
    for name in ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"):
        substance, values = chemistry.SUBSTANCES[name], chemistry.total(patient.truth, name)
        assert np.median(values[white & healthy]) == pytest.approx(substance.white, rel=0.2)
        assert np.median(values[grey & healthy]) == pytest.approx(substance.grey, rel=0.2)


def test_the_lesion_has_core_necrosis_and_surrounding_change_in_mri_and_metabolites(patient):
    white = (to_mrsi_grid(patient.head.white) > 0.9) & (patient.lesion.spread < 0.02)
    label = labels(patient.lesion, patient.head.brain)
    t1, flair = to_mrsi_grid(patient.t1), to_mrsi_grid(patient.flair)
    change, core, necrosis = (label == number for number in (1, 2, 3))
    assert min(change.sum(), core.sum(), necrosis.sum()) > 10
    assert np.median(flair[change]) > 1.3 * np.median(flair[white])
    assert np.median(t1[core]) < 0.75 * np.median(t1[white])
    ratio = {name: chemistry.total(patient.truth, name) for name in PAPERS}
    ratio = {name: volume / np.median(volume[white]) for name, volume in ratio.items()}
    assert np.median(ratio["tCho"][core]) > 1.2
    assert np.median(ratio["NAA"][core]) < 0.6
    assert all(np.median(volume[necrosis]) < np.median(volume[core]) for volume in ratio.values())
    dead = to_mrsi_grid(patient.lesion.necrosis) > 0.95
    assert all(np.median(volume[dead]) < 0.4 for volume in ratio.values())


def test_without_a_lesion_there_is_none():
    healthy = simulate("sub-01", 1, TOY | {"lesion": False})
    assert healthy.lesion is None


@pytest.mark.parametrize("name", PAPERS)
def test_mri_alone_cannot_predict_the_maps(patient, name):
    """Quadratic regression on tissue, lesion and both images leaves a quarter or more of the parenchyma's variance."""
    head, lesion = patient.head, patient.lesion
    volumes = (head.grey, head.white, patient.t1, patient.flair, lesion.necrosis, lesion.core, lesion.change)
    fluid = at_fits(patient, to_mrsi_grid(head.fluid))
    parenchyma = fluid < 0.1
    features = np.stack([at_fits(patient, to_mrsi_grid(volume))[parenchyma] for volume in volumes], axis=1)
    features /= features.std(axis=0)
    pairs = np.einsum("na,nb->nab", features, features)[:, *np.triu_indices(features.shape[1])]
    design = np.column_stack([np.ones(len(features)), features, pairs])
    truth = at_fits(patient, chemistry.total(patient.truth, name))[parenchyma]
    left = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    assert left.var() > 0.25 * truth.var()


def test_metabolites_share_part_of_their_variation_only(patient):
    deep = to_mrsi_grid(patient.head.white) > 0.9
    deep &= patient.lesion.spread < 0.02
    maps = np.log([chemistry.total(patient.truth, name)[deep] for name in PAPERS])
    correlation = np.corrcoef(maps)[np.triu_indices(len(PAPERS), 1)]
    assert 0.2 < correlation.mean() < 0.85
    assert (maps.std(axis=1) > 0.08).all()
    assert (maps.std(axis=1) < 0.3).all()


def test_hemispheres_are_sheared_and_the_midline_is_bent():
    """Over many participants: noise has no mean shear (1.5 to 4 mm of it), and bends the midline less."""
    mm = positions_mm(TOY.matrix, mrsi_affine(TOY))
    torque, bend = np.tanh(mm[0] / 30), np.sin(np.pi * (mm[1] - FIELD_CENTRE_MM[1]) / 170)
    sheared, bent = [], []
    for seed in range(48):
        displacement = deformation(stream(seed, "sub-01", "anatomy"), mm, TOY.voxel_mm)
        sheared.append((displacement[1] * torque).sum() / (torque**2).sum())
        bent.append((displacement[0] * bend).sum() / (bend**2).sum())
    assert 1.8 < np.mean(sheared) < 3.7
    assert np.std(bent) > 1.2  # without: 0.8


def test_concentrations_of_the_hemispheres_differ_by_three_percent_for_each_metabolite(toy_patient, monkeypatch):
    def drawn():
        return chemistry.concentrations(stream(1, "sub-01", "chemistry"), toy_patient.head, None, TOY.voxel_mm)

    lateral = drawn()
    monkeypatch.setattr(chemistry, "LATERAL", 0)
    equal, x_mm = drawn(), toy_patient.head.mni_mm[0]
    ratios = []
    for name in lateral:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.log(lateral[name] / equal[name])
        ratios.append([np.median(ratio[toy_patient.head.brain & side]) for side in (x_mm < -30, x_mm > 30)])
    left, right = np.transpose(ratios)
    assert np.allclose(left, -right, atol=0.005)
    assert 0.01 < np.std(left) < 0.06


def test_participants_differ(toy_patient):
    other = simulate("sub-02", 1, TOY)
    assert np.corrcoef(toy_patient.t1.ravel(), other.t1.ravel())[0, 1] < 0.95
    assert toy_patient.lesion.centre_mm != other.lesion.centre_mm


@pytest.mark.parametrize(("naming", "archive"), [("multivoxel", False), ("vienna", True)])
def test_same_seed_and_participant_give_the_same_bytes(tmp_path, naming, archive):
    settings = TOY | {"naming": naming, "archive": archive}
    for name in ("first", "second"):
        write(simulate("sub-07", 3, settings), tmp_path / name)
    assert checksum(tmp_path / "first") == checksum(tmp_path / "second")
    write(simulate("sub-07", 4, settings), tmp_path / "other")
    assert checksum(tmp_path / "first") != checksum(tmp_path / "other")


def test_the_naming_changes_no_value(toy_folder, tmp_path):
    write(simulate("sub-01", 1, TOY | {"naming": "vienna", "archive": True}), tmp_path / "vienna")
    with tarfile.open(tmp_path / "vienna/lcmodel.tar.gz") as archive:
        members = archive.getmembers()
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
        assert len(members) == len(list((toy_folder / "lcmodel").iterdir()))
        for member in members[:50]:
            x, y, z = (int(part[1:]) for part in member.name.removesuffix(".table").split("_")[1:])
            other = (toy_folder / "lcmodel" / f"sl{z}_{y}-{x}.table").read_bytes()
            assert archive.extractfile(member).read().split(b"\n")[2:] == other.split(b"\n")[2:]


def test_file_names_count_from_one_with_row_y_and_column_x():
    assert table_name((4, 2, 0), "multivoxel", "sub-01") == "sl1_3-5.table"
    assert table_name((4, 2, 0), "vienna", "sub-01") == "sub-01_x05_y03_z01.table"


def test_every_kind_of_failed_voxel_is_there(toy_folder):
    failed = json.loads((toy_folder / "truth/truth.json").read_text())["failed_voxels"]
    tables = {
        kind: [toy_folder / "lcmodel" / table_name(voxel, "multivoxel", "sub-01") for voxel in voxels]
        for kind, voxels in failed.items()
    }
    assert all(len(paths) >= 2 for paths in tables.values())
    assert not any(path.exists() for path in tables["no_file"] + tables["never_written"])
    assert all(path.stat().st_size == 0 for path in tables["empty"])
    assert all(path.stat().st_size == 57 for path in tables["header_only"])
    for path in tables["fatal"]:
        data = path.read_bytes()
        assert b"FATAL" in data
        assert b"$$CONC" not in data
        assert b"$$MISC" not in data
    for path in tables["noise"] + tables["lipid"]:
        assert all(section in path.read_bytes() for section in (b"$$CONC", b"$$MISC", b"$$DIAG", b"$$INPU"))


def complete_tables(folder):
    return [data for path in sorted((folder / "lcmodel").iterdir()) if b"$$CONC" in (data := path.read_bytes())]


def masked(line):
    """The line with every digit as 9: what is left is layout."""
    return "".join("9" if letter.isdigit() else letter for letter in line)


def test_tables_have_the_layout_of_a_real_one(toy_folder):
    real = REAL_TABLE.read_text().split("\n")
    ours = complete_tables(toy_folder)[100].decode().split("\n")
    real_rows, our_rows = ({line[23:].strip(): line for line in lines[5:] if "%" in line} for lines in (real, ours))
    assert set(our_rows) <= set(real_rows)
    for name, row in our_rows.items():
        assert len(row) == len(real_rows[name])
        assert row[22:] == real_rows[name][22:]
        assert row[13] == "%"
    assert [ours[0], ours[4]] == [real[0], real[4]]
    assert masked(ours[3]) == masked(real[3])
    assert f"$$CONC{len(our_rows) + 1:3d} " in ours[3]
    for section in ("$$MISC", "$$DIAG", "$$INPU"):
        start, real_start = (
            next(i for i, line in enumerate(lines) if line.startswith(section)) for lines in (ours, real)
        )
        declared = int(ours[start][6:9])
        written = ours[start + 1 : ours.index("", start)]
        assert len(written) == declared
        assert masked(ours[start])[9:] == masked(real[real_start])[9:]
        assert {len(line) for line in written} == {len(real[real_start + 1])}
    misc, real_misc = (next(line for line in lines if "FWHM" in line) for lines in (ours, real))
    assert [misc.index(word) for word in ("=", "ppm", "S/N")] == [real_misc.index(word) for word in ("=", "ppm", "S/N")]


def test_table_rows_are_consistent(toy_folder):
    """Fixed columns read back: the ratio is to Cr+PCr, combinations are sums, a zero has 999 percent."""
    for data in complete_tables(toy_folder)[::97]:
        rows = {
            line[23:].strip(): (float(line[1:9]), int(line[9:13]), float(line[14:22]))
            for line in data.decode().split("\n")[5:]
            if line[13:14] == "%"
        }
        for name, (value, sd, ratio) in rows.items():
            assert (value == 0) == (sd == 999 and ratio == 0) or sd == 999
            assert value == pytest.approx(sum(rows[part][0] for part in name.split("+")), abs=0.003)
            if rows["Cr+PCr"][0] > 0.5:
                assert ratio == pytest.approx(value / rows["Cr+PCr"][0], rel=0.06, abs=0.002)


def test_numbers_are_printed_as_lcmodel_prints_them():
    values = np.array([0.0, 12.3454, 0.0995, 0.0326, 999.999, 466000.0])
    assert lcmodel_number(values, 3).tolist() == [
        "   0.000", "  12.345", f"{0.0995:8.3f}", "3.26E-02", " 999.999", "4.66E+05"
    ]  # fmt: skip
    assert lcmodel_number(np.array([0.076]), 2).tolist() == [" 7.6E-02"]


def test_images_lie_where_the_maps_lie(toy_folder):
    t1, reference, mask = (nibabel.load(toy_folder / f"{name}.nii.gz") for name in ("t1", "reference", "brain_mask"))
    corner = np.array([-0.5, -0.5, -0.5, 1])
    assert np.allclose(t1.affine @ corner, reference.affine @ corner)
    assert t1.shape == tuple(3 * size for size in reference.shape)
    assert nibabel.aff2axcodes(t1.affine) == ("R", "A", "S")
    brain = mask.get_fdata() > 0
    outside = np.repeat(np.repeat(np.repeat(~brain, 3, 0), 3, 1), 3, 2)
    assert np.mean(t1.get_fdata()[outside] == 0) > 0.9  # skull-stripped; voxels half in the brain are outside the mask
    lesion = nibabel.load(toy_folder / "truth/lesion.nii.gz")
    assert set(np.unique(lesion.get_fdata())) <= {0, 1, 2, 3}
    for name in PAPERS:
        truth = nibabel.load(toy_folder / f"truth/{name}.nii.gz")
        assert truth.shape == mask.shape
        assert (truth.get_fdata()[brain] > 0).all()
        assert (truth.get_fdata()[~brain] == 0).all()


def test_the_two_grids_agree():
    field = np.linspace(0, 1, 5)[:, None, None] + np.linspace(0, 2, 4)[None, :, None] + np.linspace(0, 3, 6)
    assert np.allclose(to_mrsi_grid(to_mri_grid(field)), field, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"namings": "vienna"}', "namings is not a known key: did you mean naming"),
        ('{"naming": "siemens"}', 'naming is "siemens", expected one of multivoxel, vienna'),
        ('{"slices": [30, 39]}', r"slices is \[30, 39\], expected .*<= 38"),
        ('{"matrix": [64, 64]}', r"matrix is \[64, 64\], expected at least 3 entries"),
        ('{"voxel_mm": 3.4}', "voxel_mm is 3.4, expected array"),
        ('{"archive": "yes"}', 'archive is "yes", expected boolean'),
        ("[1]", "expected a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, message):
    with pytest.raises(UserError, match=f"(?s){message}"):
        PhantomSettings.from_text(settings)


def test_slices_without_brain_are_refused():
    with pytest.raises(UserError, match="less than 100 voxels of brain"):
        simulate("sub-01", 1, TOY | {"voxel_mm": [6.8, 6.8, 20.0], "slices": [0, 1]})


def test_the_anatomy_needs_no_network(monkeypatch):
    def refuse(*_):
        raise OSError("no network here")

    monkeypatch.setattr("socket.socket.connect", refuse)
    load_template.cache_clear()
    template = load_template()
    assert template.t1.shape == template.grey.shape == template.white.shape == template.brain.shape
    assert 1.0e6 < template.brain.sum() < 2.2e6  # mm3


def test_importing_the_phantom_does_not_import_torch():
    code = "import sys, mrsi_sr.phantom.participant; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
