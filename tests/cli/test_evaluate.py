"""evaluate.py, compare.py and table.py from their command lines: from samples to tests and tables."""

import json
import runpy
import shutil

import evaluated
import numpy as np
import pandas as pd
import pytest
import torch
from pyarrow import parquet

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.lpips import Lpips
from mrsi_sr.evaluation.lpips_networks import BACKBONES

SETTINGS = {
    "title": "Methods", "experiment": "demo", "cohort": "toys", "phantom": True, "protocol": "clean", "folds": [1, 2],
    "folds_in_all": 2, "sizes": [4, 8], "metrics": ["nrmse", "psnr", "ssim", "lpips_alex"],
    "methods": ["zero_filled", "munet"],
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    return evaluated.write(folder, folds=(1, 2)) | {"folder": folder}


def flags(cohort, folder, method="munet", fold=1, **changes):
    flags = {
        "--samples": cohort["samples"][method, fold], "--fold": fold, "--method": method, "--protocol": "clean",
        "--metrics": "nrmse,psnr,ssim,lpips_alex", "--experiment": "demo",
        "--out": folder / f"fold-{fold}-{method}.parquet",
        "--provenance": folder / f"fold-{fold}-{method}.provenance.json",
    } | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}  # fmt: skip
    return ["--slices", *cohort["slices"], *(word for flag, value in flags.items() for word in (flag, value))]


def evaluate(run_script, *arguments, **changes):
    return run_script("evaluate", *flags(*arguments, **changes))


@pytest.fixture(scope="module")
def metrics(cohort, run_script, repository):
    """Two methods on two folds; one by a process of its own, the others without the seconds that its imports take."""
    folder = cohort["folder"] / "metrics"
    done = evaluate(run_script, cohort, folder)
    assert done.returncode == 0, done.stderr
    assert "lpips_alex is not available: the configuration has no section lpips" in done.stderr
    script = runpy.run_path(str(repository / "workflow" / "scripts" / "evaluate.py"))
    for method, fold in [("munet", 2), ("zero_filled", 1), ("zero_filled", 2)]:
        script["main"](script["parser"]().parse_args([str(word) for word in flags(cohort, folder, method, fold)]))
    return sorted(folder.glob("*.parquet")), sorted(folder.glob("*.json"))


def table(run_script, metrics, folder, **changes):
    outs = [word for end in ("csv", "md", "tex") for word in (f"--out-{end}", folder / f"table.{end}")]
    settings = json.dumps(SETTINGS | changes)
    return run_script("table", "--metrics", *metrics[0], "--provenance", *metrics[1], "--settings", settings, *outs)


def compare(run_script, files, out, **changes):
    records = [file.with_suffix(".provenance.json") for file in files]
    outs = [word for end in ("csv", "md", "tex") for word in (f"--out-{end}", out.with_suffix(f".{end}"))]
    settings = json.dumps(SETTINGS | changes)
    return run_script("compare", "--metrics", *files, "--provenance", *records, "--settings", settings, *outs)


def refused(done, message):
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr, done.stderr


def test_evaluate_writes_the_long_table_and_carries_the_methods_cost(metrics):
    path = metrics[0][0]
    written = parquet.read_table(path)
    assert written.column_names == [
        "participant", "slice", "metabolite", "size", "method", "fold", "seed", "sample", "region", "metric", "value",
        "protocol",
    ]  # fmt: skip
    assert written.schema.metadata[b"protocol"] == b"clean" and written.schema.metadata[b"experiment"] == b"demo"
    # participants, slices, metabolites, sizes; metrics in two regions, and the bias in one
    assert written.num_rows == 3 * 3 * 2 * 2 * (4 * 2 + 2)
    record = json.loads(path.with_name("fold-1-munet.provenance.json").read_text())
    assert (
        record["networks"]["network"]["channels"] == 2
        and record["parameters"] == 967_601
        and record["sampling_device"] == "a CPU"
        and record["training"] == {"munet": {"seconds": 1.0, "device": "a CPU"}}
    )
    assert len(record["inputs_sha256"]) == 6 and record["frame"] == 16


