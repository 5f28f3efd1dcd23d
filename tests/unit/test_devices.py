"""The processor's arithmetic: bfloat16 where it has instructions for it, said wherever a result says what made it."""

import logging

import pytest
import torch
from tiny_cohort import DENOISER, participant
from tiny_methods import method_of, sample
from toy_maps import architecture, toy_batch, toy_network

from mrsi_sr import devices, networks, objectives
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.results.provenance import Provenance, device_name, processor_name
from mrsi_sr.training import loop

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def bfloat16(monkeypatch):
    monkeypatch.setitem(devices._arithmetic, "cpu", torch.bfloat16)


@pytest.fixture(scope="module")
def maps():
    return [MapsOnDevice([participant(f"sub-{seed}", seed)], "clean", [4, 8]) for seed in (1, 2)]


@pytest.mark.parametrize(
    ("level", "has", "expected"),
    [
        ("AVX512", {"avx512_bf16": True}, True),
        ("AVX512", {"amx_bf16": True}, True),
        ("AVX512", {"avx512_bf16": False, "amx_bf16": False}, False),
        ("AVX2", {"avx512_bf16": True}, False),
        ("DEFAULT", {}, False),
    ],
)
def test_a_processor_computes_in_bfloat16_where_it_multiplies_in_it_and_the_log_says_so(
    level, has, expected, monkeypatch, caplog
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    with caplog.at_level(logging.INFO):
        devices.choose("cpu")
    assert devices.in_bfloat16(CPU) == expected
    assert ("bfloat16 autocast" if expected else "float32") in caplog.text
    assert device_name() == processor_name() + (" (bfloat16)" if expected else "")


@pytest.mark.parametrize(
    "settings",
    [
        toy_network("denoising_unet", "noise_prediction", channels=[8, 16], residual_blocks=1, attention_at=[32]),
        toy_network("flow", "likelihood", features=8, levels=3, steps=2, guide_weight=1.0),
        toy_network("munet", "regression", channels=2),
        toy_network("munet", "adversarial", channels=2, critic_channels=2, sharpness=True),
    ],
    ids=lambda each: f"{each.architecture}-{each.objective}",
)
def test_a_step_in_bfloat16_is_near_the_one_in_float32_and_its_numbers_are_float32(settings, bfloat16):
    torch.manual_seed(0)
    network, learn, batch = networks.build(settings), objectives.build(settings), toy_batch(2, grid=32)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.02 * torch.randn(parameter.shape)
    losses, gradients = [], []
    for each in (network, devices.fast(network, CPU)):
        loss, _ = learn(each, batch, torch.Generator().manual_seed(1))
        network.zero_grad()
        loss.backward()
        losses.append(loss)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    assert losses[1].dtype == gradients[1].dtype == torch.float32
    assert losses[0] != losses[1]
    assert torch.allclose(*losses, rtol=0.05)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.8


def test_an_estimate_in_bfloat16_comes_out_in_float32_for_the_sampler(bfloat16):
    batch = toy_batch(2, grid=32)
    network = networks.build(architecture("denoising_unet", channels=[8, 16], residual_blocks=1, attention_at=[32]))
    estimate = devices.fast(network, CPU)(batch.target, torch.arange(2), batch.condition)
    assert estimate.dtype == torch.float32


def test_a_flow_inverts_itself_when_its_condition_is_computed_in_bfloat16(bfloat16):
    torch.manual_seed(0)
    network, batch = networks.build(architecture("flow", features=8, levels=3, steps=2)), toy_batch(2, grid=32)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
        fast = devices.fast(network, CPU)
        context = fast.condition(batch.condition)
        z, _ = fast.forward_map(batch.target, context)
        assert z.dtype == context.shift.dtype == torch.float32
        assert torch.allclose(fast.inverse(z, context), batch.target, atol=1e-4)


def test_a_run_in_bfloat16_resumes_to_the_same_bits(bfloat16, maps, tmp_path):
    def train(name, iterations):
        run = loop.Run(DENOISER | {"iterations": 4, "validate_every": 2}, *maps, 1, CPU)
        if (state := Checkpoint(tmp_path / name, "a").load(CPU)) is None:
            run.prepare()
        else:
            run.restore(state)
        while run.iteration < iterations:
            run.step()
        Checkpoint(tmp_path / name, "a").save(run.state())
        return run.network.state_dict()

    whole = train("whole", 4)
    train("part", 2)
    resumed = train("part", 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_samples_in_bfloat16_depend_on_the_batch_by_no_more_than_its_rounding(bfloat16, tmp_path):
    one, all_ = (
        torch.from_numpy(sample(method_of("ddpm", tmp_path, batch_size=size), tmp_path)["maps"]) for size in (1, 64)
    )
    assert (one - all_).norm() < 0.02 * all_.norm()


def test_a_run_resumed_in_another_arithmetic_says_so_in_log_and_record(monkeypatch, caplog):
    before, after = (Provenance({}, code={}) for _ in range(2))
    used = before.used()
    monkeypatch.setitem(devices._arithmetic, "cpu", torch.bfloat16)
    after.resume(used)
    name = processor_name()
    assert f"begun on {name}, resumed on {name} (bfloat16)" in caplog.text
    assert after.used()["device"] == f"{name}, {name} (bfloat16)"
    caplog.clear()
    Provenance({}, code={}).resume(after.used())
    assert not caplog.text
