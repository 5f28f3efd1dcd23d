"""Real output of LCModel to slices, by the scripts alone: good voxels stay as fitted, failed ones are left out."""

import csv
import json

import numpy as np
import pytest

from mrsi_sr.scan import quality, slices
from mrsi_sr.scan.nifti import read_nifti, write_nifti

MATRIX = (5, 6, 2)
METABOLITES = "tCr,tCho,NAA,Glu,Ins,Gln,Gly"


def run(run_script, name, *arguments):
    done = run_script(name, *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def truth(repository):
    """Each voxel's record, by its index (x, y, z)."""
    records = json.loads((repository / "tests/data/lcmodel/grid/grid_truth.json").read_text())
    return {(each["col"] - 1, each["row"] - 1, each["slice"] - 1): each for each in records}


@pytest.fixture(scope="module")
def scan(repository, run_script, tmp_path_factory):
    """The real grid of 6 x 5 x 2 voxels after ingestion, masking and slicing."""
    folder = tmp_path_factory.mktemp("sub-real")
    run(
        run_script, "ingest", "--lcmodel", repository / "tests/data/lcmodel/grid", "--pattern", "multivoxel",
        "--matrix", *MATRIX, "--voxel-mm", 10, 10, 10, "--metabolites", METABOLITES, "--out", folder / "volumes",
    )  # fmt: skip
    _, affine = read_nifti(folder / "volumes" / "snr.nii.gz")
    wider = affine @ np.array([[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1]])  # one voxel more all round
    for name in ("t1", "flair"):
        write_nifti(folder / f"{name}.nii.gz", np.ones([size + 2 for size in MATRIX], np.float32), wider)
    run(
        run_script, "mask", "--volumes", folder / "volumes", "--t1", folder / "t1.nii.gz", "--settings",
        '{"skull_margin_mm": null, "max_sd_percent": 40}', "--out", folder / "mask",
    )  # fmt: skip
    run(
        run_script, "slices", "--participant", "sub-real", "--volumes", folder / "volumes", "--mask", folder / "mask",
        "--t1", folder / "t1.nii.gz", "--flair", folder / "flair.nii.gz", "--metabolites", METABOLITES, "--unit", "mM",
        "--settings", '{"min_slices": 2, "min_valid_voxels": 5, "frame": 16}', "--out", folder / "slices.npz",
    )  # fmt: skip
    return folder


def in_frame(taken, voxel):
    """Where a voxel of the scan lies in the file of slices: slice, x, y."""
    return list(taken.slices).index(voxel[2]), voxel[0] + taken.offset[0], voxel[1] + taken.offset[1]


def test_voxels_of_normal_brain_pass_and_keep_their_fitted_values(scan, truth):
    taken = slices.ParticipantSlices.load(scan / "slices.npz")
    tcr, _ = read_nifti(scan / "volumes" / "tCr_concentration.nii.gz")
    for voxel in (voxel for voxel, record in truth.items() if record["kind"] == "brain"):
        s, x, y = in_frame(taken, voxel)
        if np.isfinite(tcr[voxel]):  # LCModel's second run stopped before it reached every voxel
            assert taken.valid[s, 0, x, y]
            assert taken.maps[s, 0, x, y] == tcr[voxel]


@pytest.mark.parametrize("metabolite", ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln"])
def test_masked_maps_agree_with_the_truth_within_what_the_sd_says(scan, truth, metabolite):
    taken = slices.ParticipantSlices.load(scan / "slices.npz")
    sd, _ = read_nifti(scan / "volumes" / f"{metabolite}_sd.nii.gz")
    parts = {"tCr": ["Cr", "PCr"], "tCho": ["GPC", "PCh"]}.get(metabolite, [metabolite])
    m = taken.metabolites.index(metabolite)
    ratios, allowed = [], []
    for voxel, record in truth.items():
        s, x, y = in_frame(taken, voxel)
        if record["kind"] in ("brain", "tumour") and taken.valid[s, m, x, y]:
            ratios.append(taken.maps[s, m, x, y] / sum(record["conc"][part] for part in parts))
            allowed.append((sd[voxel] + 0.5) / 100)  # whole percent
    common = np.median(ratios)  # one factor of the fit's model, the same for every voxel
    assert len(ratios) > 15
    assert abs(common - 1) < 0.07
    assert np.abs((ratios / common - 1) / allowed).max() < 3.5


def test_failed_and_useless_voxels_are_rejected_with_their_reason(scan, truth):
    reasons, _ = read_nifti(scan / "mask" / "tCr_reasons.nii.gz")
    reasons = reasons.astype(np.uint16)
    for voxel, record in truth.items():
        if record["kind"] == "zero (outside the head)":
            assert reasons[voxel] & quality.BIT["not_fitted"]
        if record["kind"] == "noise only" and not reasons[voxel] & quality.BIT["not_fitted"]:
            assert reasons[voxel] & (quality.BIT["low_snr"] | quality.BIT["high_sd"])


def test_every_rejected_voxel_is_zero_in_the_maps_and_counted(scan):
    taken = slices.ParticipantSlices.load(scan / "slices.npz")
    assert (taken.maps[~taken.valid] == 0).all()
    with (scan / "volumes" / "counts.csv").open(newline="") as stream:
        counts = {line["status"]: int(line["voxels"]) for line in csv.DictReader(stream)}
    assert sum(counts.values()) == np.prod(MATRIX)
