"""Samplers of few evaluations, with networks that know the truth or are known in closed form."""

import pytest
import torch
from toy_maps import noise_of, toy_batch, toy_network, toy_sampler

from mrsi_sr import networks
from mrsi_sr.networks.roles import starting_map

torch.set_num_threads(1)


class Known:
    """A network that knows the true maps, and counts its evaluations."""

    noise = 4

    def __init__(self, batch):
        self.target, self.evaluated, self.seen = batch.target * batch.condition.mask, 0, []

    def _of(self, condition):
        distance = (self.all_low[None] - condition.low_resolution[:, None]).flatten(2).norm(dim=2)
        return self.target[distance.argmin(dim=1)]

    def __call__(self, condition, **inputs):
        self.evaluated += len(condition)
        self.seen.append(inputs)
        return self._of(condition)

    def change(self, condition, *, state, time, span=None, centre=None):
        self.evaluated += len(condition)
        self.seen.append({"time": time, "span": span})
        return (self._of(condition) - state) / (1 - time).view(-1, 1, 1, 1)

    def consistent(self, condition, x):
        return condition.consistent(x)


@pytest.fixture
def batch():
    return toy_batch(4, sizes=(4, 8, 16))


@pytest.fixture
def known(batch):
    network = Known(batch)
    network.all_low = batch.condition.low_resolution
    return network


def wrong(condition):
    return 0.7 * condition.low_resolution * condition.mask


KINDS = {"ensemble_member": {}, "bridge": {"steps": 3}, "shortcut": {"steps": 4}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_knows_the_truth_reaches_it_in_every_number_of_steps(kind, batch, known):
    sampler = toy_sampler(kind, {"network": known, "mean": wrong}, **KINDS[kind])
    image, _ = sampler(batch.condition, noise_of(range(4)))
    assert torch.allclose(image, batch.target, atol=1e-4)


def test_a_rectified_flow_has_more_steps_where_more_is_missing(batch, known):
    sampler = toy_sampler("rectified_flow", {"network": known, "mean": wrong}, least_steps=2, most_steps=3)
    _, nfe = sampler(batch.condition, noise_of(range(4)))
    # Upscaling factors of a grid of 32: 8, 4, 2, 8.
    assert nfe == 4 and known.evaluated == 3 + 2 + 2 + 3
    assert [len(each["time"]) for each in known.seen] == [4, 4, 2]


class Gaussian(Known):
    """A network that knows that true maps deviate by independent normal noise from a map that it knows."""

    def __init__(self, batch, spread, noise):
        super().__init__(batch)
        self.all_low, self.variance = batch.condition.low_resolution, (noise**2, spread**2)

    def change(self, condition, *, state, time, span=None, centre=None):
        start, end = self.variance
        time = time.view(-1, 1, 1, 1)
        at = (1 - time) * centre + time * self._of(condition)
        share = (time * end - (1 - time) * start) / ((1 - time) ** 2 * start + time**2 * end)
        return (self._of(condition) - centre + share * (state - at)) * condition.mask


# Spread that Euler's steps over the angle leave, by the ratio of the truth's to the noise's: exact for equal spreads.
# With a ratio of 0 the network knows the truth.
FACTORS = {
    0: {2: 0.2146, 3: 0.065, 6: 0.0073},
    1: {2: 1, 3: 1, 6: 1},
    0.5: {2: 0.5288, 3: 0.4834, 6: 0.4823},
    2: {2: 1.4712, 3: 1.6793, 6: 1.8679},
}


@pytest.mark.parametrize(
    ("ratio", "steps", "factor"), [(ratio, *each) for ratio, of in FACTORS.items() for each in of.items()]
)
def test_a_rectified_flow_keeps_level_and_spread_of_normal_maps(batch, ratio, steps, factor):
    noise = 0.2
    network, condition = Gaussian(batch, ratio * noise, noise), batch.condition
    sampler = toy_sampler(
        "rectified_flow", {"network": network, "mean": wrong},
        starting_noise=noise, least_steps=steps, most_steps=steps,
    )  # fmt: skip
    maps, _ = sampler(condition, noise_of(range(4)))
    start = starting_map(0 * batch.target, noise_of(range(4))(batch.target), condition, noise)
    deviation = condition.unmeasured(factor * start) * condition.mask
    assert torch.allclose(maps, batch.target + deviation, atol=1e-4)
    assert deviation.std() > 0.05 * factor


def test_the_start_of_a_rectified_flow_keeps_what_was_measured(batch):
    condition = batch.condition
    whole = torch.ones_like(condition.mask)
    free = type(condition)(**{**vars(condition), "mask": whole})
    mean = condition.consistent(0.5 * batch.target)
    start = starting_map(mean, noise_of(range(4))(mean), free, 0.3)
    assert condition.residual(start).abs().max() < 1e-4
    noise = start - mean
    missing = 1 - (condition.truncation.window(condition.size).float().mean((1, 2, 3)))
    assert torch.allclose(noise.std((1, 2, 3)), 0.3 * missing.sqrt(), rtol=0.1)


def test_members_of_a_map_share_the_regressors_evaluation(batch, known):
    regressor = Known(batch)
    regressor.all_low = known.all_low
    sampler = toy_sampler("ensemble_member", {"network": known, "mean": regressor})
    _, nfe = sampler(batch.condition.repeat(3), noise_of(range(12)))
    assert nfe == 2 and regressor.evaluated == 4 and known.evaluated == 12


def test_members_differ_by_their_noise_alone(batch):
    settings = toy_network("unet", "ensemble_score", noise=4, needs={"mean": "m"}, channels=[8], attention_at=[])
    torch.manual_seed(0)
    network = networks.build(settings)
    torch.nn.init.normal_(network.last.weight, std=0.1)
    sampler = toy_sampler("ensemble_member", {"network": network, "mean": wrong})
    with torch.no_grad():
        one, again = (sampler(batch.condition, noise_of(range(4)))[0] for _ in range(2))
        other, _ = sampler(batch.condition, noise_of(range(4, 8)))
    assert torch.equal(one, again) and (one - other).abs().amax((1, 2, 3)).min() > 1e-3
    assert not one[batch.condition.mask == 0].any()


def test_the_states_of_a_bridge_have_its_variance(known):
    """Between an estimate that is the truth and the zero-filled map, a state is a draw of the Brownian bridge."""
    batch = toy_batch(32, grid=64)
    network = Known(batch)
    network.all_low = batch.condition.low_resolution
    sampler = toy_sampler("bridge", {"network": network}, steps=4, bridge_noise=0.5)
    sampler(batch.condition, noise_of(range(32)))
    inside, low = batch.condition.mask > 0, batch.condition.low_resolution
    for inputs in network.seen[1:]:
        time = float(inputs["time"][0])
        deviation = (inputs["state"] - (1 - time) * batch.target - time * low)[inside]
        assert float(deviation.mean()) == pytest.approx(0, abs=0.01)
        assert float(deviation.var()) == pytest.approx(0.25 * time * (1 - time), rel=0.05)


def test_a_shortcut_is_told_the_length_of_its_steps(batch, known):
    toy_sampler("shortcut", {"network": known}, steps=2)(batch.condition, noise_of(range(4)))
    assert [each["time"].tolist() for each in known.seen] == [[0.0] * 4, [0.5] * 4]
    assert all(each["span"].tolist() == [0.5] * 4 for each in known.seen)
