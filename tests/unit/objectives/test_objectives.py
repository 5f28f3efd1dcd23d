from types import SimpleNamespace

import pytest
import torch
from pytorch_msssim import ms_ssim
from torch.nn.functional import interpolate
from toy_maps import architecture, objective, toy_batch, toy_network

from mrsi_sr import networks, objectives

torch.set_num_threads(1)

NOISE = objective("noise_prediction", diffusion_steps=20)
REGRESSION = objective("regression")
DENOISER = architecture("denoising_unet", channels=[8, 16], residual_blocks=1, attention_at=[], heads=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_regression_loss_weighs_l1_and_structure_by_alpha():
    batch = toy_batch(grid=64)
    image = batch.target * 0.9
    l1 = (image - batch.target).abs().mean()
    finer = [interpolate(x, size=(192, 192), mode="bicubic") for x in (image, batch.target)]
    structural = 1 - ms_ssim(*finer, data_range=1.0)
    loss, parts = objectives.build(REGRESSION)(lambda condition: image, batch, seeded())
    assert torch.allclose(loss, 0.16 * l1 + 0.84 * structural, atol=1e-5)
    assert torch.allclose(parts["l1"], l1) and torch.allclose(parts["structural"], structural, atol=1e-5)
    assert objectives.build(REGRESSION)(lambda condition: batch.target, batch)[0] < 1e-6


def test_the_noise_prediction_loss_is_zero_for_the_true_noise_and_one_for_none():
    batch = toy_batch(8)
    seen = {}

    def remembers(x, step, condition):
        seen.update(x=x, step=step)
        return torch.zeros_like(x)

    learn = objectives.build(NOISE)
    loss, _ = learn(remembers, batch, seeded())
    assert 0.9 < loss < 1.1  # the mean square of standard normal noise over thousands of voxels
    gamma = learn.schedule.gammas[seen["step"]].float().view(-1, 1, 1, 1)

    def knows(x, step, condition):
        return (x - gamma.sqrt() * batch.target) / (1 - gamma).sqrt()

    assert learn(knows, batch, seeded())[0] < 1e-8
    assert seen["x"][batch.condition.mask == 0].abs().max() == 0


def test_the_noise_prediction_loss_does_not_see_what_is_outside_the_mask():
    batch = toy_batch()
    outside = batch.condition.mask == 0
    learn = objectives.build(NOISE)
    loss, _ = learn(lambda x, step, condition: 0.5 * x, batch, seeded())
    elsewhere, _ = learn(lambda x, step, condition: 0.5 * x + 100 * outside, batch, seeded())
    other = SimpleNamespace(target=batch.target + 7 * outside, condition=batch.condition)
    assert torch.equal(loss, elsewhere)
    assert torch.equal(loss, learn(lambda x, step, condition: 0.5 * x, other, seeded())[0])


def test_steps_are_drawn_uniformly_from_first_to_last():
    batch, counts = toy_batch(100, grid=8, sizes=(4,)), torch.zeros(20)
    learn, generator = objectives.build(NOISE), seeded()

    def counting(x, step, condition):
        counts.index_add_(0, step, torch.ones(len(step)))
        return x

    for _ in range(100):
        learn(counting, batch, generator)
    assert counts.min() > 500 - 5 * 22 and counts.max() < 500 + 5 * 22  # five standard deviations of a count of 500


def test_the_generator_alone_decides_the_loss():
    batch, network = toy_batch(), networks.build(DENOISER)
    learn = objectives.build(NOISE)
    first = learn(network, batch, seeded(1))[0]
    torch.manual_seed(99)
    assert torch.equal(learn(network, batch, seeded(1))[0], first)
    assert not torch.equal(learn(network, batch, seeded(2))[0], first)


@pytest.mark.parametrize(
    "settings",
    [toy_network("munet", "regression", channels=2), DENOISER | {"diffusion_steps": 20}],
    ids=["munet", "denoiser"],
)
def test_a_few_steps_of_training_lower_the_loss(settings):
    torch.manual_seed(0)
    batch, network, learn = toy_batch(), networks.build(settings), objectives.build(settings)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    before, _ = learn(network, batch, seeded())
    for iteration in range(15):
        optimiser.zero_grad()
        learn(network, batch, seeded(iteration))[0].backward()
        optimiser.step()
    assert learn(network, batch, seeded())[0] < 0.9 * before
