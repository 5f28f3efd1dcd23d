"""Laws of filling holes: trusted values stay, holes are harmonic, and nothing comes from outside the support."""

import numpy as np
import pytest

from mrsi_sr.scan.holes import fill

RNG = np.random.default_rng(3)


@pytest.fixture
def brain():
    x, y = np.indices((20, 17))
    return (x - 9.5) ** 2 / 70 + (y - 8) ** 2 / 50 < 1


def harmonic(shape):
    """A function that is the mean of its four neighbours everywhere."""
    x, y = np.indices(shape)
    return 2.0 + 0.3 * x - 0.2 * y + 0.05 * (x * y)


def test_holes_of_a_harmonic_map_get_its_values(brain):
    valid = brain.copy()
    valid[8:12, 6:10], valid[4, 8] = False, False
    filled = fill(np.where(valid, harmonic(brain.shape), np.nan), valid, brain)
    assert np.allclose(filled[brain], harmonic(brain.shape)[brain])


def test_trusted_values_stay_and_the_outside_is_zero(brain):
    values = RNG.normal(5, 2, brain.shape)
    valid = brain & (RNG.random(brain.shape) < 0.7)
    filled = fill(values, valid, brain)
    assert np.array_equal(filled[valid], values[valid])
    assert (filled[~brain] == 0).all()
    assert filled[brain].min() > values[valid].min() - 1e-9
    assert filled[brain].max() < values[valid].max() + 1e-9


def test_a_filled_voxel_is_the_mean_of_its_neighbours_in_the_support(brain):
    valid = brain & (RNG.random(brain.shape) < 0.5)
    filled = fill(RNG.normal(5, 2, brain.shape), valid, brain)
    for x, y in np.argwhere(brain & ~valid):
        around = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        mean = np.mean([filled[voxel] for voxel in around if brain[voxel]])
        assert filled[x, y] == pytest.approx(mean)


def test_a_margin_continues_the_value_that_it_borders_on():
    """Zeros outside do not dim it."""
    valid, support = np.zeros((2, 12, 12), bool)
    valid[4:8, 4:8] = support[2:10, 2:10] = True
    assert np.allclose(fill(np.full((12, 12), 3.0), valid, support)[support], 3.0)


def test_values_of_rejected_voxels_have_no_influence(brain):
    valid = brain & (RNG.random(brain.shape) < 0.6)
    values = RNG.normal(5, 2, brain.shape)
    wild = np.where(valid, values, np.resize([np.nan, np.inf, -1e30, 1e30], brain.shape))
    assert np.array_equal(fill(wild, valid, brain), fill(values, valid, brain))


def test_a_part_without_a_trusted_voxel_gets_the_mean_and_a_map_without_any_is_zero():
    support = np.zeros((9, 9), bool)
    support[:4], support[6:] = True, True
    valid = support & (np.indices((9, 9))[0] < 2)
    values = RNG.normal(5, 2, (9, 9))
    assert np.allclose(fill(values, valid, support)[6:], values[valid].mean())
    assert not fill(values, np.zeros_like(valid), support).any()


def test_each_map_of_a_stack_is_filled_by_itself(brain):
    valid = brain & (RNG.random((3, 2, *brain.shape)) < 0.6)
    values = RNG.normal(5, 2, valid.shape).astype(np.float32)
    filled = fill(values, valid, brain)
    assert filled.dtype == np.float32
    for index in np.ndindex(3, 2):
        assert np.allclose(filled[index], fill(values[index], valid[index], brain), atol=1e-6)