def test_evaluate_uses_lpips_weights_that_are_named(run_script, tmp_path, monkeypatch, repository):
    make_weights(tmp_path, tmp_path / "weights", monkeypatch, repository)
    cohort, index = evaluated.write(tmp_path / "cohort", participants=1, frame=64), tmp_path / "weights/weights.json"
    metrics = "nrmse,lpips_alex,lpips_vgg"
    done = evaluate(run_script, cohort, tmp_path, metrics=metrics, lpips_weights=index)
    assert done.returncode == 0, done.stderr
    scores = pd.read_parquet(tmp_path / "fold-1-munet.parquet")
    values = scores.query("metric == 'lpips_alex'").value
    assert len(values) == 3 * 2 * 2 * 2 and (values > 0).all()
    assert scores.query("metric == 'lpips_vgg'").value.isna().all()
    settings = json.loads((tmp_path / "fold-1-munet.provenance.json").read_text())["settings"]
    assert settings["lpips_weights"] == json.loads(index.read_text())["sha256"]
    assert settings["lpips_reason"] == "no weights of it are given"
    changed = tmp_path / "weights/lpips_alex.safetensors"
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"lpips_alex\.safetensors is damaged"):
        Lpips("lpips_alex", changed)


def make_weights(folder, out, monkeypatch, repository):
    """Weights of LPIPS from files of random weights of AlexNet, as torchvision and lpips save them."""
    shapes = BACKBONES["lpips_alex"].shapes
    tensors = {name: 0.05 * torch.rand(shape) for name, shape in shapes.items()}
    tensors["classifier.1.weight"] = torch.zeros(2, 2)  # torchvision's files have the whole network
    torch.save({name: each for name, each in tensors.items() if name[0] != "l"}, folder / "alexnet.pth")
    torch.save({name: each for name, each in tensors.items() if name[0] == "l"}, folder / "alex.pth")
    files = [f"--backbone=lpips_alex={folder / 'alexnet.pth'}", f"--linear=lpips_alex={folder / 'alex.pth'}"]
    path = repository / "workflow" / "scripts" / "lpips_weights.py"
    monkeypatch.setattr("sys.argv", [str(path)])
    script = runpy.run_path(str(path))
    script["main"](script["parser"]().parse_args([*files, f"--out={out}"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": "nrmse,rmse"}, "unknown metric 'rmse'"),
        ({"samples": "nowhere"}, "no samples in nowhere"),
        ({"protocol": "paper"}, "samples of protocol 'clean', asked for is 'paper'"),
        ({"lpips_weights": "absent.json"}, "no file absent.json, expected an index of LPIPS weights"),
    ],
)
def test_evaluate_refuses(cohort, run_script, tmp_path, changes, message):
    refused(evaluate(run_script, cohort, tmp_path, **changes), message)
    assert not list(tmp_path.glob("*"))


def test_evaluate_names_a_sample_that_is_not_finite_and_writes_nothing(run_script, tmp_path):
    cohort = evaluated.write(tmp_path / "cohort")
    path = cohort["samples"]["munet", 1] / "sub-12.npz"
    arrays = dict(np.load(path))
    arrays["maps"][5, 0, 0] = np.nan
    np.savez(path, **arrays)
    evaluated.record(path.parent)
    refused(evaluate(run_script, cohort, tmp_path / "out"), "sub-12, slice 12, tCho, size 4")
    assert not (tmp_path / "out").exists()


def test_evaluate_names_a_participant_without_slices(cohort, run_script, tmp_path):
    lacking = cohort | {"slices": cohort["slices"][1:]}
    refused(evaluate(run_script, lacking, tmp_path), "sub-10")


def test_compare_tests_each_pair_over_participants(metrics, run_script, tmp_path):
    done = compare(run_script, metrics[0], tmp_path / "tests.csv")
    assert done.returncode == 0, done.stderr
    tests = pd.read_csv(tmp_path / "tests.csv")
    assert len(tests) == 4 * 2 and set(tests.pairs) == {6} and set(tests.unit) == {"participant"}
    psnr = tests.query("metric == 'psnr'").iloc[0]
    assert psnr.better == "munet" and psnr.p == pytest.approx(0.03125) and psnr.rank_biserial == -1
    assert tests.query("metric == 'lpips_alex'").note.str.contains("not available").all()
    assert (
        set(tests.folds) == {"folds 1, 2 of 2"} and set(tests.cohort) == {"toys"} and tests.configuration.nunique() == 1
    )
    assert "Hodges-Lehmann difference" in (tmp_path / "tests.md").read_text()
    assert "\\begin{longtable}" in (tmp_path / "tests.tex").read_text()


def test_compare_names_a_fold_that_one_method_lacks(metrics, run_script, tmp_path):
    done = compare(run_script, metrics[0][1:], tmp_path / "tests.csv")
    refused(done, "munet, fold 1, seed 1: missing")
    assert "results/demo/fold-1/metrics/munet.parquet" in done.stderr and not (tmp_path / "tests.csv").exists()


def test_table_comes_in_three_formats(metrics, run_script, tmp_path):
    done = table(run_script, metrics, tmp_path)
    assert done.returncode == 0, done.stderr
    csv = pd.read_csv(tmp_path / "table.csv")
    assert csv.query("method == 'munet'").nrmse_mean.max() < csv.query("method == 'zero_filled'").nrmse_mean.min()
    markdown = (tmp_path / "table.md").read_text()
    assert "NRMSE ↓ s=4" in markdown and "not available" in markdown and "folds 1, 2 of 2" in markdown
    assert "\\toprule" in (tmp_path / "table.tex").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiment": "ftddm"}, "4 of 4 metrics files are not of the experiment 'ftddm'"),
        ({"folds": [1, 2, 3]}, "zero_filled, fold 3, seed 1: missing"),
        ({"methods": ["munet", "ddpm"]}, "ddpm, fold 1, seed 1: missing"),
        ({"seeds": [1, 2]}, "munet, fold 2, seed 2: missing"),
        ({"metric": ["nrmse"]}, "did you mean metrics?"),
    ],
)
def test_table_refuses(metrics, run_script, tmp_path, changes, message):
    refused(table(run_script, metrics, tmp_path, **changes), message)
    assert not list(tmp_path.glob("*"))


