"""From files to files: findings of a fold, their table and figures, and what does not fit together."""

import json
import shutil

import numpy as np
import pandas as pd
import probed
import pytest
import tiny_cohort
import torch
from tiny_cohort import MUNET

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.probing.fold import probe_fold
from mrsi_sr.report import probe_outputs
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.probe import ProbeSettings
from mrsi_sr.settings.report import ProbeTableSettings

PROBE = ProbeSettings.of(diameters_mm=[20.0, 30.0], edge_mm=3.0, subset={"slices": 1})
METHODS = {
    "zero_filled": ({"kind": "zero_filled"}, {}),
    "munet": ({"kind": "single_pass"}, {"network": MUNET}),
}
OUTPUTS = {
    "csv": "table.csv", "md": "table.md", "tex": "table.tex", "rows": "table.parquet", "curves-png": "curves.png",
    "curves-pdf": "curves.pdf", "examples-png": "examples.png", "examples-pdf": "examples.pdf",
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two test participants, and weights that were not trained."""
    folder = tmp_path_factory.mktemp("cohort")
    paths = {"slices": [], "low_resolution": [], "table": folder / "folds.csv"}
    for k, name in enumerate(("sub-1", "sub-2")):
        slices = probed.participant(name, k + 1)
        slices.save(folder / f"{name}.slices.npz")
        paths["slices"].append(folder / f"{name}.slices.npz")
        paths["low_resolution"].append(tiny_cohort.truncate(slices, folder / f"{name}.low.npz", "clean", [8, 16]))
    paths["table"].write_text("participant,fold,part\nsub-1,1,test\nsub-2,1,test\nsub-3,1,train\n")
    factors = [[1.0] * 2] * (probed.FRAME // 2)
    facts = {"fold": 1, "protocol": "clean", "sizes": [8, 16], "metabolites": list(probed.METABOLITES), "iteration": 0}
    torch.manual_seed(1)
    Weights(networks.build(MUNET).state_dict(), MUNET.plain(), **facts, scale_factors=factors).save(folder / "munet.st")
    return paths | {"munet": folder / "munet.st"}


def run(cohort: dict, out, method: str, probe: ProbeSettings = PROBE, **changes) -> None:
    sampler, roles = METHODS[method]
    settings = MethodSettings.of(sampler=sampler, networks=dict.fromkeys(roles, "some"))
    given = {
        "networks": roles, "weights": dict.fromkeys(roles, cohort["munet"]), "fold": 1, "seed": 1, "protocol": "clean",
        "sizes": [8, 16], "batch_size": 64, "out": out, "device": torch.device("cpu"),
        **{name: cohort[name] for name in ("slices", "low_resolution", "table")},
    }  # fmt: skip
    probe_fold(method, settings, probe, **given | changes)


@pytest.fixture(scope="module")
def findings(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    for method in METHODS:
        run(cohort, folder / method, method)
    return folder


def write(out, *folders, **settings) -> None:
    facts = {"phantom": True, "cohort": "toy", "labels": {"zero_filled": "Zero-filled"}} | settings
    outputs = {name: out / file for name, file in OUTPUTS.items()}
    probe_outputs.write(folders, ProbeTableSettings.of(**facts), outputs, {})


def test_a_probe_writes_the_findings_of_each_test_participant_with_their_provenance(findings):
    for method, nfe in (("zero_filled", 0), ("munet", 1)):
        folder = findings / method
        assert {file.name for file in folder.iterdir()} == {"sub-1.npz", "sub-2.npz", "provenance.json", ".result.json"}
        record = json.loads((folder / "provenance.json").read_text())
        assert (record["method"], record["nfe"], record["participants"]) == (method, nfe, ["sub-1", "sub-2"])
        # 2 participants, 1 slice, 2 metabolites, 2 sizes: as it is, 3 planted, 2 erased, 1 with foreign MRI.
        assert record["maps"] == 2 * 4 * 7 and record["settings"]["seed"] == 1


def test_equal_seeds_give_equal_findings_and_what_is_there_is_not_made_again(cohort, findings, tmp_path, caplog):
    caplog.set_level("INFO")
    again, before = tmp_path / "munet", (findings / "munet" / "sub-2.npz").read_bytes()
    shutil.copytree(findings / "munet", again)
    (again / "sub-1.npz").unlink()
    run(cohort, again, "munet")
    assert "sub-2 is probed already; skipping" in caplog.text and "sub-1 is probed" not in caplog.text
    assert (again / "sub-2.npz").read_bytes() == before
    with np.load(again / "sub-1.npz") as one, np.load(findings / "munet" / "sub-1.npz") as other:
        for name in set(one.files) - {"cost"}:
            assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"), name


@pytest.mark.slow  # two figures as PNG and PDF
def test_the_table_compares_methods_at_each_size_and_its_figures_are_drawn(findings, tmp_path):
    write(tmp_path, findings / "zero_filled", findings / "munet")
    rows = pd.read_csv(tmp_path / "table.csv")
    assert list(zip(rows.method, rows["size"], strict=True)) == [
        ("zero_filled", 8), ("munet", 8), ("zero_filled", 16), ("munet", 16),
    ]  # fmt: skip
    assert (rows.leakage[rows.method == "zero_filled"] == 0).all() and rows.auc.between(0, 1).all()
    text = (tmp_path / "table.md").read_text()
    for words in ("Zero-filled", "Protocol clean", "cohort toy", "Results on phantoms, not on", "2 participants"):
        assert words in text
    assert "\\begin{tabular}" in (tmp_path / "table.tex").read_text()
    long = pd.read_parquet(tmp_path / "table.parquet")
    assert set(long.method) == set(METHODS) and {"participant", "measure", "value", "fold", "seed"} <= set(long)
    for name in ("curves.png", "examples.png", "curves.pdf", "examples.pdf"):
        assert (tmp_path / name).stat().st_size > 5000
    assert json.loads((tmp_path / "table.provenance.json").read_text())["outputs_sha256"].keys() >= {"curves.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probe": PROBE | {"subset": {"metabolites": ["Glx"]}}}, "Glx"),
        ({"fold": 2}, "there is no fold 2"),
        ({"sizes": [8, 12]}, "has no low-resolution size 12"),
    ],
)
def test_what_does_not_fit_leaves_no_folder(changes, message, cohort, tmp_path):
    with pytest.raises(UserError, match=message):
        run(cohort, tmp_path / "out", "zero_filled", **changes)
    assert not (tmp_path / "out").exists()


def test_a_participant_alone_has_no_foreign_mri(cohort, tmp_path):
    (tmp_path / "folds.csv").write_text("participant,fold,part\nsub-1,1,test\n")
    given = {name: cohort[name][:1] for name in ("slices", "low_resolution")} | {"table": tmp_path / "folds.csv"}
    with pytest.raises(UserError, match="leave foreign out of the probe's kinds"):
        run(cohort, tmp_path / "out", "zero_filled", **given)
    run(cohort, tmp_path / "out", "zero_filled", **given | {"slices": cohort["slices"]})


def test_a_method_with_a_sweep_has_no_one_map(cohort, tmp_path):
    settings = MethodSettings.of(sampler={"kind": "zero_filled"}, sweep={"key": "conditioned_size", "values": [8, 16]})
    with pytest.raises(UserError, match="swept has a sweep"):
        probe_fold(
            "swept", settings, PROBE, networks={}, weights={}, fold=1, seed=1, protocol="clean", sizes=[8],
            batch_size=8, out=tmp_path / "out", device=torch.device("cpu"),
            **{name: cohort[name] for name in ("slices", "low_resolution", "table")},
        )  # fmt: skip


def test_findings_that_do_not_fit_together_are_refused(cohort, findings, tmp_path):
    other = tmp_path / "other"
    run(cohort, other, "zero_filled", PROBE | {"seed": 2})
    for folders, settings, message in (
        ([findings / "munet", other], {}, "differ in settings"),
        ([findings / "munet"], {"methods": ["zero_filled", "munet"]}, "no findings of zero_filled"),
        ([findings / "munet"], {"folds": [1, 2]}, "no findings of munet, fold 2"),
        ([tmp_path], {}, "no findings of a probe in"),
        ([findings / "munet", findings / "munet" / ".." / "munet"], {}, "same method, fold and seed"),
    ):
        with pytest.raises(UserError, match=message):
            write(tmp_path, *folders, **settings)
        assert not (tmp_path / "table.csv").exists()


def test_a_damaged_file_of_findings_is_named(findings, tmp_path):
    folder = tmp_path / "munet"
    shutil.copytree(findings / "munet", folder)
    (folder / "sub-1.npz").write_bytes((folder / "sub-1.npz").read_bytes()[:-100])
    with pytest.raises(UserError, match=r"munet/sub-1\.npz is damaged"):
        write(tmp_path, folder)
