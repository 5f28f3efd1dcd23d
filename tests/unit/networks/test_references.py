"""The references of benchmarks/ give the numbers of our networks, in double precision: loss and all gradients."""

from pathlib import Path

import pytest
import torch
from toy_maps import architecture, objective

from mrsi_sr import networks, objectives
from mrsi_sr.networks.discriminator import Discriminator

torch.set_num_threads(1)

SEED = 1


@pytest.fixture(autouse=True)
def double_precision(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def same(ours, our_loss, reference, reference_loss):
    """Whether two networks have one loss and one gradient."""
    from references.sharing import distance_of_gradients, share_weights

    share_weights(ours, reference)
    losses = our_loss(), reference_loss()
    for loss in losses:
        loss.backward()
    # pytorch-msssim's window is in single precision.
    assert distance_of_gradients(ours, reference) < 1e-4
    assert torch.allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize(
    "modulators", [{}, {"modulation": "filter_scaling", "metabolite": True, "sharpness": True}], ids=["plain", "fs"]
)
def test_munet_is_the_reference_of_three_dimensional_layers(modulators):
    from references.batch import METABOLITES, random_batch
    from references.munet import MUNet
    from references.structural import reconstruction_loss

    batch = random_batch(2, 16, sizes=(4, 8))
    ours = networks.build(architecture("munet", channels=2, **modulators))
    reference = MUNet(2, METABOLITES, sharpness=True) if modulators else MUNet(2)
    learn, target = objectives.build(objective("regression")), batch.target * batch.condition.mask
    same(
        ours, lambda: learn(ours, batch)[0],
        reference, lambda: reconstruction_loss(reference(batch.condition), target, learn.alpha),
    )  # fmt: skip


def test_the_critics_loss_is_the_reference_of_three_dimensional_layers():
    from references.batch import random_batch
    from references.critic import Discriminator as Reference
    from references.critic import critic_loss

    batch = random_batch(2, 16, sizes=(4, 8))
    learn = objectives.build(objective("adversarial", critic_channels=2))
    ours, reference, made = learn.critic.module, Reference(2), 0.5 * batch.target
    assert isinstance(ours, Discriminator)
    generator = torch.Generator().manual_seed(SEED)
    learn.draw_weights(2, generator, made)
    share = torch.rand(2, generator=generator)

    def our_loss() -> torch.Tensor:
        generator = torch.Generator().manual_seed(SEED)
        return learn.critic_loss(*learn.critic_inputs(lambda _: made, batch, generator), generator)[0]

    same(
        ours, our_loss,
        reference, lambda: critic_loss(reference, made, batch.target, share, batch.condition, learn.gradient_penalty),
    )  # fmt: skip