def test_a_file_that_is_no_metrics_file_is_named(metrics, run_script, tmp_path):
    (tmp_path / "bad.parquet").write_text("not parquet")
    done = compare(run_script, [*metrics[0], tmp_path / "bad.parquet"], tmp_path / "t.csv")
    refused(done, "bad.parquet cannot be read as a metrics file")


def of_another_network(metrics, folder):
    """The same files, but those of one fold made with another learning rate."""
    path = next(path for path in metrics[1] if path.name.startswith("fold-2-munet"))
    record = json.loads(path.read_text())
    record["networks"]["network"]["learning_rate"] = 2e-4
    for file in [*metrics[0], *metrics[1]]:
        shutil.copy(file, folder)
    (folder / path.name).write_text(json.dumps(record))
    return sorted(folder.glob("*.parquet")), sorted(folder.glob("*.json"))


def test_tables_and_tests_refuse_folds_of_different_settings_until_told(metrics, run_script, tmp_path):
    mixed, out = of_another_network(metrics, tmp_path), tmp_path / "out"
    said = "networks.munet.learning_rate is 0.01 in fold 1 and 0.0002 in fold 2"
    for done in (table(run_script, mixed, out), compare(run_script, mixed[0], out / "tests.csv")):
        refused(done, said)
        assert "set mix_folds: true" in done.stderr and not out.exists()
    assert table(run_script, mixed, out, mix_folds=True).returncode == 0
    assert compare(run_script, mixed[0], out / "tests.csv", mix_folds=True).returncode == 0
    assert said in (out / "table.md").read_text()
    assert set(pd.read_csv(out / "tests.csv").mixed) == {said}


def test_tables_refuse_scores_of_another_configuration(metrics, run_script, tmp_path):
    wrong = {"munet": {"1": "0123456789abcdef"}}
    refused(table(run_script, metrics, tmp_path, expected=wrong), "fold-1-munet.parquet was made with other settings")
    assert not list(tmp_path.glob("*"))
