"""Laws of the maps taken to the device: memory of one participant at a time, MRI in half precision, no second copy."""

import tracemalloc

import pytest
import torch
from tiny_cohort import FRAME, participant

from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.scan.slices import ParticipantSlices, SlicesInFiles

HALF_STEP = 2.0**-12  # of half precision in [0.5, 1]: the largest error of rounding


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    paths = [tmp_path_factory.mktemp("cohort") / f"sub-{seed}.npz" for seed in range(6)]
    for seed, path in enumerate(paths):
        participant(path.stem, seed).save(path)
    return paths


def peak_bytes(paths) -> int:
    """Largest memory of NumPy's arrays and Python's objects while the maps are taken; torch's tensors are not in it."""
    tracemalloc.start()
    try:
        MapsOnDevice(SlicesInFiles(paths), "clean", [4])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_beside_the_tensors_does_not_grow_with_the_participants(files):
    one = sum(array.nbytes for array in vars(participant("sub-0", 0)).values() if hasattr(array, "nbytes"))
    peak_bytes(files[:1])  # imports
    assert peak_bytes(files) < peak_bytes(files[:2]) + one / 2


@pytest.mark.parametrize("low_resolution", ["masked", "filled"])
def test_maps_from_files_are_those_from_memory(files, low_resolution):
    slices = [ParticipantSlices.load(path) for path in files]
    one, other = (
        MapsOnDevice(each, "clean", [4], low_resolution=low_resolution) for each in (slices, SlicesInFiles(files))
    )
    for name in ("maps", "valid", "measured", "slice", "metabolite", "t1", "flair"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert torch.equal(one.factors.table, other.factors.table)


def test_tensors_have_room_for_the_slices_alone(files):
    """The MRI takes two bytes a voxel, once per slice, and the masked maps are stored once."""
    maps = MapsOnDevice(SlicesInFiles(files), "clean", [4])
    slices, metabolites = maps.slice.max() + 1, len(maps.metabolites)
    assert (
        maps.t1.untyped_storage().nbytes() == maps.flair.untyped_storage().nbytes() == 2 * slices * 3 * (3 * FRAME) ** 2
    )
    assert maps.maps.untyped_storage().nbytes() == 4 * slices * metabolites * FRAME**2
    assert maps.measured.data_ptr() == maps.maps.data_ptr()


def test_mri_is_rounded_to_half_precision_and_given_in_single(files):
    maps = MapsOnDevice(SlicesInFiles(files[:1]), "clean", [4])
    condition = maps.drawn_batch(next(maps.validation_choices(len(maps)))).condition
    first = ParticipantSlices.load(files[0])
    for image, given in ((condition.t1, first.t1), (condition.flair, first.flair)):
        assert image.dtype == torch.float32
        error = (image - torch.from_numpy(given)[maps.slice]).abs()
        assert 0 < error.max() <= HALF_STEP
