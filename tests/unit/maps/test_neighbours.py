"""The slices below and above as part of a condition: in training, in sampling, and of refitted scans."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_cohort import participant, refit, truncate

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.dataset import MapsOnDevice, Movement
from mrsi_sr.maps.measured import Batches, Measurements, Task
from mrsi_sr.scan.slices import adjacent

SIZES = [4, 8]


def test_slices_at_the_ends_and_beside_gaps_are_their_own_neighbours():
    found = adjacent(np.array([4, 5, 6, 9], np.int16)).tolist()
    assert found == [[0, 1], [0, 2], [1, 2], [3, 3]]


def training(scans, **how):
    return MapsOnDevice(scans, "clean", SIZES, neighbours=True, **how)


def of(maps: MapsOnDevice, index: int, size: int, movement=None):
    return maps.batch(torch.tensor([index]), torch.tensor([size]), movement)


def test_a_map_has_the_same_metabolite_of_the_slices_beside_it_in_its_own_scale():
    scans = [participant("sub-1", 1), participant("sub-2", 2)]
    maps = training(scans)
    for index, (below, above) in {0: (0, 2), 2: (0, 4), 5: (3, 5), 8: (6, 10)}.items():
        batch = of(maps, index, 8)
        for channel, near in enumerate((below, above)):
            other = of(maps, near, 8)
            assert torch.allclose(
                batch.condition.neighbours[0, channel] * batch.scale[0, 0],
                (other.condition.low_resolution * other.scale)[0, 0], atol=1e-5,
            )  # fmt: skip


def test_a_neighbour_without_a_usable_map_is_the_map_itself():
    scan = participant("sub-1", 1)
    valid = scan.valid.copy()
    valid[1, 0] = False
    maps = training([replace(scan, valid=valid, maps=np.where(valid, scan.maps, 0))])
    first = of(maps, 0, 4).condition
    assert torch.equal(first.neighbours[0], first.low_resolution[0].expand(2, -1, -1))


def test_neighbours_move_with_the_map():
    maps = training([participant("sub-1", 1)])
    movement = Movement(torch.tensor([3]), torch.tensor([[0, 0]]))
    still, moved = of(maps, 2, 8).condition, of(maps, 2, 8, movement).condition
    assert torch.allclose(movement(still.neighbours), moved.neighbours, atol=1e-5)
    assert not torch.allclose(still.neighbours, moved.neighbours, atol=1e-2)


@pytest.mark.parametrize("kind", ["masked", "refitted"])
def test_sampling_sees_the_neighbours_that_training_saw(kind, tmp_path):
    scan = participant("sub-1", 1)
    write = truncate if kind == "masked" else refit
    path = write(scan, tmp_path / "low.npz", *([["clean"], []][kind == "refitted"]), SIZES)
    how = {} if kind == "masked" else {"low_resolution": kind, "refitted": {"sub-1": path}}
    maps = training([scan], **how)
    measured = Measurements(path, scan, "clean", SIZES)
    sampled = Batches(scan, scan.valid, measured, Truncation("clean", 16), maps.factors, neighbours=True)
    for size in SIZES:
        condition, _ = sampled.condition([Task(1, 0, size, 0)])
        assert torch.allclose(condition.neighbours, of(maps, 2, size).condition.neighbours, atol=1e-4)
