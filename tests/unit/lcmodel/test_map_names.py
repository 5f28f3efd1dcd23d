"""Laws of choosing ready-made maps: the file of a metabolite is never another map's."""

import argparse
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
from mrsi_sr.lcmodel.scan_flags import add_scan_flags, scan_of
from mrsi_sr.scan.volumes import Status
from mrsi_sr.settings.cohort import IngestSettings
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


@pytest.mark.parametrize("glue", ["RatTo", "to", "by", "2", "ref", "per", "over", "div", "Ratio2", "to_", "conc_per_"])
@pytest.mark.parametrize("denominator", ["Cr", "tCr", "Ins", "PCr+Cr"])
def test_a_ratio_to_a_metabolite_is_no_concentration_however_the_two_are_joined(folder, glue, denominator):
    assert chosen(folder(f"NAA_{glue}{denominator}.nii.gz"), "*{metabolite}*", "NAA") is None
    assert chosen(folder(f"{glue}{denominator}/NAA.nii.gz"), "*/{metabolite}.nii.gz", "NAA") is None


@pytest.mark.parametrize("name", [
    "NAA_SDpercent", "NAA_pctSD", "percentsd_NAA", "NAA_CRLBabs", "NAA_CramerRao", "NAA_stddev", "NAA_std_dev",
    "NAA_var", "NAA_cv", "NAA_SE", "NAA_lwhz", "NAA_line_width", "NAA_pval", "NAA_p_value", "NAA_zscore",
    "uncertainties/NAA", "internal/NAA", "NAA_sd_filtered", "NAA_over_water",
    "NAA_crratio", "NAA_sigma", "NAA_percent", "NAA_residuals",
])  # fmt: skip
def test_words_of_other_quantities_are_known_in_capitals_glued_and_in_parts(folder, name):
    folder = folder(f"{name}.nii")
    for pattern in ("*{metabolite}*.nii", "*/{metabolite}.nii"):
        assert chosen(folder, pattern, "NAA") is None


@pytest.mark.parametrize("name", ["GABA_MM", "GABA_MM20", "GABA_Lip", "GABA_Lip13a", "MM09_GABA", "GABA_lipid"])
def test_macromolecules_and_lipids_are_other_substances(folder, name):
    assert chosen(folder(f"{name}.nii"), "*{metabolite}*.nii", "GABA") is None


@pytest.mark.parametrize("name", [
    "space-std_met-NAA", "NAA_per_kg", "NAA_mmol_per_kg", "pre_tumor_resection_NAA", "NAA_conc_mask_applied",
    "ses01_NAA", "NAA_lipid_suppressed", "NAA_3mm", "rat01_NAA", "sub-sd04_ses-var_NAA",
])  # fmt: skip
def test_units_entities_and_treatments_are_no_quantities(folder, name):
    assert chosen(folder(f"{name}.nii"), "*{metabolite}*.nii", "NAA") == f"{name}.nii"


@pytest.mark.parametrize(("name", "taken"), [
    ("brain_mask", True), ("sub-01_desc-brain_mask", True), ("BrainMask", True), ("mask", True),
    ("ventricle_mask", False), ("csf_mask", False), ("GMmask", False), ("tumor_mask", False), ("LEFT_mask", False),
])  # fmt: skip
def test_the_mask_of_a_part_of_the_head_is_no_brain_mask(tmp_path, name, taken):
    write(tmp_path / "maps/NAA/1.nii"), write(tmp_path / f"maps/{name}.nii")
    assert chosen_mask(tmp_path / "maps") == (f"{name}.nii" if taken else None)


def chosen_mask(folder):
    try:
        return choose(folder, {"value": "{metabolite}/1.nii", "brain_mask": "*.nii"}, ["NAA"])["brain_mask"][""].name
    except UserError:
        return None


MRSIPREP = "sub-01_ses-V1_space-{}_mrsi.nii.gz"  # as MRSIPrep 2 reads its input


