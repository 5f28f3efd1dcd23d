"""Laws of networks that go together: what is needed first is there, fits and comes first; one network for each size."""

import copy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from tiny_cohort import FACTORS, METABOLITES, MUNET, participant
from torch import nn
from toy_maps import toy_batch, toy_sampler

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.objectives import regression
from mrsi_sr.results.checkpoint import Checkpoint, Weights
from mrsi_sr.sampling.method import Method
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import network_settings
from mrsi_sr.training import fold
from mrsi_sr.training import loop as training
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.consistency import check_circle
from mrsi_sr.workflow.plan import Plan

torch.set_num_threads(1)

CPU = torch.device("cpu")
TRAINED = {"batch_size": 2, "learning_rate": 1e-3, "iterations": 2}
MUNET_RAW = {"architecture": "munet", "channels": 1, "objective": "regression", **TRAINED}
FLOW_RAW = {
    "architecture": "flow", "levels": 2, "steps": 1, "features": 2, "objective": "likelihood", "guide_weight": 0,
    "needs": {"super_resolver": "munet"}, **TRAINED,
}  # fmt: skip


@pytest.fixture
def raw(raw):
    raw["networks"] = {"munet": MUNET_RAW, "enhancer": FLOW_RAW, "size_8": MUNET_RAW | {"sizes": [8]}}
    raw["methods"] = {
        "munet": {"label": "MUNet", "sampler": {"kind": "single_pass"}, "networks": {"network": "munet"}},
        "enhancer": {
            "label": "Flow enhancer", "sampler": {"kind": "flow"},
            "networks": {"flow": "enhancer", "super_resolver": "munet"},
            "weights": {"flow": "last", "super_resolver": "best"},
        },
        "single_scale": {"label": "Single", "sampler": {"kind": "single_pass"}, "networks": {"size_8": "size_8"}},
    }  # fmt: skip
    experiment = raw["experiments"]["toy"]
    raw["experiments"] = {
        "toy": experiment
        | {"methods": ["munet", "enhancer", "single_scale"], "evaluate_sizes": [8], "tables": {}, "figures": {}}
    }
    return copy.deepcopy(raw)


def refused(raw, *said):
    with pytest.raises(UserError) as error:
        Configuration.resolve(raw)
    for words in said:
        assert words in str(error.value)


def test_needs_and_networks_for_each_size_resolve(raw):
    resolved = Configuration.resolve(raw)
    assert resolved.network("enhancer", 1).needs == {"super_resolver": "munet"}
    assert resolved.network("munet", 1).needs == {} and resolved.network("munet", 1).sizes is None


def test_a_network_that_is_needed_exists_and_fits(raw):
    raw["networks"]["enhancer"]["needs"] = {"super_resolver": "mune"}
    refused(raw, 'networks.enhancer.needs.super_resolver "mune" is not known: did you mean munet?')
    raw["networks"]["enhancer"]["needs"] = {"denoiser": "munet"}
    refused(raw, "networks.enhancer.needs: the role", "denoiser", "known are super_resolver")
    raw["networks"]["enhancer"]["needs"] = {"super_resolver": "enhancer"}
    refused(raw, "networks.enhancer.needs.super_resolver: enhancer has learned likelihood, but a super_resolver learns")
    raw["networks"]["munet"] |= {"objective": "adversarial", "sharpness": True}
    raw["networks"]["enhancer"]["needs"] = {"super_resolver": "munet"}
    refused(raw, "munet has sharpness, but a super_resolver cannot be conditioned on")


def test_a_circle_of_needs_is_refused_and_named():
    needs = {"munet": {"role": "enhancer"}, "enhancer": {"role": "size_8"}, "size_8": {"role": "munet"}}
    with pytest.raises(UserError, match="goes in a circle: munet -> enhancer -> size_8 -> munet"):
        check_circle(["munet"], needs)
    needs["size_8"] = {"role": "size_8"}
    with pytest.raises(UserError, match=r"networks.size_8.needs goes in a circle: size_8 -> size_8"):
        check_circle(["munet"], needs)


