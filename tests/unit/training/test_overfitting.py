"""Every kind of network, and every kind of sampler, learns four maps by heart: better than zero-filling on them."""

import numpy as np
import pytest
import shrunk
import torch
from shrunk import Trainer
from tiny_cohort import participant, truncate

from mrsi_sr.evaluation.metrics import nrmse
from mrsi_sr.maps.dataset import Movement
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.sampling.participant import sample_participant

pytestmark = pytest.mark.slow

SIZES = [4]
LENGTH = {"batch_size": 4, "decay": "none", "halve_epochs": None, "validate_every": 100}
CHANGES = {
    "munet": LENGTH | {"channels": 2, "iterations": 150, "learning_rate": 1e-2},
    "denoising_unet": LENGTH | {"channels": [16, 24], "attention_at": [32], "iterations": 600, "learning_rate": 2e-3},
    "unet": LENGTH | {"channels": [16, 24], "attention_at": [32], "iterations": 400, "learning_rate": 2e-3},
    "flow": LENGTH | {"features": 8, "levels": 2, "steps": 2, "iterations": 400, "learning_rate": 2e-3},
    "adversarial": {"critic_steps": 1, "iterations": 300},
}

# A method for each architecture, objective, modulation and sampler; methods after others share their networks.
METHODS = [
    "munet",
    "am_layer",
    "hypernetworks",
    "filter_scaling",
    "filter_scaling_metabolite",
    "munet_cwgan",
    "sharpness_3",
    "ddpm_1000",
    "ddpm_respaced_100",
    "dpm_solver_100",
    "ftddm_100",
    "ftddm_100_solver_50",
    "tdpm_100",
    "flow_only",
    "srflow",
    "flow_enhancer",
    "regressor_l2",
    "bridge_4",
    "shortcut_4",
    "ensemble",
    "rectified",
]


@pytest.fixture(scope="module")
def scan():
    """Four maps: two metabolites of two slices."""
    return participant("sub-1", 1, slices=2)


@pytest.fixture(scope="module")
def measured(scan, tmp_path_factory):
    path = truncate(scan, tmp_path_factory.mktemp("low") / "low.npz", "clean", SIZES)
    return Measurements(path, scan, "clean", SIZES)


@pytest.fixture(scope="module")
def trainer(scan, tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Trainer(tmp_path_factory.mktemp("networks"), [scan], "clean", SIZES, CHANGES)
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def not_moved(monkeypatch):
    """Without augmentation four maps are four maps."""

    def draw(number, _generator):
        return Movement(torch.zeros(number, dtype=torch.long), torch.zeros(number, 2, dtype=torch.long))

    monkeypatch.setattr(Movement, "draw", draw)


def errors(name: str, trainer: Trainer, scan, measured) -> np.ndarray:
    """The NRMSE of a method on each of the four maps, inside the mask."""
    method = trainer.method(name, shrunk.method_settings(name), SIZES)
    arrays, _ = sample_participant(method, scan, measured, "clean", SIZES)
    shape = arrays["maps"].shape
    return nrmse(arrays["maps"], scan.maps.reshape(shape), scan.valid.reshape(shape))


@pytest.mark.parametrize("name", METHODS)
def test_four_maps_are_learnt_by_heart(name, trainer, scan, measured):
    zero_filled = errors("zero_filled", trainer, scan, measured)
    assert errors(name, trainer, scan, measured).mean() < 0.8 * zero_filled.mean()
