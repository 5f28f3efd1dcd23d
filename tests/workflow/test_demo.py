"""The demo as a newcomer runs it: what its table and its new patient say."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from clone import REPOSITORY, Clone

DEMO = (
    "--cores", "2", "--set-threads", "train=1", "sample=1", "--resources", "gpu=2", "--configfile", "config/demo.yaml",
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("demo") / "clone")
    done = clone.snakemake("all", "scans", *DEMO, timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    return clone


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_the_demo_munet_beats_zero_filling_at_upscaling_factor_4(demo):
    table = pd.read_csv(demo.folder / "results/demo/tables/comparison.csv").query("upscaling_factor == 4")
    nrmse = table.set_index("method").nrmse_mean
    assert nrmse["munet_fs_cwgan"] < nrmse["zero_filled"]
    assert set(nrmse.index) == {"zero_filled", "munet_fs_cwgan", "ddpm", "ftddm", "regressor", "ensemble"}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_the_demo_our_ensemble_beats_munet_and_ftddm_at_upscaling_factor_4(demo):
    table = pd.read_csv(demo.folder / "results/demo/tables/comparison.csv").query("upscaling_factor == 4")
    nrmse = table.set_index("method").nrmse_mean
    assert nrmse["ensemble"] < min(nrmse["munet_fs_cwgan"], nrmse["ftddm"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_has_lpips_or_says_why_it_has_none(demo):
    table = (demo.folder / "results/demo/tables/comparison.csv", demo.folder / "results/demo/tables/comparison.md")
    values, text = pd.read_csv(table[0]).lpips_alex_mean, table[1].read_text()
    assert values.between(0, 1, inclusive="neither").all() or (
        values.isna().all() and "not available |" in text and "its weights could not be downloaded: " in text
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("method", "largest"), [("munet_fs_cwgan", 0.9), ("ensemble", 0.9), ("ftddm", 1.0)])
def test_a_phantom_acquired_at_16_by_16_is_closer_to_its_truth_than_zero_filled(demo, method, largest, tmp_path):
    """Pooled NRMSE over that of zero-filling: of MUNet-FS-cWGAN at most 0.9, of FTDDM's mean of samples at most 1."""
    phantom, folder = demo.folder / "results/simulated/new-01", demo.folder / "results/scans"
    if method != "ftddm":  # the workflow's own
        folder = tmp_path
        run(
            demo, "workflow/scripts/super_resolve.py", f"--lcmodel={phantom}/lcmodel", "--pattern=multivoxel",
            f"--reference={phantom}/reference.nii.gz", f"--t1={phantom}/t1.nii.gz", f"--flair={phantom}/flair.nii.gz",
            f"--brain-mask={phantom}/brain_mask.nii.gz", "--networks=results/demo/hand_over", f"--method={method}",
            f"--out={folder}",
        )  # fmt: skip
    lines = run(demo, "benchmarks/against_truth.py", f"--scan={folder}/sub-new01", f"--truth={phantom}/truth")
    zero_filled, super_resolved = (float(cell) for cell in lines.strip().splitlines()[-1].split("|")[2:4])
    assert super_resolved <= largest * zero_filled, lines


def run(demo, script: str, *flags: str) -> str:
    """Standard output of a program that runs in the clone."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / script, *flags],
        cwd=demo.folder, env=os.environ | demo.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
