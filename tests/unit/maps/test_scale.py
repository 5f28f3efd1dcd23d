"""Laws of the clean protocol's scale: maxima near 1 at every size, in any unit, learned from the training maps."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_cohort import FACTORS, FRAME, METABOLITES, MUNET, participant, truncate
from toy_maps import toy_batch

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.maps import scale
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.maps.measured import Batches, Measurements, Task
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.training.trained import check_same_scale

SIZES = [4, 6, 8, 16]


def with_peaks(name: str, seed: int):
    """A participant whose second metabolite has high voxels around an invalid one: there is the low-resolution peak."""
    slices, middle = participant(name, seed), FRAME // 2
    maps, valid = slices.maps.copy(), slices.valid.copy()
    maps[:, 1, middle - 1 : middle + 2, middle - 1 : middle + 2] = 40
    valid[:, 1, middle - 1 : middle + 2, middle - 1 : middle + 2] = True
    valid[:, 1, middle, middle] = False
    return dataclasses.replace(slices, maps=np.where(valid, maps, 0).astype(np.float32), valid=valid)


def scaled_maxima(maps: MapsOnDevice, size: int) -> torch.Tensor:
    return maps.batch(torch.arange(len(maps)), torch.full((len(maps),), size)).target.amax(dim=(1, 2, 3))


@pytest.mark.parametrize("size", range(2, FRAME + 1, 2))
def test_the_median_maximum_of_the_training_maps_is_one_at_every_size_and_for_every_metabolite(size):
    maps = MapsOnDevice([with_peaks("sub-1", 1)], "clean", SIZES)
    maxima = scaled_maxima(maps, size)
    for metabolite in range(len(METABOLITES)):
        assert maxima[maps.metabolite == metabolite].median().item() == pytest.approx(1, rel=1e-3)


def test_the_factor_of_maps_of_one_voxel_is_the_one_of_the_point_spread_function():
    """Truncation leaves a peak the part ((n - 1) / N)^2 of its height: n - 1 of N frequencies along each axis."""
    slices = participant("sub-1", 1)
    maps = np.zeros_like(slices.maps)
    maps[:, :, FRAME // 2, FRAME // 2] = 7.0
    one_voxel = dataclasses.replace(slices, maps=maps, valid=np.ones_like(slices.valid))
    table = MapsOnDevice([one_voxel], "clean", SIZES).factors.table
    expected = (FRAME / (torch.arange(2, FRAME + 1, 2) - 1)) ** 2
    assert torch.allclose(table, expected[:, None].double().expand(-1, 2), atol=1e-4)


def test_factors_are_of_the_training_participants_alone_and_the_same_in_any_unit():
    training = MapsOnDevice([participant("sub-1", 1)], "clean", SIZES)
    validation = MapsOnDevice([with_peaks("sub-2", 2)], "clean", SIZES, factors=training.factors)
    assert validation.factors is training.factors
    low = (validation.truncation.truncate(validation.maps, 8) * validation.valid).amax(dim=(1, 2, 3))
    factor = training.factors.table[3, validation.metabolite]
    expected = validation.maps.amax(dim=(1, 2, 3)) / (factor * low)
    assert torch.allclose(scaled_maxima(validation, 8), expected.float(), rtol=1e-4)
    # A power of two: every other unit rounds the maps, and a factor may round to another last decimal.
    other_unit = dataclasses.replace(participant("sub-1", 1), maps=1024 * participant("sub-1", 1).maps)
    assert MapsOnDevice([other_unit], "clean", SIZES).factors.plain() == training.factors.plain()


def test_the_factors_of_many_maps_are_learned_in_blocks_of_bounded_size(monkeypatch):
    maps = MapsOnDevice([with_peaks("sub-1", 1), participant("sub-2", 2)], "clean", SIZES)
    truncated, blocks = maps.truncation.at_every_size, []
    monkeypatch.setattr(maps.truncation, "at_every_size", lambda block: blocks.append(len(block)) or truncated(block))
    monkeypatch.setattr(scale, "BLOCK", 5)
    learned = ScaleFactors.learned(maps.maps, maps.measured, maps.valid, maps.metabolite, 2, maps.truncation)
    assert len(maps) > 10 and max(blocks) == 5 and sum(blocks) == len(maps)
    assert learned.plain() == maps.factors.plain()


def test_networks_of_other_sizes_have_the_same_factors_and_other_participants_other_ones():
    """So a network for one size, a multi-scale one and a denoiser of one fold work on maps of one scale."""
    some, other = (MapsOnDevice([participant("sub-1", 1)], "clean", sizes).factors for sizes in ([4], [6, 8]))
    assert some.plain() == other.plain()
    check_same_scale({"flow": some, "denoiser": other})
    other = MapsOnDevice([with_peaks("sub-2", 2)], "clean", [4]).factors
    with pytest.raises(UserError, match="flow and denoiser scale maps by different factors"):
        check_same_scale({"flow": some, "denoiser": other})


def test_a_metabolite_without_a_training_map_has_the_median_of_all():
    slices = participant("sub-1", 1)
    slices.maps[:, 1] = 0
    table = MapsOnDevice([slices], "clean", SIZES).factors.table
    assert torch.equal(table[:, 1], table[:, 0])


def test_training_and_sampling_scale_a_map_alike(tmp_path):
    """A new scan's condition is what the network met in training: the low-resolution map alone decides its scale."""
    slices = with_peaks("sub-1", 1)
    maps = MapsOnDevice([slices], "clean", [8])
    measured = Measurements(truncate(slices, tmp_path / "low.npz", "clean", [8]), slices, "clean", [8])
    blind = dataclasses.replace(slices, maps=np.zeros_like(slices.maps))
    batches = Batches(blind, slices.valid, measured, maps.truncation, maps.factors)
    condition, scale = batches.condition([Task(2, 1, 8, 0)])
    batch = maps.batch(torch.tensor([5]), torch.tensor([8]))  # the last slice's second metabolite
    assert torch.allclose(scale, batch.scale, rtol=1e-5)
    assert torch.allclose(condition.low_resolution, batch.condition.low_resolution, atol=1e-5)


def test_the_paper_protocol_has_no_factors():
    maps = MapsOnDevice([participant("sub-1", 1)], "paper", SIZES)
    assert maps.factors is None and torch.allclose(scaled_maxima(maps, 4), torch.ones(len(maps)))


@pytest.mark.parametrize(("protocol", "highest"), [("paper", 1.0), ("clean", 2.0)])
def test_a_sigmoid_ends_at_the_ceiling_of_the_condition(protocol, highest):
    """Scaled maxima lie around 1 in 'clean': without room above it half of the peaks could not be reached."""
    network, condition = networks.build(MUNET), toy_batch(2, grid=16, sizes=(4, 8), protocol=protocol).condition
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.constant_(network.head.bias, 100.0)
    assert condition.ceiling == highest
    assert torch.allclose(network.predicted(condition, None), torch.full((2, 1, 16, 16), highest))


def test_factors_are_picked_by_size_and_metabolite():
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    picked = ScaleFactors(table).of(torch.tensor([2, 6, 4]), torch.tensor([1, 0, 1]))
    assert torch.equal(picked, torch.tensor([2.0, 5.0, 4.0]).view(3, 1, 1, 1))
    assert ScaleFactors(table).frame == 6 and ScaleFactors.ones(FRAME, 2).plain() == FACTORS["clean"]