def test_a_method_uses_what_its_networks_were_trained_with(raw):
    raw["methods"]["enhancer"]["networks"]["super_resolver"] = "size_8"
    refused(
        raw, "methods.enhancer.networks: enhancer was trained with munet as super_resolver, but the method has size_8"
    )
    del raw["methods"]["enhancer"]["networks"]["super_resolver"], raw["methods"]["enhancer"]["weights"]
    refused(raw, "the method has none")


def test_a_network_beside_another_is_one_that_it_was_trained_with(raw):
    del raw["networks"]["enhancer"]["needs"]
    refused(raw, "methods.enhancer.networks: none of the other networks was trained with munet as super_resolver")


def test_a_network_for_each_size_is_there_and_trained_for_it(raw):
    raw["experiments"]["toy"]["evaluate_sizes"] = [8, 16]
    refused(raw, "methods.single_scale.networks lacks networks for size_16: it has size_8")
    raw["experiments"]["toy"]["evaluate_sizes"] = [8]
    raw["methods"]["single_scale"]["networks"] = {"size_16": "size_8"}
    refused(raw, "size_8 is trained on the sizes 8, but its role is size_16")
    raw["methods"]["single_scale"]["networks"] = {"size_8": "size_8", "network": "munet"}
    refused(raw, "methods.single_scale.networks names", "needs network, or one for each size")
    raw["methods"]["single_scale"]["networks"] = {"size_8": "size_8"}
    raw["networks"]["size_8"]["sizes"] = [64]
    refused(raw, "networks.size_8.sizes has 64", "below the matrix")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metabolite": True}, "metabolite is true and modulation none"),
        ({"sharpness": True}, "sharpness is true and objective regression"),
        ({"objective": "adversarial", "truncation": 5}, "truncation is 5, but with objective adversarial a munet"),
        ({"objective": "adversarial", "adversarial_weight": [1, 0]}, "expected the lower one first"),
        ({"modulation": "scaling"}, "modulation is"),
        ({"metabolite": True, "modulation": "filter_scaling", "metabolites": 3}, "the cohort has 7 metabolites"),
        ({"needs": {"super_resolver": "munet"}}, "needs: the role"),
    ],
)
def test_settings_of_a_network_that_do_not_go_together_are_refused(raw, change, said):
    raw["networks"]["munet"] |= change
    refused(raw, "networks.munet", said)


def test_an_adversarial_weight_is_given_where_a_network_reads_it_and_nowhere_else(raw):
    raw["methods"]["munet"]["sampler"]["adversarial_weight"] = 0.03
    refused(
        raw, "methods.munet.networks.network: munet has no sharpness, but the sampler single_pass conditions it on an"
    )
    del raw["methods"]["munet"]["sampler"]["adversarial_weight"]
    raw["networks"]["munet"] |= {"objective": "adversarial", "sharpness": True}
    raw["networks"]["enhancer"]["needs"] = {"super_resolver": "size_8"}
    raw["methods"]["enhancer"]["networks"]["super_resolver"] = "size_8"
    refused(raw, "munet has sharpness, but the sampler single_pass conditions it on no adversarial_weight")
    raw["methods"]["munet"]["sampler"]["adversarial_weight"] = 0.03
    Configuration.resolve(raw)


def test_the_number_of_metabolites_is_the_cohorts(raw):
    raw["cohort"]["metabolites"] = ["tCho", "NAA"]
    raw["networks"]["munet"] |= {"modulation": "filter_scaling", "metabolite": True}
    assert Configuration.resolve(raw).network("munet", 1).metabolites == 2


