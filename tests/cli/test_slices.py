"""slices.py and truncate.py by themselves."""

import csv
import json

import numpy as np
import pytest
from synthetic_scan import METABOLITES, scan, write_mri

from mrsi_sr.kspace import Truncation
from mrsi_sr.scan import quality, slices
from mrsi_sr.scan.windows import expand_window
from mrsi_sr.settings.cohort import QualitySettings


@pytest.fixture(scope="module")
def sub_01(tmp_path_factory):
    """A participant's folder with volumes/, mask/, t1.nii.gz and flair.nii.gz."""
    folder = tmp_path_factory.mktemp("cohort") / "sub-01"
    volumes, brain = scan()
    volumes.save(folder / "volumes")
    write_mri(folder, volumes, brain)
    quality.save(quality.assess(volumes, brain, QualitySettings.of()), volumes.affine, folder / "mask")
    return folder


@pytest.fixture(scope="module")
def slices_file(sub_01, run_script):
    done = run_script("slices", *flags(sub_01, sub_01 / "slices.npz"))
    assert done.returncode == 0, done.stderr
    return sub_01 / "slices.npz"


def flags(folder, out, metabolites=METABOLITES, **settings):
    settings = {"min_slices": 5} | settings
    return (
        "--participant", "sub-01", "--volumes", folder / "volumes", "--mask", folder / "mask",
        "--metabolites", ",".join(metabolites), "--unit", "mM",
        "--t1", folder / "t1.nii.gz", "--flair", folder / "flair.nii.gz", "--settings", json.dumps(settings),
        "--out", out,
    )  # fmt: skip


def test_one_file_holds_the_participant(slices_file):
    s = slices.ParticipantSlices.load(slices_file)
    assert (s.participant, s.metabolites, s.unit) == ("sub-01", METABOLITES, "mM")
    assert s.maps.shape == s.valid.shape == (len(s.slices), 2, 64, 64)
    assert len(s.slices) >= 5


def test_the_cohort_table_records_the_files_that_it_counts(sub_01, slices_file, run_script, tmp_path):
    (sub_01 / "volumes" / "counts.csv").write_text("status,voxels\nok,100\n")
    done = run_script(
        "cohort_summary", "--cohort", sub_01, "--excluded", '{"sub-02": "moved"}', "--out", tmp_path / "summary.csv"
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "summary.csv").open()))
    assert [(row["participant"], row["excluded"]) for row in rows] == [("sub-01", ""), ("sub-02", "moved")]
    inputs = json.loads((tmp_path / "summary.provenance.json").read_text())["inputs_sha256"]
    assert inputs.keys() == {str(slices_file), str(sub_01 / "volumes" / "counts.csv")}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_slices": 15}, "contiguous slices with enough valid voxels, but min_slices is 15"),
        ({"metabolites": ["NAA", "Lac"]}, "no metabolite 'Lac'"),
        ({"frame": 16}, "larger than the frame of 16x16"),
        ({"frames": 64}, "did you mean frame?"),
        ({"metabolites": []}, "names no metabolites"),
        ({"metabolites": ["NAA", "NAA"]}, "names one metabolite twice: NAA and NAA"),
        ({"max_slices": 4}, "max_slices is 4, expected at least min_slices, which is 5"),
    ],
)
def test_settings_that_cannot_be_used_write_nothing(settings, message, sub_01, run_script, tmp_path):
    done = run_script("slices", *flags(sub_01, tmp_path / "slices.npz", **settings))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", ["paper", "clean"])
def test_truncation_stores_the_complex_window_of_every_size(protocol, slices_file, run_script, tmp_path):
    out = tmp_path / f"low_resolution-{protocol}.npz"
    done = run_script("truncate", "--slices", slices_file, "--sizes", "16,8", "--protocol", protocol, "--out", out)
    assert done.returncode == 0, done.stderr
    s = slices.ParticipantSlices.load(slices_file)
    with np.load(out, allow_pickle=False) as file:
        assert file["sizes"].tolist() == [8, 16] and str(file["protocol"]) == protocol
        assert str(file["participant"]) == "sub-01" and file["slices"].tolist() == s.slices.tolist()
        assert file["metabolites"].tolist() == list(METABOLITES)
        width = 16 if protocol == "paper" else 15
        assert file["kspace_16"].shape == (len(s.slices), 2, width, width)
        assert file["kspace_16"].dtype == np.complex64
        kspace = expand_window(file["kspace_16"], 16, protocol)
    import torch

    maps = torch.from_numpy(s.maps[:, 1:])
    assert np.allclose(kspace[:, 1:], Truncation(protocol).measure(maps, 16).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "protocol", "message"),
    [
        ("8,9", "clean", "size 9 does not fit the 64x64 matrix"),
        ("8;16", "clean", "--sizes is '8;16'"),
        ("8", "published", "unknown protocol 'published'"),
    ],
)
def test_sizes_and_protocols_that_cannot_be_write_nothing(sizes, protocol, message, slices_file, run_script, tmp_path):
    done = run_script(
        "truncate", "--slices", slices_file, "--sizes", sizes, "--protocol", protocol, "--out", tmp_path / "low.npz"
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_truncation_of_a_missing_file_is_refused(run_script, tmp_path):
    missing = tmp_path / "slices.npz"
    done = run_script(
        "truncate", "--slices", missing, "--sizes", "8", "--protocol", "clean", "--out", tmp_path / "out.npz"
    )
    assert done.returncode == 2
    assert f"no file of slices {missing}" in done.stderr
