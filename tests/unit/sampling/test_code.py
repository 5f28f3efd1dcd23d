"""The code of trainings and samplings: a changed module reruns what it can change, and nothing else."""

import json
import os
import shutil
import subprocess
import sys

import pytest

# Prints the code of a training for each network, of a sampling for each method; planning needs no torch for that.
CODES = """
import json, sys
from mrsi_sr import sampling, training
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import network_settings
given = json.loads(sys.argv[1])
networks = {name: network_settings(each) for name, each in given["networks"].items()}
methods = {name: MethodSettings.of(**each) for name, each in given["methods"].items()}
codes = {
    name: training.code(each, [networks[needed] for needed in each.needs.values()]) for name, each in networks.items()
}
for name, each in methods.items():
    codes[f"sample {name}"] = sampling.code(each, [networks[network] for network in each.networks.values()])
assert "torch" not in sys.modules
print(json.dumps(codes))
"""
TRAINED = {"iterations": 1, "batch_size": 1, "learning_rate": 1e-3}
NETWORKS = {
    "munet": {"architecture": "munet", "objective": "regression"},
    "cwgan": {"architecture": "munet", "objective": "adversarial"},
    "flow": {"architecture": "flow", "objective": "likelihood"},
    "enhancer": {"architecture": "flow", "objective": "likelihood", "needs": {"super_resolver": "munet"}},
    "ddpm": {"architecture": "denoising_unet", "objective": "noise_prediction"},
    "tdpm": {"architecture": "denoising_unet", "objective": "adversarial", "truncation": 100},
}
DENOISER = {"denoiser": "ddpm"}
METHODS = {
    "zero_filled": ({}, {}),
    "single_pass": ({}, {"network": "munet"}),
    "ancestral": ({}, DENOISER),
    "respaced": ({}, DENOISER),
    "dpm_solver": ({}, DENOISER),
    "tdpm": ({}, {"generator": "tdpm"} | DENOISER),
    "ftddm": ({}, {"flow": "flow"} | DENOISER),
    "ftddm_solver": ({"kind": "ftddm", "solver": "dpm_solver", "steps": 10}, {"flow": "flow"} | DENOISER),
    "flow": ({}, {"flow": "flow"}),
    "enhancer": ({"kind": "flow"}, {"flow": "enhancer", "super_resolver": "munet"}),
}
GIVEN = json.dumps(
    {
        "networks": {name: TRAINED | each for name, each in NETWORKS.items()},
        "methods": {
            name: {"sampler": {"kind": name} | sampler, "networks": networks}
            for name, (sampler, networks) in METHODS.items()
        },
    }
)
FLOWS = {"flow", "enhancer", "sample ftddm", "sample ftddm_solver", "sample flow", "sample enhancer"}
CHAINS = {f"sample {name}" for name in ("ancestral", "respaced", "dpm_solver", "tdpm", "ftddm", "ftddm_solver")}
SAMPLINGS = {f"sample {name}" for name in METHODS}


@pytest.fixture
def source(repository, tmp_path):
    """A copy of the package's source."""
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def codes(source) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", CODES, GIVEN],
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rerun(source, module: str, line: str) -> set[str]:
    """Trainings and samplings whose code differs once a line is added to a module."""
    before = codes(source)
    with (source / "mrsi_sr" / f"{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    after = codes(source)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("networks/flow", FLOWS),
        ("networks/munet", {"munet", "cwgan", "enhancer", "sample single_pass", "sample enhancer"}),
        ("networks/discriminator", {"cwgan", "tdpm"}),
        ("objectives/regression", {"munet"}),
        ("objectives/critic", {"cwgan", "tdpm"}),
        ("samplers/ancestral", {f"sample {name}" for name in ("ancestral", "respaced", "tdpm", "ftddm")}),
        ("samplers/respaced", {"sample respaced"}),
        ("samplers/dpm_solver", {"sample dpm_solver", "sample ftddm_solver"}),
        ("samplers/ftddm", {"sample ftddm", "sample ftddm_solver"}),
        ("samplers/zero_filled", {"sample zero_filled"}),
        ("samplers/denoiser", CHAINS),
        ("training/loop", set(NETWORKS)),
        ("sampling/participant", SAMPLINGS),
        ("maps/dataset", set(NETWORKS) | SAMPLINGS),
        ("cli", set()),
        ("results/files", set()),
        ("settings/network", set()),
        ("evaluation/metrics", set()),
    ],
)
def test_a_changed_line_reruns_what_it_can_change(module, expected, source):
    assert rerun(source, module, "CHANGED = 1") == expected


@pytest.mark.parametrize("module", ["networks/flow", "samplers/ftddm", "training/loop", "sampling/fold"])
def test_a_comment_reruns_nothing(module, source):
    assert rerun(source, module, "# a comment") == set()


def test_only_what_is_chosen_is_part_of_the_code(repository):
    for name, files in codes(repository / "src").items():
        kind, _, method = name.rpartition(" ")
        chosen = set(METHODS[method][1].values()) if kind else {name, *NETWORKS[name].get("needs", {}).values()}
        architectures = {NETWORKS[each]["architecture"] for each in chosen}
        modules = {file.removeprefix("mrsi_sr/").removesuffix(".py") for file in files}
        for architecture in ("munet", "denoising_unet", "flow"):
            assert (f"networks/{architecture}" in modules) == (architecture in architectures), (name, architecture)
        objectives = {each.removeprefix("objectives/") for each in modules if each.startswith("objectives/")}
        if kind:
            assert not objectives, name
        else:
            shared = {"__init__", "base", "structural", "critic"}
            assert objectives - shared == {NETWORKS[name]["objective"]}
        assert not {each.split("/")[0] for each in modules} & {"cli", "results", "settings", "workflow", "scan/grid"}
