"""sample.py through its command line: toy networks in seconds, and each thing that can be wrong with the call."""

import json

import numpy as np
import pytest
import tiny_cohort
import torch
from tiny_cohort import DENOISER, METABOLITES, MUNET

from mrsi_sr import networks
from mrsi_sr.results.checkpoint import Weights

METHODS = {
    "zero_filled": ({"kind": "zero_filled"}, {}),
    "munet": ({"kind": "single_pass"}, {"network": MUNET}),
    "ddpm": ({"kind": "ancestral", "temperature": 0.9}, {"denoiser": DENOISER}),
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    paths = tiny_cohort.write(folder)
    facts = {"fold": 1, "protocol": "clean", "sizes": [4, 8], "metabolites": list(METABOLITES), "iteration": 0}
    facts["scale_factors"] = tiny_cohort.FACTORS["clean"]
    torch.manual_seed(1)
    for settings in (MUNET, DENOISER):
        path = folder / f"{settings.architecture}.best.safetensors"
        Weights(networks.build(settings).state_dict(), settings.plain(), **facts).save(path)
        paths[settings.architecture] = path
    return paths


def arguments(cohort: dict, out, method: str, **changes) -> list:
    sampler, roles = METHODS[method]
    settings = {
        "sampler": sampler, "networks": dict.fromkeys(roles, "some"), "samples": 2, "seed": 5,
    }  # fmt: skip
    flags = {
        "method": method,
        "settings": json.dumps(settings), "slices": cohort["slices"],
        "network-settings": json.dumps({role: network.plain() for role, network in roles.items()}),
        "low-resolution": cohort["low_resolution"], "folds": cohort["folds"], "fold": 1, "protocol": "clean",
        "sizes": "4,8", "batch-size": 7, "device": "cpu", "threads": 1, "out": out,
        "weights": [f"{role}={cohort[network.architecture]}" for role, network in roles.items()],
    }  # fmt: skip
    words = []
    for name, value in (flags | changes).items():
        if name == "weights":
            words += [word for each in value for word in ("--weights", each)]
        else:
            words += [f"--{name}", *(value if isinstance(value, list) else [value])]
    return words


@pytest.mark.parametrize(("method", "nfe"), [("zero_filled", 0), ("munet", 1), ("ddpm", 4)])
def test_sampling_writes_the_test_participants_maps_and_what_they_cost(method, nfe, cohort, tmp_path, run_script):
    out = tmp_path / "samples" / method
    done = run_script("sample", *arguments(cohort, out, method))
    assert done.returncode == 0, done.stderr
    assert {file.name for file in out.iterdir()} == {"sub-3.npz", "provenance.json", ".result.json"}
    assert [file.name for file in out.parent.iterdir()] == [method]
    with np.load(out / "sub-3.npz", allow_pickle=False) as arrays:
        assert arrays["maps"].shape == (3 * 2 * 2 * 2, 16, 16) and arrays["maps"].dtype == np.float32
        assert sorted(set(arrays["size"].tolist())) == [4, 8] and sorted(set(arrays["sample"].tolist())) == [0, 1]
        assert set(arrays["slice"].tolist()) == {10, 11, 12} and set(arrays["metabolite"].tolist()) == set(METABOLITES)
    record = json.loads((out / "provenance.json").read_text())
    assert (record["method"], record["nfe"]) == (method, nfe)
    assert record["seconds_per_slice"] > 0 and record["protocol"] == "clean" and record["seed"] == 5
    assert (record["parameters"] > 0) == (method != "zero_filled")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": ["network=nowhere.safetensors"]}, "no weights at nowhere.safetensors"),
        ({"weights": []}, "--weights names the roles nothing, but the method munet has networks for network"),
        ({"network-settings": json.dumps({"network": {}})}, "--network-settings.network lacks architecture"),
        (
            {"network-settings": json.dumps({"network": DENOISER.plain()})},
            "--network-settings.network has learned noise_prediction, but the sampler single_pass needs regression",
        ),
        ({"network-settings": json.dumps({"network": (MUNET | {"channels": 3}).plain()})}, "channels: 2 there, 3 here"),
        ({"fold": 2}, "there is no fold 2"),
        ({"sizes": "4,6"}, "has no low-resolution size 6"),
        ({"settings": json.dumps({})}, "the whole lacks sampler"),
        ({"batch-size": 0}, "argument --batch-size: 0 is no whole number from 1"),
    ],
)
def test_what_a_person_can_mend_is_said_in_one_message(changes, message, cohort, tmp_path, run_script):
    done = run_script("sample", *arguments(cohort, tmp_path / "out", "munet", **changes))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
