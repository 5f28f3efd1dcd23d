"""A GPU does what a CPU does: networks, objectives, samplers and training, within the bounds of its arithmetic.

Run with `pytest -m gpu tests/gpu` where torch sees a CUDA GPU. Bounds are relative, of norms: EXACT where both compute
in float32, FAST where the GPU's networks compute in bfloat16, whose numbers have a relative error of 0.004 each.
"""

import copy
import dataclasses
import itertools

import pytest
import torch
from tiny_cohort import DENOISER, MUNET, participant
from toy_maps import architecture, noise_of, objective, toy_batch, toy_sampler

from mrsi_sr import devices, networks, objectives
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.networks.roles import generated
from mrsi_sr.samplers.denoiser import Denoiser
from mrsi_sr.training.loop import Run

CUDA = torch.device("cuda")
EXACT, FAST = 1e-3, 5e-2

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU")]

SMALL_UNET = {"channels": [8, 16], "residual_blocks": 1, "attention_at": [32], "heads": 2}
SMALL_FLOW = {"features": 8, "levels": 3, "steps": 2}
NETWORKS = {
    "munet": architecture("munet", channels=2),
    "am_layer": architecture("munet", channels=2, modulation="am_layer"),
    "hypernetwork": architecture("munet", channels=2, modulation="hypernetwork"),
    "filter_scaling": architecture("munet", channels=2, modulation="filter_scaling", metabolite=True),
    "sharpness": architecture("munet", channels=2, modulation="filter_scaling", metabolite=True, sharpness=True),
    "denoising_unet": architecture("denoising_unet", **SMALL_UNET),
    "denoising_unet, instance norm": architecture("denoising_unet", **SMALL_UNET, normalisation="instance"),
    "flow": architecture("flow", **SMALL_FLOW),
    "flow, conditional base": architecture("flow", **SMALL_FLOW, base="conditional"),
}
TRAININGS = {
    "regression": NETWORKS["filter_scaling"] | {"alpha": 0.84},
    "noise_prediction": objective("noise_prediction", diffusion_steps=20, truncation=10, **SMALL_UNET),
    "likelihood": objective(
        "likelihood", diffusion_steps=20, truncation=10, guide_weight=10, data_consistency_weight=10, **SMALL_FLOW
    ),
    "cwgan": NETWORKS["sharpness"] | {"critic_channels": 2, "critic_steps": 2},
    "tdpm": objective(
        "adversarial", diffusion_steps=20, truncation=10, critic_channels=2, critic_steps=2, **SMALL_UNET
    ),
}


@pytest.fixture(autouse=True)
def exact_convolutions():
    """What devices.choose sets: convolutions that are not under autocast are exact."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    yield
    torch.backends.cudnn.allow_tf32 = before


def built(settings, seed: int = 0) -> torch.nn.Module:
    """A network whose zero layers are not zero, in evaluation mode."""
    torch.manual_seed(seed)
    network = networks.build(settings)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network.eval()


def on_gpu(network: torch.nn.Module) -> torch.nn.Module:
    """A copy of a network on the GPU, in the layout that is used there."""
    return devices.place(copy.deepcopy(network), CUDA)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The relative distance of two tensors."""
    one, other = one.detach().double().cpu(), other.detach().double().cpu()
    return float((one - other).norm() / other.norm())


def batch_on(batch, device):
    return type(batch)(target=batch.target.to(device), condition=batch.condition.to(device))


def evaluated(network, name: str, batch) -> torch.Tensor:
    condition = batch.condition
    if name == "sharpness":
        weight = torch.full_like(condition.mask[:, 0, 0, 0], 0.02)
        condition = dataclasses.replace(condition, adversarial_weight=weight)
    if name.startswith("denoising_unet"):
        return network(batch.target, torch.tensor([3] * len(batch.target), device=batch.target.device), condition)
    return network(condition)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_agrees_with_the_cpu(name):
    batch = toy_batch(grid=64)
    network = built(NETWORKS[name])
    with torch.no_grad():
        expected = evaluated(network, name, batch)
        placed, there = on_gpu(network), batch_on(batch, CUDA)
        exact, fast = evaluated(placed, name, there), evaluated(devices.fast(placed, CUDA), name, there)
    assert apart(exact, expected) < EXACT
    assert apart(fast, expected) < FAST and fast.dtype == torch.float32


@pytest.mark.parametrize("name", TRAININGS)
def test_an_objective_and_its_gradient_agree_with_the_cpu(name):
    batch, settings = toy_batch(grid=64), TRAININGS[name]
    found = {}
    for kind, device in (("cpu", torch.device("cpu")), ("exact", CUDA), ("fast", CUDA)):
        network, learn = built(settings), objectives.build(settings)
        network = network if kind == "cpu" else on_gpu(network)
        if learn.critic:
            torch.manual_seed(1)
            learn.critic.module = objectives.build(settings).critic.module.to(device)
            if kind == "cpu":
                critic = learn.critic.module.state_dict()
            learn.critic.module.load_state_dict(critic)
        called = devices.fast(network, CUDA) if kind == "fast" else network
        loss, _ = learn(called, batch_on(batch, device), torch.Generator().manual_seed(2))
        loss.backward()
        gradients = [each.grad for each in network.parameters() if each.grad is not None]
        found[kind] = loss, torch.cat([each.flatten() for each in gradients])
    for kind, bound in (("exact", EXACT), ("fast", FAST)):
        assert apart(found[kind][0], found["cpu"][0]) < bound
        assert torch.cosine_similarity(found[kind][1].cpu(), found["cpu"][1], dim=0) > 1 - bound


