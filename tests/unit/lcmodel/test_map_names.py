"""Laws of choosing ready-made maps: the file of a metabolite is never another map's."""

import itertools
import json
import re
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.map_names import choose, map_files
from mrsi_sr.lcmodel.maps import read_maps
from mrsi_sr.scan.volumes import Status
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SHAPE = (4, 5, 6)


def write(path, values=None, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full(SHAPE, 5.0) if values is None else values
    nibabel.Nifti1Image(np.asarray(values, np.float32), affine).to_filename(path)
    return path


def chosen(folder, pattern, metabolite="", kind="value"):
    """Name of the chosen file, or None."""
    patterns = {"value": "{metabolite}", kind: pattern}
    try:
        return choose(folder, {**patterns} if kind == "value" else patterns, [metabolite or "NAA"])[kind][
            metabolite
        ].name
    except UserError:
        return None


@pytest.fixture
def folder(tmp_path):
    """folder(*names): a folder with empty files of these names; choosing reads no file."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


@pytest.mark.parametrize("glue", ["_", "-", "+", "", "_to_", "_over_", "_and_"])
@pytest.mark.parametrize(("metabolite", "other"), [
    ("Glu", "Gln"), ("Gln", "Glu"), ("NAA", "NAAG"), ("NAA", "Cr"), ("NAA", "tCr"), ("NAA", "tNAA"), ("Cr", "PCr"),
    ("Ins", "Gly"), ("GPC", "PCho"), ("Glu", "GABA"), ("tCho", "tCr"), ("Glu", "GSH"),
])  # fmt: skip
@pytest.mark.parametrize("order", [1, -1])
def test_a_metabolite_is_not_taken_from_a_map_that_has_another_one_in_its_name(folder, glue, metabolite, other, order):
    name = glue.join((metabolite, other)[::order])
    folder = folder(f"conc_{name}.nii.gz")
    for pattern in ("conc_*{metabolite}*.nii.gz", "*{metabolite}*.nii*", "*_*{metabolite}*"):
        assert chosen(folder, pattern, metabolite) is None
    with pytest.raises(UserError, match="no value map of"):
        read_maps(folder, {"value": "*{metabolite}*"}, [metabolite])


def test_the_literal_part_of_a_pattern_is_no_wildcard_but_what_follows_it_is(folder):
    folder = folder("conc_Glu_Gln.nii.gz", "met-NAA_Cr.nii.gz", "ratio_tCr_1.nii")
    assert chosen(folder, "ratio_{metabolite}*.nii", "tCr") == "ratio_tCr_1.nii"
    assert chosen(folder, "conc_{metabolite}_*.nii.gz", "Glu") is None
    assert chosen(folder, "conc_{metabolite}?Gln.nii.gz", "Glu") == "conc_Glu_Gln.nii.gz"  # written out by the user
    assert chosen(folder, "met-{metabolite}_Cr.nii.gz", "NAA") == "met-NAA_Cr.nii.gz"
    assert chosen(folder, "conc_{metabolite}.nii.gz", "Glx") == "conc_Glu_Gln.nii.gz"


def test_a_part_of_a_longer_name_is_not_its_metabolite(folder):
    folder = folder("Cr-CH2.nii", "-CrCH2.nii")
    assert chosen(folder, "*{metabolite}*.nii", "Cr") is None


@pytest.mark.parametrize("word", [
    "sd", "SD", "crlb", "CRLB", "std", "error", "snr", "SNR", "fwhm", "FWHM", "mask", "ratio", "ratios",
    "sdmap", "qmask",
])  # fmt: skip
@pytest.mark.parametrize("name", ["NAA_{}.nii", "{}_NAA.nii", "NAA-map-{}.nii", "{}/NAA_map.nii", "x_{}_NAA_y.nii"])
def test_a_value_is_not_taken_from_another_quantitys_map(folder, word, name):
    folder = folder(name.format(word))
    for pattern in ("*{metabolite}*.nii", "*/*{metabolite}*.nii"):
        assert chosen(folder, pattern, "NAA") is None


@pytest.mark.parametrize("name", [
    "sub-PC_ses-01_met-NAA_desc-signal_mrsi.nii.gz", "NAA_conc.nii.gz", "conc_NAA_mM.nii.gz", "NAA_masked.nii.gz",
    "Serie3_NAA.nii.gz", "sub-Cr01_NAA.nii.gz", "sub-sd04_met-NAA.nii.gz", "brain_NAA_amp.nii.gz", "naa_2.NII.GZ",
])  # fmt: skip
def test_ordinary_names_are_found(folder, name):
    assert chosen(folder(name), "*{metabolite}*", "NAA") == name


def test_each_kind_of_map_is_found_beside_the_others(folder):
    folder = folder("NAA.nii.gz", "NAA_sd.nii.gz", "NAA_Cr.nii.gz", "NAAG.nii.gz", "snr.nii.gz", "snr_mask.nii.gz")
    assert chosen(folder, "*{metabolite}*.nii.gz", "NAA") == "NAA.nii.gz"
    assert chosen(folder, "*{metabolite}*.nii.gz", "NAAG") == "NAAG.nii.gz"
    found = choose(folder, {"value": "{metabolite}.nii.gz", "sd": "{metabolite}_*.nii.gz", "snr": "*snr*"}, ["NAA"])
    assert found["sd"]["NAA"].name == "NAA_sd.nii.gz" and found["snr"][""].name == "snr.nii.gz"


def test_a_folder_of_a_metabolite_may_hold_its_ratios_and_other_quantities(folder):
    folder = folder("NAA/NAA_Cr.nii", "NAA/NAA_sd.nii", "NAA/NAA_conc.nii", "Glu/Gln.nii", "norm/tCr/ratio_Cr.nii")
    assert chosen(folder, "{metabolite}/*.nii", "NAA") == "NAA_conc.nii"
    assert chosen(folder, "{metabolite}/*.nii", "Glu") is None
    assert chosen(folder, "*/{metabolite}/*.nii", "tCr") is None


def test_what_was_left_out_is_said(folder):
    with pytest.raises(UserError, match=r"not taken: conc_Glu_Gln.nii.gz, which is also of Gln"):
        choose(folder("conc_Glu_Gln.nii.gz"), {"value": "conc_{metabolite}*"}, ["Glu"])


@pytest.mark.parametrize("name", ["Cho", "tCho", "GPC+PCho", "PCho_GPC", "PCh+GPC", "GPCPCh", "gpc-pc"])
def test_total_choline_has_many_spellings(folder, name):
    assert chosen(folder(f"{name}.nii"), "{metabolite}.nii", "tCho") == f"{name}.nii"
    assert chosen(folder(f"{name}.nii"), "*{metabolite}*", "tCho") == f"{name}.nii"


PIECES = ["Glu", "Gln", "NAA", "NAAG", "Cr", "PCr", "tCr", "sd", "ratio", "conc", "map", "over", "01", "x", *"+_-"]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.sampled_from(["*", "*_"]))
def test_any_names_give_a_file_of_that_metabolite_alone_or_a_user_error(tmp_path_factory, pieces, start):
    folder = tmp_path_factory.mktemp("names")
    (folder / f"{''.join(pieces)}.nii").touch()
    for metabolite in ("Glu", "NAA", "Cr", "tCr"):
        name = chosen(folder, f"{start}{{metabolite}}*", metabolite)
        if name:
            words = {word.casefold() for word in re.findall("[A-Za-z0-9]+", name[:-4])}
            assert not words & {"sd", "ratio", "over"}
            own = {"cr", "pcr", "tcr"} if metabolite == "tCr" else {metabolite.casefold()}
            beside = re.findall(rf"([A-Za-z0-9]*)[+_-]*\b{metabolite}\b[+_-]*([A-Za-z0-9]*)", name)
            known = {"glu", "gln", "naa", "naag", "cr", "pcr", "tcr"}
            assert not set(map(str.casefold, itertools.chain(*beside))) & (known - own)


# --- the maps themselves


def test_a_negative_concentration_is_no_fit(tmp_path, caplog):
    naa, tcr = np.full(SHAPE, 8.0), np.full(SHAPE, 6.0)
    naa[0], tcr[0] = -9999, -9999
    naa[1] = -1
    write(tmp_path / "NAA.nii.gz", naa), write(tmp_path / "tCr.nii.gz", tcr)
    scan = read_maps(tmp_path, {"value": "{metabolite}.nii.gz"}, ["NAA", "tCr"])
    assert (scan.status[0] == Status.MISSING).all() and (scan.status[1:] == Status.OK).all()
    assert np.isnan(scan.concentration["NAA"][:2]).all() and (scan.concentration["NAA"][2:] == 8).all()
    assert np.isnan(scan.concentration["tCr"][0]).all() and (scan.concentration["tCr"][1:] == 6).all()
    assert "NAA.nii.gz: 60 negative values (lowest -9999)" in caplog.text


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (0, 2, 1), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_slices_are_axial_however_the_maps_were_stored(tmp_path, axes):
    """The same volumes from axial, sagittal and coronal storage."""
    values = np.arange(1, 121).reshape(SHAPE)
    tilted = AFFINE.copy()
    tilted[:3, :3] = [[-3, 0.4, 0], [0.4, 3, 0.3], [0, -0.3, 2]]
    order = [*axes, 3]
    write(tmp_path / "NAA.nii", values.transpose(axes), tilted[:, order])
    write(tmp_path / "brain.nii", values.transpose(axes) > 60, tilted[:, order])
    scan = read_maps(tmp_path, {"value": "{metabolite}.nii", "brain_mask": "brain.nii"}, ["NAA"])
    assert np.array_equal(scan.concentration["NAA"], values)
    assert np.array_equal(scan.brain_mask, values > 60)
    assert np.allclose(scan.affine, tilted)
    assert scan.shape == scan.snr.shape == scan.fwhm.shape == scan.sd["NAA"].shape == SHAPE


def test_a_brain_mask_with_tails_is_cut_at_half_of_its_maximum(tmp_path):
    inside = np.arange(120).reshape(SHAPE) > 60
    write(tmp_path / "NAA.nii")
    write(tmp_path / "mask.nii", np.where(inside, 0.97, 0.02 + 1e-4 * np.arange(120).reshape(SHAPE)))
    scan = read_maps(tmp_path, {"value": "{metabolite}.nii", "brain_mask": "mask.nii"}, ["NAA"])
    assert np.array_equal(scan.brain_mask, inside)


def test_maps_on_the_grid_of_an_mri_are_refused(tmp_path):
    write(tmp_path / "NAA.nii", np.ones((257, 1, 1)))
    with pytest.raises(UserError, match="matrix of 257 x 1 x 1 voxels"):
        read_maps(tmp_path, {"value": "{metabolite}.nii"}, ["NAA"])


def test_pairs_links_and_capitals_are_maps_like_others(tmp_path):
    folder = tmp_path / "maps"
    write(tmp_path / "elsewhere/deep/NAA.NII.GZ", np.full(SHAPE, 1.0))
    (folder / "sub").mkdir(parents=True)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "sub/circle").symlink_to(folder)
    (folder / "._tCr.nii").write_bytes(b"\0" * 400)  # macOS
    (folder / ".hidden").mkdir()
    write(folder / ".hidden/tCr.nii")
    (folder / "tCr.img").touch()
    nibabel.Nifti1Pair(np.full(SHAPE, 2, np.float32), AFFINE).to_filename(folder / "tCr.img")
    patterns = {"value": "*{metabolite}.*"}
    assert chosen(folder, "linked/deep/{metabolite}*", "NAA") == "NAA.NII.GZ"
    assert read_maps(folder, patterns, ["tCr"]).concentration["tCr"].max() == 2
    assert chosen(folder, "linked/deep/{metabolite}.nii.gz", "NAA") == "NAA.NII.GZ"
    assert chosen(folder, "linked/deep/{metabolite}.NII.GZ", "NAA") == "NAA.NII.GZ"
    assert chosen(folder, "{metabolite}.hdr", "tCr") == "tCr.hdr"
    assert [path[-7:] for path in map_files(folder, patterns, ["tCr"])] == ["tCr.hdr", "tCr.img"]
    (folder / "Glu.nii").symlink_to("gone.nii")
    with pytest.raises(UserError, match=r"Glu.nii is a broken link"):
        read_maps(folder, patterns, ["Glu"])


# --- the workflow


@pytest.fixture
def scans(repository, tmp_path, monkeypatch):
    """Plan of two scans with ready-made maps, and the files that the ingestion of p1 takes."""
    raw = layered(yaml.safe_load((repository / "config" / "config.yaml").read_text()))
    monkeypatch.chdir(tmp_path)
    for name in ("p1", "p2"):
        write(tmp_path / name / "NAA.nii.gz"), write(tmp_path / name / "tCr.nii.gz")
    rows = [f"{name}\t{name}\tt1.nii\tflair.nii" for name in ("p1", "p2")]
    (tmp_path / "participants.tsv").write_text("\n".join(["participant\tmaps\tt1\tflair", *rows]) + "\n")
    raw["cohort"] |= {
        "participants": "participants.tsv", "metabolites": ["NAA", "tCr"],
        "ingest": {"maps": {"value": "{metabolite}*"}},
    }  # fmt: skip
    raw["experiments"] = {}
    raw["run"] = []

    def files():
        return Plan(raw).scan_files(SimpleNamespace(cohort="glioma", participant="p1"))

    return files


def test_the_workflow_watches_each_map_that_is_read(scans, tmp_path):
    assert scans() == ["p1/NAA.nii.gz", "p1/tCr.nii.gz"]
    (tmp_path / "p1/NAA.nii.gz").unlink()
    assert scans() == ["p1"]  # the ingestion says which one is missing


def test_maps_that_were_archived_keep_the_volumes_made_from_them(scans, tmp_path):
    record = tmp_path / "results/cohorts/glioma/p1/volumes/provenance.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"inputs_sha256": {"p1/NAA.nii.gz": "a", "p1/tCr.nii.gz": "b"}}))
    before = scans()
    for file in (tmp_path / "p1").iterdir():
        file.unlink()
    assert scans() == before
    (tmp_path / "p1").rmdir()
    assert scans() == before
