"""Laws of the maps on the device: what augmentation keeps, who is drawn when, what scales what."""

import dataclasses
import logging

import numpy as np
import pytest
import torch
from tiny_cohort import FRAME, METABOLITES, participant

from mrsi_sr.cli import UserError
from mrsi_sr.maps.dataset import MapsOnDevice, Movement


def validation_batches(maps, batch_size):
    """The batches of a validation, as training sees them."""
    return map(maps.drawn_batch, maps.validation_choices(batch_size))


def maps_of(*seeds, protocol="clean", sizes=(4, 6, 8), **arguments) -> MapsOnDevice:
    return MapsOnDevice([participant(f"sub-{seed}", seed) for seed in seeds], protocol, sizes, **arguments)


def movement(symmetry: int, shift=(0, 0), number: int = 1) -> Movement:
    return Movement(torch.tensor([symmetry] * number), torch.tensor([shift] * number))


def test_the_symmetries_are_the_eight_right_angles_and_flips():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    expected = {tuple(torch.rot90(flipped, turn, (-2, -1)).flatten().tolist())
                for flipped in (image, image.flip(-1)) for turn in range(4)}  # fmt: skip
    made = {tuple(movement(symmetry)(image).flatten().tolist()) for symmetry in range(8)}
    assert made == expected
    assert len(made) == 8


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-3, 3), (1, 0)])
def test_what_moves_in_is_zero_and_what_stays_is_copied(shift):
    image = torch.rand(1, 2, 9, 9) + 1
    moved = movement(0, shift)(image)
    padded = torch.nn.functional.pad(image, (3, 3, 3, 3))
    expected = padded[..., 3 - shift[0] : 12 - shift[0], 3 - shift[1] : 12 - shift[1]]
    assert torch.equal(moved, expected)


@pytest.mark.parametrize("symmetry", range(8))
def test_map_and_mri_move_together(symmetry):
    """Averaging the MRI onto the map's grid and moving commute: a marker lies at the same place in both."""
    mri = torch.rand(1, 3, 3 * FRAME, 3 * FRAME)
    move = movement(symmetry, (2, -3))
    average = torch.nn.functional.avg_pool2d
    assert torch.allclose(average(move(mri, voxel=3), 3), move(average(mri, 3)), atol=1e-6)


def test_a_batch_moves_each_map_by_its_own_movement():
    images = torch.rand(5, 1, 8, 8)
    moves = Movement.draw(5, torch.Generator().manual_seed(3))
    together = moves(images)
    for i in range(5):
        alone = Movement(moves.symmetry[i : i + 1], moves.shift[i : i + 1])(images[i : i + 1])
        assert torch.equal(together[i : i + 1], alone)


def test_movements_cover_the_group_and_three_voxels_each_way():
    moves = Movement.draw(4000, torch.Generator().manual_seed(0))
    assert moves.symmetry.unique().tolist() == list(range(8))
    assert moves.shift.unique().tolist() == list(range(-3, 4))
    counts = torch.bincount(moves.symmetry)
    assert counts.min() > 400 and counts.max() < 600


@pytest.mark.parametrize("protocol", ["paper", "clean"])
def test_truncation_comes_after_augmentation(protocol):
    """The measurement in a training batch is that of the moved target, and its low-resolution map is the one shown."""
    maps = maps_of(1, 2, protocol=protocol)
    batch = maps.training_batch(seed=1, iteration=0, batch_size=6)
    measured = maps.truncation.measure(batch.target, batch.condition.size)
    assert torch.allclose(measured, batch.condition.kspace, atol=1e-5)
    assert torch.allclose(maps.truncation.image(measured), batch.condition.low_resolution, atol=1e-5)
    assert torch.all(batch.target[batch.condition.mask == 0] == 0)