def test_the_weights_of_each_role_are_those_that_the_method_names(raw, repository, monkeypatch):
    monkeypatch.chdir(repository)
    plan = Plan(raw)
    wildcards = SimpleNamespace(experiment="toy", fold="1", method="enhancer", network="enhancer")
    folder = "results/toy/fold-1/networks"
    assert plan.trained_networks(wildcards) == [f"{folder}/{name}/provenance.json" for name in ("enhancer", "munet")]
    assert plan.weight_flags(wildcards) == (
        f"--weights flow={folder}/enhancer/last.safetensors --weights super_resolver={folder}/munet/best.safetensors"
    )
    raw["methods"]["enhancer"]["weights"] = {"flow": "last"}
    refused(raw, "methods.enhancer.weights names the roles flow, expected flow, super_resolver")
    raw["methods"]["enhancer"]["weights"] = "latest"
    refused(raw, 'methods.enhancer.weights is "latest", expected one of best, last')


def test_training_waits_for_what_it_needs_and_takes_its_own_sizes(raw, repository, monkeypatch):
    monkeypatch.chdir(repository)
    plan = Plan(raw)

    def of(network):
        return SimpleNamespace(experiment="toy", fold="1", network=network)

    folder = "results/toy/fold-1/networks/munet"
    assert plan.needed_networks(of("enhancer")) == [f"{folder}/provenance.json"]
    assert plan.needed_networks(of("munet")) == []
    weights = f"{folder}/best.safetensors"
    assert plan.needs_flags(of("enhancer")).startswith(f"--needs super_resolver={weights} --needs-settings ")
    assert plan.needs_flags(of("munet")) == ""
    assert plan.training_sizes(of("size_8")) == "8"
    assert plan.training_sizes(of("munet")) == ",".join(map(str, range(8, 33, 2)))


