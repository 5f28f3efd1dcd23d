"""Objectives of the networks of few evaluations: the loss of what knows the truth, and proper scores."""

from types import SimpleNamespace

import pytest
import torch
from toy_maps import toy_batch, toy_network

from mrsi_sr import networks, objectives
from mrsi_sr.objectives.ensemble_score import almost_fair_crps, energy_score

torch.set_num_threads(1)

MEAN = {"needs": {"mean": "regressor"}}
OBJECTIVES = {
    "ensemble_score": {"noise": 4, **MEAN}, "rectified_flow": MEAN, "bridge": {}, "shortcut": {},
    "regression": {"alpha": 0.0, "distance": "l2"},
}  # fmt: skip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mean_of(condition):
    """A regressor that is wrong in what was not measured."""
    return 0.8 * condition.low_resolution * condition.mask


def built(name, **settings):
    of_network = toy_network("unet", name, **OBJECTIVES[name] | settings)
    needed = {"mean": mean_of} if of_network.needs else {}
    return objectives.build(of_network, needed)


class Knows:
    """A network that knows the targets of its batch: maps, and velocities towards them at any state and time."""

    noise = 4

    def __init__(self, batch):
        self.target, self.times, self.spans = batch.target * batch.condition.mask, [], []

    def _of(self, condition):
        return self.target[: len(condition)].repeat_interleave(len(condition) // len(self.target) or 1, dim=0)

    def __call__(self, condition, **_):
        return self._of(condition)

    def change(self, condition, *, state, time, span=None, centre=None):
        self.times.append(time)
        self.spans.append(span)
        return (self._of(condition) - state) / (1 - time).view(-1, 1, 1, 1).clamp(min=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_of_what_knows_the_truth_is_zero(name):
    batch = toy_batch(8)
    loss, parts = built(name)(Knows(batch), batch, seeded())
    assert loss.abs() < 1e-4 and all(value.abs() < 1e-4 for value in parts.values())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_few_steps_of_training_lower_the_loss(name):
    settings = toy_network(
        "unet", name, **OBJECTIVES[name], channels=[8, 8], residual_blocks=1, attention_at=[], heads=1
    )
    torch.manual_seed(0)
    network, batch, objective = networks.build(settings), toy_batch(4, sizes=(8,)), built(name)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    first = float(objective(network, batch, seeded())[0].detach())
    for _ in range(25):
        optimizer.zero_grad()
        objective(network, batch, seeded())[0].backward()
        optimizer.step()
    assert objective(network, batch, seeded())[0] < 0.9 * first


def test_the_l2_loss_is_the_mean_square():
    batch = toy_batch()
    loss, parts = built("regression")(lambda condition: 0.5 * batch.target, batch)
    assert torch.allclose(loss, (0.5 * batch.target).square().mean()) and list(parts) == ["l2"]


def test_the_fair_crps_of_few_members_is_that_of_many_on_average():
    generator = seeded()
    members, target = torch.randn(200_000, 2, 1, generator=generator), torch.full((200_000, 1, 1), 0.7)
    normal = torch.distributions.Normal(0.0, 1.0)
    z = torch.tensor(0.7)  # closed form of a normal distribution: Gneiting et al. 2005, equation 5
    exact = z * (2 * normal.cdf(z) - 1) + 2 * normal.log_prob(z).exp() - torch.pi**-0.5
    fair = almost_fair_crps(members, target, 1.0).mean()
    usual = almost_fair_crps(members, target, 0.0).mean()
    assert fair == pytest.approx(float(exact), abs=0.01)
    assert usual == pytest.approx(float(exact) + torch.pi**-0.5 / 2, abs=0.01)  # half the mean distance, over members


def test_the_energy_score_of_maps_of_one_voxel_is_the_fair_crps():
    members, target = torch.randn(50, 3, 1, 1, generator=seeded()), torch.randn(50, 1, 1, 1, generator=seeded(1))
    crps = almost_fair_crps(members, target, 1.0)[:, 0, 0]
    assert torch.allclose(energy_score(members, target), crps, atol=1e-5)


def test_equal_members_have_gradients():
    members = torch.zeros(2, 3, 4, 4, requires_grad=True)
    energy_score(members, torch.zeros(2, 1, 4, 4)).sum().backward()
    assert members.grad.isfinite().all()


def test_the_ensemble_score_does_not_see_what_is_outside_the_mask():
    batch = toy_batch()
    outside = (batch.condition.mask == 0).float()
    network = networks.build(toy_network("unet", "ensemble_score", noise=4, **MEAN, channels=[8], attention_at=[]))
    objective = built("ensemble_score")
    changed = SimpleNamespace(target=batch.target + 5 * outside, condition=batch.condition)
    assert objective(network, batch, seeded())[0] == objective(network, changed, seeded())[0]


def test_a_bridge_goes_from_the_true_map_at_time_0_to_the_zero_filled_one_at_time_1():
    batch, seen = toy_batch(8), {}

    def remembers(condition, **inputs):
        seen.update(inputs)
        return batch.target

    built("bridge", bridge_noise=1e-6)(remembers, batch, seeded())
    along = seen["time"].view(-1, 1, 1, 1)
    between = (1 - along) * batch.target + along * batch.condition.low_resolution
    assert torch.allclose(seen["state"], between * batch.condition.mask, atol=1e-4)
    assert seen["time"].min() < 0.3 and seen["time"].max() > 0.7


def test_a_shortcut_is_consistent_for_long_steps_of_every_length_and_for_the_share_of_the_batch():
    batch = toy_batch(64)
    knows = Knows(batch)
    built("shortcut", consistent_share=0.5, halvings=2)(knows, batch, seeded())
    half, _, whole = knows.spans
    assert set(half.tolist()) == {0.5, 0.0} and len(half) == 32  # the shortest steps stand on velocities
    assert set(whole[:32].tolist()) == {1.0, 0.5} and not whole[32:].any()
    start, span = knows.times[2][:32], whole[:32]
    assert torch.equal(start % span, torch.zeros(32)) and (start + span <= 1).all()
