"""Every network of the papers and of our own study trains, and every method samples, at toy size."""

import numpy as np
import pytest
import shrunk
import torch
from shrunk import STUDIES, Trainer
from tiny_cohort import participant, truncate

from mrsi_sr import networks, samplers
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.sampling.participant import sample_participant
from mrsi_sr.settings.sampler_base import Sampler

FRAME = 64  # that of the papers: single-scale networks have sizes up to 32
SIZES = [16, 32]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def scan():
    return participant("sub-1", 1, slices=1, frame=FRAME)


@pytest.fixture(scope="module")
def trainer(scan, tmp_path_factory):
    return Trainer(tmp_path_factory.mktemp("networks"), [scan], "paper", SIZES)


@pytest.fixture(scope="module")
def measured(scan, tmp_path_factory):
    path = truncate(scan, tmp_path_factory.mktemp("low") / "low.npz", "paper", SIZES)
    return Measurements(path, scan, "paper", SIZES)


@pytest.mark.parametrize("name", STUDIES.networks)
def test_every_network_trains(name, trainer):
    result = trainer.train(name)
    assert {row["part"] for row in result.losses} == {"train", "validation"}
    assert all(np.isfinite(row["loss"]) for row in result.losses)
    assert all(tensor.isfinite().all() for tensor in result.last.values())
    torch.manual_seed(1)  # what training starts from
    before = networks.build(trainer.settings(name)).state_dict()
    assert any(not torch.equal(before[key], result.last[key]) for key in before)


@pytest.mark.parametrize(("objective", "method", "key"), [
    ("rectified_flow", "rectified", "starting_noise"), ("bridge", "bridge_4", "bridge_noise"),
])  # fmt: skip
def test_a_sampler_takes_what_its_network_was_trained_with(
    objective, method, key, scan, measured, tmp_path, monkeypatch
):
    trained = Trainer(tmp_path, [scan], "paper", SIZES, {objective: {key: 0.7}})
    given = []

    def draw(networks, condition, noise, **own):
        given.append(own)
        return condition.low_resolution, 1

    monkeypatch.setattr(samplers, "sampler_of", lambda kind: draw)
    built = trained.method(method, shrunk.method_settings(method), SIZES)
    sample_participant(built, scan, measured, "paper", SIZES)
    assert given[0][key] == 0.7


@pytest.mark.parametrize("name", STUDIES.methods)
def test_every_method_samples(name, trainer, scan, measured):
    settings = shrunk.method_settings(name)
    method = trainer.method(name, settings, SIZES)
    arrays, cost = sample_participant(method, scan, measured, "paper", SIZES)
    of_a_map = sum(len(settings.points_at(size)) for size in SIZES) * settings.samples
    assert len(arrays["maps"]) == len(scan.metabolites) * of_a_map
    assert np.isfinite(arrays["maps"]).all()
    if name != "zero_filled":
        assert (arrays["maps"] > 0).any(axis=(1, 2)).all()
    of = [scan.metabolites.index(metabolite) for metabolite in arrays["metabolite"].tolist()]
    assert (arrays["maps"][~scan.valid[0, of]] == 0).all()
    denoiser = settings.networks.get("denoiser")
    chain = trainer.settings(denoiser) if denoiser else None
    once = evaluations(settings.sampler, chain and (chain.truncation or chain.diffusion_steps))
    assert cost["nfe"] == settings.draws * once


def evaluations(sampler: Sampler, walked: int | None) -> int:
    """The number of network evaluations that the samplers' table gives. walked: steps of the denoiser's chain."""
    if getattr(sampler, "solver", sampler.kind) == "dpm_solver":
        walked = sampler.steps + 1
    counts = {
        "zero_filled": lambda: 0,
        "interpolated": lambda: 0,
        "guided": lambda: 0,
        "single_pass": lambda: 1,
        "flow": lambda: 1,
        "ancestral": lambda: walked,
        "respaced": lambda: sampler.steps,
        "dpm_solver": lambda: walked,
        "tdpm": lambda: 1 + walked,
        "ftddm": lambda: 1 + walked,
        "ensemble_member": lambda: 2,
        "rectified_flow": lambda: 3,  # the regressor's, and two steps at an upscaling factor of 4 or less
        "bridge": lambda: sampler.steps,
        "shortcut": lambda: sampler.steps,
    }
    return counts[sampler.kind]()