def test_maps_named_as_mrsiprep_reads_them_are_chosen_by_its_preset(tmp_path):
    theirs = {"tCr": "CrPCr", "tCho": "GPCPCh", "NAA": "NAA", "Ins": "Ins"}
    for name in (*theirs.values(), "NAANAAG", "GluGln"):
        for kind in ("signal", "crlb", "signalspikefilt"):
            write(tmp_path / MRSIPREP.format(f"orig_met-{name}_desc-{kind}"))
        write(tmp_path / MRSIPREP.format(f"MNI152NLin2009cAsym_res-5_met-{name}_desc-signal"))
    for kind in ("snr", "fwhm"):
        write(tmp_path / MRSIPREP.format(f"orig_desc-{kind}"), np.full(SHAPE, 0.5))
    parser = argparse.ArgumentParser()
    add_scan_flags(parser)
    flags = ["--maps", str(tmp_path), "--files", "mrsiprep", "--metabolites", ",".join(theirs)]
    scan = scan_of(parser.parse_args(flags))
    maps = scan.read().facts["maps"]
    names = {kind: {name: path.rsplit("/")[-1] for name, path in each.items()} for kind, each in maps.items()}
    assert names == {
        "value": {name: MRSIPREP.format(f"orig_met-{word}_desc-signal") for name, word in theirs.items()},
        "sd": {name: MRSIPREP.format(f"orig_met-{word}_desc-crlb") for name, word in theirs.items()},
        "snr": {"": MRSIPREP.format("orig_desc-snr")},
        "fwhm": {"": MRSIPREP.format("orig_desc-fwhm")},
    }
    assert json.loads(scan.settings["files"]) == IngestSettings.of(maps="mrsiprep").plain()["maps"]


def test_one_file_is_not_two_maps(tmp_path):
    write(tmp_path / "NAA.nii")
    (tmp_path / "NAA_crlb.nii").symlink_to("NAA.nii")
    for sd in ("{metabolite}*.nii", "{metabolite}.nii", "{metabolite}_crlb.nii"):
        with pytest.raises(UserError, match=r"would be the value map of NAA and the sd map of NAA|2 files are"):
            choose(tmp_path, {"value": "{metabolite}.nii", "sd": sd}, ["NAA"])
    nibabel.Nifti1Pair(np.ones(SHAPE, np.float32), AFFINE).to_filename(tmp_path / "Glu.img")
    with pytest.raises(UserError, match="would be the value map of Glu and the sd map of Glu"):
        choose(tmp_path, {"value": "{metabolite}.img", "sd": "{metabolite}.hdr"}, ["Glu"])


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


@pytest.mark.parametrize("nothing", [0, np.nan, -1, np.inf, "mixed"])
def test_a_metabolite_without_a_value_anywhere_is_refused_by_name_beside_a_good_one(tmp_path, nothing):
    empty = np.resize([0, np.nan, -1, np.inf], SHAPE) if nothing == "mixed" else np.full(SHAPE, nothing, float)
    write(tmp_path / "NAA.nii"), write(tmp_path / "tCr.nii", empty)
    with pytest.raises(UserError, match=r"no voxel has a value of tCr: .*tCr.nii is zero(.|\n)*--metabolites"):
        read_maps(tmp_path, {"value": "{metabolite}.nii"}, ["NAA", "tCr"])


@pytest.mark.parametrize("fill", [9999, 999, 65535, 1e30, 0.001, 1])
def test_a_positive_fill_value_is_no_fit(tmp_path, fill, caplog):
    values = np.random.default_rng(0).uniform(4, 9, SHAPE)
    values[0] = fill
    write(tmp_path / "NAA.nii", values)
    scan = read_maps(tmp_path, {"value": "{metabolite}.nii"}, ["NAA"])
    assert (scan.status[0] == Status.MISSING).all() and (scan.status[1:] == Status.OK).all()
    assert "30 voxels have the fill value" in caplog.text


@pytest.mark.parametrize("background", [9.99, 1, 100, 0.01, 998, 0, np.nan])
def test_what_fills_the_background_does_not_decide_what_unit_a_map_is_in(tmp_path, background):
    """Per kind: good values, and the same in another unit."""
    rng, inside = np.random.default_rng(0), np.arange(512).reshape(8, 8, 8) < 200
    write(tmp_path / "NAA.nii", np.where(inside, rng.uniform(4, 9, inside.shape), 0))
    good = {"sd": rng.uniform(2, 40, inside.shape), "fwhm": rng.uniform(0.02, 0.15, inside.shape)}
    for kind, factor in (("sd", 0.01), ("fwhm", 123.2)):
        patterns = {"value": "{metabolite}.nii", kind: "{metabolite}_sd.nii" if kind == "sd" else "fwhm.nii"}
        path = tmp_path / ("NAA_sd.nii" if kind == "sd" else "fwhm.nii")
        write(path, np.where(inside, good[kind], background))
        scan = read_maps(tmp_path, patterns, ["NAA"])
        read = scan.sd["NAA"] if kind == "sd" else scan.fwhm
        assert np.array_equal(read[inside], good[kind][inside].astype(np.float32)) and np.isnan(read[~inside]).all()
        write(path, np.where(inside, good[kind] * factor, background))
        with pytest.raises(UserError, match="is it a fraction" if kind == "sd" else "is it in Hz"):
            read_maps(tmp_path, patterns, ["NAA"])
        write(path, np.where(inside, 0, background))
        with pytest.raises(UserError, match="zero in every fitted voxel"):
            read_maps(tmp_path, patterns, ["NAA"])


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
