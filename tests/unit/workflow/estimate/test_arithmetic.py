"""Operations by arithmetic beside those that torch's counter sees in real passes, at small size."""

import pytest
import torch
from tiny_cohort import participant
from tiny_methods import CPU
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from toy_maps import toy_batch, toy_network

from mrsi_sr import networks
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.objectives.structural import structural_loss
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.sampler import SAMPLERS
from mrsi_sr.training.loop import Run
from mrsi_sr.workflow.estimate.arithmetic import Counted, critic_pass, evaluations

FRAME, BATCH = 32, 1  # of more maps or steps, torch miscounts grouped convolutions on the way back
UNET = {"channels": [8, 16], "residual_blocks": 1, "attention_at": [32], "heads": 2}
FLOW = {"features": 8, "levels": 3, "steps": 1}
NETWORKS = {
    "munet": toy_network("munet", "regression", channels=2, batch_size=BATCH),
    "munet_fs": toy_network("munet", "regression", channels=2, modulation="filter_scaling", batch_size=BATCH),
    "denoiser": toy_network("denoising_unet", "noise_prediction", batch_size=BATCH, **UNET),
    "flow": toy_network("flow", "likelihood", batch_size=BATCH, guide_weight=0, **FLOW),
    "guided": toy_network("flow", "likelihood", batch_size=BATCH, **FLOW),
    "enhancer": toy_network("flow", "likelihood", batch_size=BATCH, data_consistency_weight=1, **FLOW),
    "cwgan": toy_network("munet", "adversarial", channels=2, critic_channels=2, critic_steps=2, batch_size=BATCH),
    "tdpm": toy_network(
        "denoising_unet", "adversarial", truncation=10, critic_channels=2, critic_steps=2, batch_size=BATCH, **UNET
    ),
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def maps() -> MapsOnDevice:
    return MapsOnDevice([participant("sub-1", 1, slices=1, frame=FRAME)], "clean", [8], CPU)


@pytest.fixture(scope="module")
def counted() -> Counted:
    return Counted(FRAME)


class Counter(TorchDispatchMode):
    """Operations by torch's own formulas. torch's FlopCounterMode does not take a gradient's gradient."""

    def __init__(self):
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if count := flop_registry.get(function._overloadpacket):
            self.operations += count(*args, **(kwargs or {}), out_val=result)
        return result


def seen(compute) -> float:
    with sdpa_kernel(SDPBackend.MATH), Counter() as counter:
        compute()
    return counter.operations


def of_structural_loss(settings, back: bool) -> float:
    """Operations of the structural loss of a batch, the same for all networks: at these sizes they are many."""
    if settings.objective == "noise_prediction" or not getattr(settings, "guide_weight", 1):
        return 0
    image = torch.rand(BATCH, 1, FRAME, FRAME, requires_grad=back)
    return seen(lambda: structural_loss(image, image.detach()).backward() if back else structural_loss(image, image))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_iteration_takes_what_the_counter_sees_in_a_real_one(name, maps, counted):
    """Within a tenth: the first layers need no gradient by their input, which arithmetic does not know."""
    run = Run(NETWORKS[name], maps, maps, 1, CPU)
    run.prepare()
    expected = BATCH * counted.iteration(NETWORKS[name], {})
    assert seen(run.step) - of_structural_loss(NETWORKS[name], back=True) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("name", ["munet", "denoiser", "guided", "cwgan"])
def test_a_validation_takes_what_the_counter_sees(name, maps, counted):
    run = Run(NETWORKS[name], maps, maps, 1, CPU)
    run.prepare()
    run.step()
    expected = len(maps) * counted.validation(NETWORKS[name], {})
    structural = len(maps) // BATCH * of_structural_loss(NETWORKS[name], back=False)
    assert seen(run.validate) - structural == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", ["munet", "denoiser", "flow"])
def test_a_pass_is_counted_as_the_whole_network_is(name, counted):
    network, batch = networks.build(NETWORKS[name]).eval(), toy_batch(1, FRAME)
    start = [batch.target, torch.zeros(1, dtype=torch.long)] if name == "denoiser" else []
    with torch.no_grad():
        operations = seen(lambda: network(*start, batch.condition))
    assert counted.passes(NETWORKS[name]).forward == pytest.approx(operations, rel=0.01)
    assert counted.passes(NETWORKS[name]).parameters == networks.count_parameters(network)


def test_on_a_larger_frame_a_pass_takes_as_much_more_as_the_frame_is_larger():
    small, large = (Counted(frame).passes(NETWORKS["munet"]).forward for frame in (32, 64))
    assert large == pytest.approx(4 * small)


def test_a_needed_network_is_evaluated_once_for_each_map(counted):
    enhancer, munet = NETWORKS["enhancer"], NETWORKS["munet"]
    more = counted.iteration(enhancer, {"super_resolver": munet}) - counted.iteration(enhancer, {})
    assert more == pytest.approx(counted.passes(munet).forward)


def test_an_architecture_is_counted_once(monkeypatch):
    from mrsi_sr.workflow.estimate import arithmetic

    calls, whole = [], arithmetic._count
    monkeypatch.setattr(arithmetic, "_count", lambda *given: calls.append(given) or whole(*given))
    counted = Counted(FRAME)
    wide = NETWORKS["munet"] | {"channels": 3}
    for settings in (wide, wide | {"iterations": 7}, NETWORKS["munet_fs"] | {"channels": 3}):
        counted.passes(settings)
    assert len(calls) == 2


def test_a_critics_pass_goes_with_the_square_of_its_channels():
    assert 2 < critic_pass(8) / critic_pass(4) < 4


DENOISER = toy_network("denoising_unet", "noise_prediction", diffusion_steps=40, **UNET)
SHORT = DENOISER | {"truncation": 7}


@pytest.mark.parametrize(
    ("sampler", "networks_of", "number"),
    [
        ({"kind": "zero_filled"}, {}, 0),
        ({"kind": "single_pass"}, {"network": NETWORKS["munet"]}, 1),
        ({"kind": "single_pass"}, {"size_8": NETWORKS["munet"], "size_10": NETWORKS["munet"]}, 1),
        ({"kind": "ancestral"}, {"denoiser": DENOISER}, 40),
        ({"kind": "respaced", "steps": 9}, {"denoiser": DENOISER}, 9),
        ({"kind": "dpm_solver", "steps": 9}, {"denoiser": DENOISER}, 10),
        ({"kind": "ftddm"}, {"flow": NETWORKS["flow"], "denoiser": SHORT}, 8),
        ({"kind": "ftddm", "solver": "dpm_solver", "steps": 3}, {"flow": NETWORKS["flow"], "denoiser": SHORT}, 5),
        ({"kind": "tdpm"}, {"generator": NETWORKS["tdpm"], "denoiser": SHORT}, 8),
        ({"kind": "flow"}, {"flow": NETWORKS["flow"]}, 1),
    ],
)
def test_evaluations_are_those_that_the_samplers_report(sampler, networks_of, number):
    settings = SAMPLERS[sampler["kind"]].of(**sampler)
    assert sum(evaluations(settings, networks_of).values()) == pytest.approx(number)
    names = {role: role for role in networks_of}
    assert MethodSettings.of(sampler=sampler, networks=names).sampler == settings


def test_a_sample_takes_the_evaluations_of_each_network(counted):
    sampler = SAMPLERS["ftddm"].of(kind="ftddm")
    flow, unet = (counted.passes(each).forward for each in (NETWORKS["flow"], SHORT))
    assert counted.sample(sampler, {"flow": NETWORKS["flow"], "denoiser": SHORT}) == pytest.approx(flow + 7 * unet)
