"""The demo as a newcomer runs it: what its table says."""

import pandas as pd
import pytest


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_the_demo_munet_beats_zero_filling_at_upscaling_factor_4(clone):
    done = clone.snakemake(
        "results/demo/tables/comparison.csv", "--cores", "2", "--set-threads", "train=1", "sample=1",
        "--resources", "gpu=2", "--configfile", "config/demo.yaml", timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    table = pd.read_csv(clone.folder / "results/demo/tables/comparison.csv").query("upscaling_factor == 4")
    nrmse = table.set_index("method").nrmse_mean
    assert nrmse["munet_fs_cwgan"] < nrmse["zero_filled"]
    assert set(nrmse.index) == {"zero_filled", "munet_fs_cwgan", "ddpm", "ftddm"}
