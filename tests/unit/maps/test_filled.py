"""Laws of training with filled maps: what a scanner would measure is measured, all else is as published."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_cohort import DENOISER, FRAME, MUNET, participant

from mrsi_sr import training
from mrsi_sr.maps.dataset import MapsOnDevice, Movement
from mrsi_sr.scan.holes import fill

SIZES = [4, 6, 8]


def with_margin(name: str = "sub-1", seed: int = 1):
    """A participant whose outermost voxels of the brain are rejected."""
    slices, (x, y) = participant(name, seed), np.indices((FRAME, FRAME)) - FRAME / 2
    valid = slices.valid & (x**2 + y**2 < (0.25 * FRAME) ** 2)
    return dataclasses.replace(slices, maps=np.where(valid, slices.maps, 0), valid=valid)


def batch_of(slices, low_resolution: str, protocol: str = "clean", movement: Movement | None = None, size: int = 6):
    maps = MapsOnDevice([slices], protocol, SIZES, low_resolution=low_resolution)
    return maps, maps.batch(torch.arange(len(maps)), torch.full((len(maps),), size), movement)


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_the_low_resolution_of_a_filled_map_is_the_truncation_of_the_filled_map(protocol):
    slices = with_margin()
    maps, batch = batch_of(slices, "filled", protocol)
    filled = fill(slices.maps, slices.valid, slices.brain[:, None]).reshape(-1, 1, FRAME, FRAME)
    expected = maps.truncation.truncate(torch.from_numpy(filled), 6)
    assert torch.allclose(batch.condition.low_resolution * batch.scale, expected, atol=1e-5)
    assert batch.condition.whole and np.all(filled[:, 0][np.repeat(slices.brain, 2, axis=0)] > 0)


def test_targets_masks_and_mri_are_those_of_masked_maps():
    (_, masked), (_, filled) = (batch_of(with_margin(), kind) for kind in ("masked", "filled"))
    assert torch.allclose(filled.target * filled.scale, masked.target * masked.scale, atol=1e-5)
    assert torch.equal(filled.condition.mask, masked.condition.mask)
    assert torch.equal(filled.condition.t1, masked.condition.t1)
    assert not masked.condition.whole
    difference = filled.condition.low_resolution * filled.scale - masked.condition.low_resolution * masked.scale
    assert difference.abs().max() > 0.5  # mM, of 4


def test_the_margin_is_not_dimmed_where_the_maps_are_filled():
    """Truncating a masked map takes from its edge what it lacks outside: what a real scan does not do."""

    def at_edge(low_resolution: str) -> float:
        _, batch = batch_of(with_margin(), low_resolution)
        mask, maps = batch.condition.mask, batch.target * batch.scale
        edge = mask * (torch.nn.functional.avg_pool2d(mask, 3, 1, 1) < 0.99)
        low = batch.condition.low_resolution * batch.scale
        return float((low * edge).sum() / (maps * edge).sum())

    masked, filled = at_edge("masked"), at_edge("filled")
    assert masked < 0.85 and abs(1 - filled) < (1 - masked) / 2


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_with_every_voxel_of_the_frame_valid_both_ways_are_bit_equal(protocol):
    slices = participant("sub-1", 1)
    everywhere = np.ones_like(slices.valid)
    maps = np.where(slices.valid, slices.maps, 1.5).astype(np.float32)
    slices = dataclasses.replace(slices, maps=maps, valid=everywhere, brain=everywhere[:, 0])
    (one, masked), (other, filled) = (batch_of(slices, kind, protocol) for kind in ("masked", "filled"))
    for name in ("low_resolution", "kspace", "mask", "t1"):
        assert torch.equal(getattr(masked.condition, name), getattr(filled.condition, name)), name
    assert torch.equal(masked.target, filled.target) and torch.equal(masked.scale, filled.scale)
    assert (one.factors and one.factors.plain()) == (other.factors and other.factors.plain())
    x = torch.rand(filled.target.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(masked.condition.consistent(x), filled.condition.consistent(x))
    assert torch.equal(masked.condition.residual(x), filled.condition.residual(x))


def test_filled_maps_move_with_the_maps():
    number = len(MapsOnDevice([with_margin()], "clean", SIZES))
    moves = Movement.draw(number, torch.Generator().manual_seed(5))
    maps, batch = batch_of(with_margin(), "filled", movement=moves)
    expected = maps.truncation.truncate(moves(maps.measured), 6)
    assert torch.allclose(batch.condition.low_resolution * batch.scale, expected, atol=1e-5)
    assert torch.allclose(batch.target * batch.scale, moves(maps.maps), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_median_maximum_of_filled_training_maps_is_one_as_well(size):
    maps, batch = batch_of(with_margin(), "filled", size=size)
    maxima = batch.target.amax(dim=(1, 2, 3))
    for metabolite in range(2):
        assert maxima[maps.metabolite == metabolite].median().item() == pytest.approx(1, rel=1e-3)


def test_how_holes_are_filled_is_code_of_the_networks_that_are_trained_with_filled_maps_alone():
    holes = "mrsi_sr/scan/holes.py"
    for settings in (MUNET, DENOISER):
        assert holes in training.code(settings, low_resolution="filled")
        assert holes not in training.code(settings)
