"""train.py through its command line: a toy network in seconds, and each thing that can be wrong with the call."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_cohort
from safetensors import safe_open
from tiny_cohort import DENOISER, METABOLITES, MUNET

from mrsi_sr import networks
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.scan.slices import ParticipantSlices


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return tiny_cohort.write(tmp_path_factory.mktemp("cohort"))


def arguments(cohort: dict, folder, network: dict, **changes) -> list:
    flags = {
        "settings": json.dumps(network), "slices": cohort["slices"], "folds": cohort["folds"], "fold": 1,
        "protocol": "clean", "sizes": "4,8", "seed": 3, "device": "cpu", "threads": 1,
        "out": folder,
    }  # fmt: skip
    words = []
    for name, value in (flags | changes).items():
        words += [f"--{name}", *(value if isinstance(value, list) else [value])]
    return words


def factors_of(cohort: dict) -> list:
    """Scale factors of the training participant, sub-1."""
    return MapsOnDevice([ParticipantSlices.load(cohort["slices"][0])], "clean", [4, 8]).factors.plain()


@pytest.mark.parametrize("settings", [MUNET, DENOISER], ids=["munet", "denoiser"])
def test_training_writes_weights_losses_and_provenance(settings, cohort, tmp_path, run_script):
    done = run_script("train", *arguments(cohort, tmp_path, settings.plain()))
    assert done.returncode == 0, done.stderr
    assert "training: iteration 4 of 4, loss" in done.stderr and "s left" in done.stderr
    names = {"best.safetensors", "last.safetensors", "losses.csv", "training.json", "provenance.json", ".result.json"}
    assert {file.name for file in tmp_path.iterdir()} == names
    for kind in ("best", "last"):
        with safe_open(tmp_path / f"{kind}.safetensors", "pt") as file:
            facts = json.loads(file.metadata()["mrsi_sr"])
        assert facts["settings"] == settings.plain()
        assert (facts["fold"], facts["protocol"], facts["sizes"]) == (1, "clean", [4, 8])
        assert facts["metabolites"] == list(METABOLITES)
        assert facts["scale_factors"] == factors_of(cohort)  # sampling and a new scan are scaled by them
    assert facts["iteration"] == 4
    with (tmp_path / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["iteration"], row["part"]) for row in rows] == [
        ("2", "train"), ("2", "validation"), ("4", "train"), ("4", "validation"),
    ]  # fmt: skip
    assert all(float(row["loss"]) > 0 for row in rows)
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["participants"] == {"train": ["sub-1"], "validation": ["sub-2"]}
    assert provenance["scale_factors"] == facts["scale_factors"]
    assert len(provenance["inputs_sha256"]) == 2 and provenance["seed"] == 3 and provenance["parameters"] > 0


def test_settings_typed_by_hand_are_completed(cohort, tmp_path, run_script):
    keys = ("architecture", "objective", "channels", "batch_size", "learning_rate", "iterations")
    done = run_script("train", *arguments(cohort, tmp_path, {key: getattr(MUNET, key) for key in keys}))
    assert done.returncode == 0, done.stderr
    completed = MUNET.plain() | {"validate_every": None}
    assert json.loads((tmp_path / "provenance.json").read_text())["settings"] == completed
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert json.loads(file.metadata()["mrsi_sr"])["settings"] == completed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": "{"}, "--settings is not JSON"),
        (
            {"settings": json.dumps(MUNET.plain() | {"architecture": "munett"})},
            '"munett" is not known: did you mean munet?',
        ),
        ({"fold": 7}, "there is no fold 7"),
        ({"sizes": "4,9"}, "size 9 does not fit"),
    ],
)
def test_what_a_person_can_mend_is_said_in_one_message(changes, message, cohort, tmp_path, run_script):
    done = run_script("train", *arguments(cohort, tmp_path, MUNET.plain(), **changes))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_loss_that_is_not_finite_ends_in_one_message(cohort, tmp_path, run_script):
    trained, *others = cohort["slices"]
    scan = ParticipantSlices.load(trained)
    replace(scan, t1=np.full_like(scan.t1, 3e38)).save(tmp_path / "bright.npz")
    bright = [tmp_path / "bright.npz", *others]
    done = run_script("train", *arguments(cohort, tmp_path / "out", MUNET.plain(), slices=bright))
    assert done.returncode == 2, done.stderr
    assert "is not finite" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_participant_without_slices_and_a_file_that_is_none_are_named(cohort, tmp_path, run_script):
    done = run_script("train", *arguments(cohort, tmp_path, MUNET.plain(), slices=cohort["slices"][:1]))
    assert done.returncode == 2 and "no file of participant sub-2 among those given" in done.stderr
    done = run_script("train", *arguments(cohort, tmp_path, MUNET.plain(), slices=[cohort["folds"]]))
    assert done.returncode == 2 and "cannot be read as a file of slices" in done.stderr


ENHANCER = {
    "architecture": "flow", "levels": 2, "steps": 1, "features": 2, "objective": "likelihood", "guide_weight": 0,
    "needs": {"super_resolver": "munet"}, "batch_size": 2, "learning_rate": 1e-3, "iterations": 2, "sizes": [8],
}  # fmt: skip


def test_a_network_is_trained_on_another_and_on_sizes_of_its_own(cohort, tmp_path, run_script):
    path, out = tmp_path / "munet.safetensors", tmp_path / "out"
    facts = {"fold": 1, "protocol": "clean", "sizes": [4, 8], "metabolites": list(METABOLITES), "iteration": 0}
    facts["scale_factors"] = factors_of(cohort)
    Weights(networks.build(MUNET).state_dict(), MUNET.plain(), **facts).save(path)
    needs = {"needs": f"super_resolver={path}", "needs-settings": json.dumps({"super_resolver": MUNET.plain()})}
    done = run_script("train", *arguments(cohort, out, ENHANCER, **needs))
    assert done.returncode == 0, done.stderr
    with safe_open(out / "best.safetensors", "pt") as file:
        assert json.loads(file.metadata()["mrsi_sr"])["sizes"] == [8]
    provenance = json.loads((out / "provenance.json").read_text())
    assert str(path) in provenance["inputs_sha256"]


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({}, "--needs names the roles nothing, but the settings need super_resolver"),
        ({"needs": "super_resolver"}, "--needs super_resolver: expected ROLE=PATH"),
        (
            {"needs": "super_resolver=a", "needs-settings": json.dumps({"super_resolver": DENOISER.plain()})},
            "--needs-settings.super_resolver has learned noise_prediction, but a super_resolver learns regression",
        ),
    ],
)
def test_what_is_needed_and_not_given_is_named(needs, message, cohort, tmp_path, run_script):
    done = run_script("train", *arguments(cohort, tmp_path, ENHANCER, **needs))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