def test_every_map_is_drawn_once_before_any_is_drawn_again(monkeypatch):
    maps = maps_of(1, 2)
    drawn = []
    monkeypatch.setattr(maps, "batch", lambda index, sizes, movement: drawn.extend(index.tolist()))
    for iteration in range(len(maps)):
        maps.training_batch(seed=1, iteration=iteration, batch_size=5)
    epochs = np.array(drawn).reshape(5, len(maps))
    assert all(sorted(epoch) == list(range(len(maps))) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5


def test_all_sizes_are_drawn_alike(monkeypatch):
    maps = maps_of(1)
    monkeypatch.setattr(maps, "batch", lambda index, sizes, movement: sizes)
    sizes = torch.cat([maps.training_batch(1, iteration, 30) for iteration in range(20)])
    counts = torch.bincount(sizes)[[4, 6, 8]]
    assert counts.sum() == 600
    assert counts.min() > 150


def test_a_batch_depends_on_seed_and_iteration_alone():
    one, other = maps_of(1, 2), maps_of(1, 2)
    one.training_batch(1, 0, 4)
    assert torch.equal(one.training_batch(1, 7, 4).target, other.training_batch(1, 7, 4).target)
    assert not torch.equal(one.training_batch(1, 7, 4).target, other.training_batch(2, 7, 4).target)


def test_validation_shows_every_map_once_at_a_size_that_never_changes():
    maps = maps_of(1, 2)
    once, again = (torch.cat([b.condition.size for b in validation_batches(maps, size)]) for size in (4, 5))
    assert torch.equal(once, again)
    counts = torch.bincount(once)[[4, 6, 8]]
    assert counts.max() - counts.min() <= 1
    assert sum(len(batch.target) for batch in validation_batches(maps, 4)) == len(maps) == 2 * 3 * len(METABOLITES)


def test_paper_scales_by_the_own_maximum_and_clean_by_the_low_resolution_map():
    paper, clean = maps_of(1, protocol="paper"), maps_of(1)
    batch = next(validation_batches(paper, 4))
    assert torch.allclose(batch.target.amax(dim=(1, 2, 3)), torch.ones(4))
    batch = next(validation_batches(clean, 4))
    inside = (batch.condition.low_resolution * batch.condition.mask).amax(dim=(1, 2, 3))
    factor = clean.factors.of(batch.condition.size, batch.condition.metabolite).flatten()
    assert torch.allclose(inside, 1 / factor)


@pytest.mark.parametrize("protocol", ["paper", "clean"])
def test_scaled_back_a_target_is_the_map_itself(protocol):
    maps = maps_of(1, protocol=protocol)
    batch = next(validation_batches(maps, len(maps)))
    assert torch.allclose(batch.target * batch.scale, maps.maps, rtol=1e-5)


def test_paper_takes_nonzero_voxels_as_valid_and_clean_the_stored_mask():
    slices = participant("sub-1", 1)
    slices.valid[:, :, FRAME // 2] = False
    for protocol, there in (("paper", True), ("clean", False)):
        maps = MapsOnDevice([slices], protocol, [4])
        assert maps.valid[..., FRAME // 2, :].any() == there
        assert (maps.maps[..., FRAME // 2, :] > 0).any() == there


def test_mri_is_stored_once_per_slice_and_found_again():
    maps = maps_of(1, 2)
    assert len(maps.t1) == 6 and len(maps) == 12
    batch = next(validation_batches(maps, 12))
    second = participant("sub-2", 2)
    assert torch.equal(batch.condition.t1[-1], torch.from_numpy(second.t1[-1]).half().float())
    assert torch.equal(batch.condition.flair[6], torch.from_numpy(second.flair[0]).half().float())


def test_empty_maps_are_left_out_and_listed(caplog):
    slices = participant("sub-1", 1)
    slices.maps[1, 0] = 0
    with caplog.at_level(logging.INFO):
        assert len(MapsOnDevice([slices], "clean", [4])) == 5
    assert "sub-1: left out 1 of 6 maps, which are empty: tCr of slice 11" in caplog.text
    with pytest.raises(UserError, match="all maps of sub-1 are empty"):
        MapsOnDevice([dataclasses.replace(slices, maps=np.zeros_like(slices.maps))], "clean", [4])


def test_values_that_are_not_finite_and_unlike_participants_are_refused():
    slices = participant("sub-1", 1)
    other = dataclasses.replace(participant("sub-2", 2), metabolites=("tCho", "tCr"))
    with pytest.raises(UserError, match="sub-2 has tCho, tCr"):
        MapsOnDevice([slices, other], "clean", [4])
    slices.maps[0, 0, 8, 8] = np.nan
    with pytest.raises(UserError, match="sub-1: the maps hold values that are not finite"):
        MapsOnDevice([slices], "clean", [4])