@pytest.mark.parametrize(
    "kind", ["zero_filled", "single_pass", "ancestral", "respaced", "dpm_solver", "flow", "tdpm", "ftddm"]
)
def test_a_sampler_agrees_with_the_cpu(kind):
    chain, batch = TRAININGS["noise_prediction"], toy_batch(grid=64)
    needed = {
        "zero_filled": {}, "single_pass": {"network": NETWORKS["munet"]}, "flow": {"flow": NETWORKS["flow"]},
        "tdpm": {"generator": NETWORKS["denoising_unet"], "denoiser": chain},
        "ftddm": {"flow": NETWORKS["flow"], "denoiser": chain},
    }.get(kind, {"denoiser": objective("noise_prediction", diffusion_steps=20, **SMALL_UNET)})  # fmt: skip
    settings = {"respaced": {"steps": 5}, "dpm_solver": {"steps": 5}}.get(kind, {})
    images = {}
    for name, device in (("cpu", torch.device("cpu")), ("exact", CUDA), ("fast", CUDA)):
        ready = {}
        for number, (role, network) in enumerate(needed.items()):
            network, own = built(network, number), network
            network = network if name == "cpu" else on_gpu(network)
            network = devices.fast(network, CUDA) if name == "fast" else network
            ready[role] = Denoiser.trained(network, own) if role == "denoiser" else network
        draw = noise_of(range(len(batch.target)))
        condition = batch.condition.to(device)
        with torch.no_grad():
            images[name], _ = toy_sampler(kind, ready, **settings)(condition, lambda x, draw=draw: draw(x.cpu()).to(x))
    assert apart(images["exact"], images["cpu"]) < EXACT
    assert apart(images["fast"], images["cpu"]) < 2 * FAST  # a chain adds up the errors of its evaluations


def test_data_consistency_a_flows_passes_and_losses_stay_in_float32_under_autocast():
    batch = batch_on(toy_batch(grid=64), CUDA)
    flow = on_gpu(built(NETWORKS["flow"]))
    with torch.no_grad(), torch.autocast("cuda", dtype=torch.bfloat16):
        context = flow.condition(batch.condition)
        z, logdet = flow.forward_map(batch.target, context)
        image = flow.inverse(z, context)
        consistent = batch.condition.consistent(image.bfloat16())
    assert {z.dtype, logdet.dtype, image.dtype, consistent.dtype} == {torch.float32}
    assert apart(image, batch.target) < 1e-4
    assert batch.condition.residual(consistent).abs().max() < 1e-5
    denoiser = devices.fast(on_gpu(built(NETWORKS["denoising_unet"])), CUDA)
    noise = torch.randn_like(batch.target) * batch.condition.mask
    made = generated(denoiser, noise, batch.condition, 3)
    assert made.dtype == torch.float32


@pytest.fixture(scope="module")
def maps():
    return [MapsOnDevice([participant(f"sub-{seed}", seed, frame=32)], "clean", [4, 8], CUDA) for seed in (1, 2)]


def trained(settings, maps, steps: int, captured: bool, interrupted: int | None = None) -> Run:
    """A run after some steps, stopped and restored after some of them if wished."""
    run = Run(settings, *maps, seed=1, device=CUDA, captured=captured)
    run.prepare()
    for number in range(steps):
        if number == interrupted:
            state = run.state()
            run = Run(settings, *maps, seed=1, device=CUDA, captured=captured)
            run.restore(state)
        run.step()
    run.validate()
    return run


def distance(one: Run, other: Run) -> float:
    """The relative distance of the weights of two runs."""
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return max(apart(a, b) for a, b in pairs if b.abs().max() > 0)


LONGER = {"iterations": 50, "batch_size": 3, "validate_every": 50, "learning_rate": 1e-4}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_captured_step_is_an_eager_one(name, maps):
    settings = TRAININGS[name] | LONGER
    eager, again, captured = (trained(settings, maps, 8, captured=each) for each in (False, False, True))
    assert captured._update.graph is not None and not captured._update.refused
    assert captured._judge.graph is not None or len(maps[1]) <= 3 * LONGER["batch_size"]
    for one, other, repeated in zip(eager.losses, captured.losses, again.losses, strict=True):
        for key in ("loss", "learning_rate"):
            spread = abs(one[key] - repeated[key])
            assert abs(one[key] - other[key]) <= 10 * spread + 1e-4 * abs(one[key])
    assert distance(captured, eager) <= 10 * distance(again, eager) + 1e-4


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("name", ["regression", "noise_prediction", "likelihood"])
def test_a_resumed_run_is_as_near_as_two_uninterrupted_ones(name, captured, maps):
    settings = TRAININGS[name] | LONGER
    whole, again = (trained(settings, maps, 10, captured) for _ in range(2))
    resumed = trained(settings, maps, 10, captured, interrupted=6)
    assert distance(resumed, whole) <= 10 * distance(again, whole) + 1e-6


def test_a_resumed_denoiser_is_bit_identical_in_torchs_deterministic_mode(maps, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        settings = TRAININGS["noise_prediction"] | LONGER
        whole, resumed = trained(settings, maps, 8, False), trained(settings, maps, 8, False, interrupted=5)
    finally:
        torch.use_deterministic_algorithms(False)
    pairs = itertools.zip_longest(whole.network.parameters(), resumed.network.parameters())
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("settings", [MUNET, DENOISER])
def test_training_script_settings_run_on_the_gpu(settings, maps):
    run = trained(settings, maps, 4, captured=True)
    assert all(torch.isfinite(each).all() for each in run.network.parameters())
