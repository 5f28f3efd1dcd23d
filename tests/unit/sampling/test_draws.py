"""Laws of methods whose maps are means of several draws."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_cohort import FRAME, participant, truncate
from tiny_methods import method_of, sample

from mrsi_sr import samplers
from mrsi_sr.cli import UserError
from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.measured import Batches, Measurements, Task
from mrsi_sr.new_scan.super_resolver import SuperResolver
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import MapNoise
from mrsi_sr.settings.method import MethodSettings

pytestmark = pytest.mark.usefixtures("one_thread")
KEYS = [("sub-1", 0), ("sub-1", 1)]


def condition(method: Method, folder, protocol: str) -> Condition:
    slices = participant("sub-1", 1)
    measured = Measurements(truncate(slices, folder / "low.npz", protocol, [8]), slices, protocol, [8])
    truncation = Truncation(protocol, FRAME)
    batches = Batches(slices, slices.usable(protocol)[1], measured, truncation, method.factors_for(slices))
    return batches.condition([Task(0, metabolite, 8, 0) for metabolite in (0, 1)])[0]


@pytest.mark.parametrize("protocol", ["clean", "paper"])
@torch.no_grad()
def test_the_mean_of_draws_is_that_of_maps_drawn_one_after_the_other(protocol, tmp_path):
    one, three = (method_of("ddpm", tmp_path, protocol, draws=draws) for draws in (1, 3))
    given, noise = condition(one, tmp_path, protocol), MapNoise(KEYS)
    drawn = [one(given, noise) for _ in range(3)]
    mean, evaluations = three(given, MapNoise(KEYS))
    assert torch.allclose(mean, torch.stack([each for each, _ in drawn]).mean(0), atol=1e-5 * drawn[0][0].abs().max())
    assert not torch.allclose(drawn[0][0], drawn[1][0])
    assert evaluations == sum(number for _, number in drawn) == 12
    outside = [((each < 0) | (each > 1)).any() for each, _ in drawn]
    assert any(outside) == (protocol == "clean")


def test_means_of_draws_depend_on_the_seed_and_not_on_the_batch(tmp_path):
    own = [sample(method_of("ddpm", tmp_path, batch_size=size, draws=2), tmp_path)["maps"] for size in (1, 7)]
    assert np.abs(own[0] - own[1]).max() <= 1e-4 * np.abs(own[0]).max()
    other = sample(method_of("ddpm", tmp_path, draws=2, seed=2), tmp_path)["maps"]
    assert not np.allclose(own[0], other)


def test_the_variance_of_noise_falls_by_the_number_of_draws(tmp_path, monkeypatch):
    nine = method_of("ddpm", tmp_path, draws=9)
    given = condition(nine, tmp_path, "clean").repeat(40)
    monkeypatch.setattr(
        samplers, "sampler_of", lambda kind: lambda networks, given, noise, **own: (noise(given.mask), 5)
    )
    maps, evaluations = nine(given, MapNoise([("map", k) for k in range(len(given))]))
    assert evaluations == 45 and maps.var().item() == pytest.approx(1 / 9, rel=0.1)  # of 20,480 values: 1 % is likely


@pytest.mark.parametrize(
    ("sampler", "networks"),
    [
        ({"kind": "zero_filled"}, {}),
        ({"kind": "single_pass"}, {"network": "munet"}),
        ({"kind": "flow", "temperature": 0.0}, {"flow": "flow"}),
        ({"kind": "ftddm", "flow_temperature": 0.0, "temperature": 0.0}, {"flow": "flow", "denoiser": "truncated"}),
    ],
)
def test_draws_of_a_sampler_without_noise_are_refused(sampler, networks):
    asked = {"sampler": sampler, "networks": networks}
    MethodSettings.of(**asked)
    with pytest.raises(UserError, match=re.escape(f"draws is 8, but the sampler {sampler['kind']} draws no noise")):
        MethodSettings.of(**asked, draws=8)


def test_a_chain_from_pure_noise_has_draws_whatever_its_steps_add():
    for kind in ("dpm_solver", "ancestral"):
        sampler = {"kind": kind} | ({"temperature": 0.0} if kind == "ancestral" else {})
        assert MethodSettings.of(sampler=sampler, networks={"denoiser": "ddpm"}, draws=8).draws == 8


def test_samples_of_a_new_scan_that_are_means_are_said_to_spread_less(caplog):
    settings = MethodSettings.of(sampler={"kind": "ancestral"}, networks={"denoiser": "ddpm"}, draws=9)
    resolver = SimpleNamespace(methods=[None], settings=settings, name="DDPM", device=torch.device("cpu"))
    assert SuperResolver.number_of_samples(resolver, 1) == 1 and not caplog.text
    assert SuperResolver.number_of_samples(resolver, 4) == 4
    assert "each sample of DDPM is the mean of 9 draws" in caplog.text