class Constant(nn.Module):
    """A network that says one number everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, condition):
        return torch.full_like(condition.low_resolution, self.value)


def test_each_map_goes_to_the_network_of_its_size():
    condition = toy_batch(5, sizes=(8, 16, 10)).condition
    networks = {"size_8": Constant(0.8), "size_10": Constant(1.0), "size_16": Constant(1.6)}
    images, nfe = toy_sampler("single_pass", networks)(condition, None)
    assert nfe == 1
    assert torch.allclose(images.mean(dim=(1, 2, 3)), torch.tensor([0.8, 1.6, 1.0, 0.8, 1.6]))


def test_the_sampler_tells_every_map_the_adversarial_weight():
    told = []

    def network(condition):
        told.append(condition.adversarial_weight)
        return condition.low_resolution

    condition = toy_batch(3).condition
    toy_sampler("single_pass", {"network": network}, adversarial_weight=0.03)(condition, None)
    toy_sampler("single_pass", {"network": network})(condition, None)
    assert torch.equal(told[0], torch.full((3,), 0.03)) and told[1] is None


def saved(folder, name, settings, seed, factors=FACTORS["clean"]):
    torch.manual_seed(seed)
    facts = {"fold": 1, "protocol": "clean", "sizes": settings.sizes or [4, 8], "metabolites": list(METABOLITES)}
    facts["scale_factors"] = factors
    path = folder / f"{name}.safetensors"
    Weights(networks.build(settings).state_dict(), settings.plain(), iteration=1, **facts).save(path)
    return path


def test_a_method_of_single_scale_networks_counts_them_all_and_needs_one_for_each_size(tmp_path, caplog):
    settings = {f"size_{n}": network_settings(MUNET_RAW | {"sizes": [n]}) for n in (4, 8)}
    paths = {role: saved(tmp_path, role, each, seed) for seed, (role, each) in enumerate(settings.items())}
    method = MethodSettings.of(sampler={"kind": "single_pass"}, networks={role: role for role in settings})

    def build(sizes):
        known = {"fold": 1, "protocol": "clean", "sizes": sizes, "device": CPU, "batch_size": 64}
        return Method("single", method, settings, paths, **known)

    single = build([4, 8])
    assert "was not trained on" not in caplog.text
    assert single.parameters == 2 * networks.count_parameters(networks.build(settings["size_4"]))
    condition = toy_batch(2, grid=16, sizes=(4, 8)).condition
    images, _ = single(condition, None)
    for index, role in enumerate(settings):
        network = networks.build(settings[role])
        Weights.load(paths[role]).load_into(network, paths[role])
        assert torch.allclose(images[[index]], network(condition.select([index])), atol=1e-5)
    with pytest.raises(UserError, match="lacks networks for size_6: it has size_4, size_8"):
        build([4, 6])


def test_networks_that_learned_different_scales_are_not_used_together(tmp_path):
    """A map in the scale of one network is a map of another height for the other."""
    settings = {f"size_{n}": network_settings(MUNET_RAW | {"sizes": [n]}) for n in (4, 8)}
    factors = {"size_4": [[1.0, 1.5]] * 8, "size_8": [[1.0, 1.6]] * 8}
    paths = {role: saved(tmp_path, role, each, 1, factors[role]) for role, each in settings.items()}
    method = MethodSettings.of(sampler={"kind": "single_pass"}, networks={role: role for role in settings})
    known = {"fold": 1, "protocol": "clean", "device": CPU}
    with pytest.raises(UserError, match="the weights of size_4 and the weights of size_8 scale maps by different"):
        Method("single", method, settings, paths, **known, sizes=[4, 8], batch_size=64)
    needed, own = (ScaleFactors(torch.tensor(table, dtype=torch.float64)) for table in factors.values())
    path, also = paths["size_4"], {"sizes": [4], "metabolites": list(METABOLITES)}
    load = partial(fold._load_needed, "super_resolver", path, settings["size_4"], CPU)
    assert load(needed, fold=1, protocol="clean", **also)
    with pytest.raises(UserError, match="scale maps by different factors"):
        load(own, fold=1, protocol="clean", **also)


@pytest.fixture(scope="module")
def maps():
    return [MapsOnDevice([participant(f"sub-{seed}", seed)], "clean", [4, 8]) for seed in (1, 2)]


def test_an_objective_prepares_the_network_once_and_resuming_does_not(maps, tmp_path, monkeypatch):
    prepared = []

    class Prepares(regression.Regression):
        def prepare(self, network, batch, generator):
            prepared.append(len(batch.target))
            with torch.no_grad():
                network.head.bias.fill_(3.0)

    monkeypatch.setattr(regression, "Regression", Prepares)
    settings = MUNET | {"iterations": 2, "learning_rate": 1e-6, "ema": 0.5}
    given = {"seed": 1, "checkpoint": Checkpoint(tmp_path / "run", "a"), "device": CPU, "checkpoint_every": 1}
    trained = training.train(settings, *maps, **given)
    for weights in (trained.last, trained.best):  # the moving average starts from what was prepared
        assert torch.allclose(weights["head.bias"], torch.tensor(3.0), atol=1e-3)
    training.train(settings | {"iterations": 3}, *maps, **given)
    assert prepared == [MUNET.batch_size]


def test_what_is_needed_reaches_the_objective_frozen(maps, tmp_path, monkeypatch):
    torch.manual_seed(0)
    super_resolver = networks.build(MUNET).eval().requires_grad_(False)
    before = copy.deepcopy(super_resolver.state_dict())
    settings = network_settings(FLOW_RAW)
    checkpoint, given = Checkpoint(tmp_path / "run", "a"), {"device": CPU, "checkpoint_every": 2}
    with_it, without = (
        training.train(settings, *maps, seed=1, checkpoint=checkpoint, **given, needed=needed).losses
        for checkpoint, needed in (
            (checkpoint, {"super_resolver": super_resolver}),
            (Checkpoint(tmp_path / "other", "a"), None),
        )
    )
    assert with_it != without
    assert all(torch.equal(before[name], tensor) for name, tensor in super_resolver.state_dict().items())
