"""Laws of data consistency: exact without noise, soft to the noise's level, inside the mask alone."""

import numpy as np
import pytest
import torch

from mrsi_sr.new_scan import consistency
from mrsi_sr.new_scan.measurement import ScanWindow
from mrsi_sr.new_scan.target import TargetGrid


@pytest.fixture(scope="module")
def window() -> ScanWindow:
    return ScanWindow(TargetGrid.of((16, 12, 1), np.diag([13.6, 18.0, 3.4, 1]), 3.4, 64))


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    i, j = np.indices((64, 64)) - 31.5
    return torch.from_numpy((i**2 / 24**2 + j**2 / 27**2 < 1).astype(np.float32))[None, None]


def maps(seed: int, number: int = 2) -> torch.Tensor:
    return torch.rand(number, 1, 64, 64, generator=torch.Generator().manual_seed(seed))


def all_trusted(window: ScanWindow, number: int = 2) -> torch.Tensor:
    return torch.ones(number, 1, window.target.x.acquired, window.target.y.acquired)


def test_without_noise_the_result_measures_exactly_as_the_truth_does(window, mask):
    truth, estimate = maps(1) * mask, maps(2)
    measured = window.acquired(truth)
    none = torch.zeros(2)
    fitted = consistency.fit(estimate, measured, all_trusted(window), none, mask, torch.zeros_like(mask), window)
    misfit = (window.acquired(fitted.maps) - measured).flatten(1).norm(dim=1) / measured.flatten(1).norm(dim=1)
    assert torch.allclose(misfit, fitted.misfit, rtol=0.05)
    assert (fitted.misfit < 2e-4).all() and (fitted.misfit_before > 0.1).all()
    assert (fitted.maps[(mask == 0).expand_as(fitted.maps)] == 0).all()


def test_where_nothing_is_masked_it_is_the_projection_that_networks_were_trained_with(window):
    truth, estimate = maps(1), maps(2)
    inside = torch.ones(1, 1, 64, 64)
    fitted = consistency.fit(
        estimate, window.acquired(truth), all_trusted(window), torch.zeros(2), inside, 0 * inside, window
    )
    expected = window.consistent(estimate, window.measure(truth, 16), 16)
    assert torch.allclose(fitted.maps, expected, atol=1e-3)


def test_the_change_is_the_smallest_inside_the_mask(window, mask):
    """A change in the null space of the masked measurement would add to it, and at right angles."""
    truth, estimate = maps(1) * mask, maps(2) * mask
    fitted = consistency.fit(
        estimate, window.acquired(truth), all_trusted(window), torch.zeros(2), mask, 0 * mask, window
    )
    null = consistency.fit(
        maps(3), 0 * window.acquired(truth), all_trusted(window), torch.zeros(2), mask, 0 * mask, window
    )
    change = fitted.maps - estimate
    cosine = (change * null.maps).sum() / (change.norm() * null.maps.norm())
    assert cosine.abs() < 1e-3


def test_with_noise_the_misfit_is_brought_to_its_level_and_not_below(window, mask):
    truth, estimate = maps(1) * mask, maps(2) * mask
    measured = window.acquired(truth)
    noise = 0.05 * measured.flatten(1).norm(dim=1)
    fitted = consistency.fit(estimate, measured, all_trusted(window), noise, mask, 0 * mask, window)
    assert torch.allclose(fitted.misfit, torch.full((2,), 0.05), rtol=1e-2)


def test_a_map_that_fits_already_is_left_as_it_is(window, mask):
    truth = maps(1) * mask
    noise = 0.05 * window.acquired(truth).flatten(1).norm(dim=1)
    fitted = consistency.fit(truth, window.acquired(truth), all_trusted(window), noise, mask, 0 * mask, window)
    assert torch.equal(fitted.maps, truth)


def test_a_filled_hole_is_not_held_against_the_map(window, mask):
    truth = maps(1) * mask
    measured, trusted = window.acquired(truth), all_trusted(window)
    measured[:, :, 7:9, 5:7], trusted[:, :, 7:9, 5:7] = 99.0, 0.0
    fitted = consistency.fit(truth, measured, trusted, torch.zeros(2), mask, 0 * mask, window)
    assert torch.allclose(fitted.maps, truth, atol=1e-4)


def test_what_lies_outside_the_mask_explains_its_part_of_the_measurement(window, mask):
    whole = maps(1)
    fitted = consistency.fit(
        whole * mask, window.acquired(whole), all_trusted(window), torch.zeros(2), mask, whole * (1 - mask), window
    )
    assert torch.allclose(fitted.maps, whole * mask, atol=1e-4)
    assert (fitted.misfit_before < 1e-5).all()


def test_each_map_of_a_batch_is_fitted_by_itself(window, mask):
    truth, estimate = maps(1) * mask, maps(2)
    measured, noise = window.acquired(truth), torch.tensor([0.0, 1.0])
    together = consistency.fit(estimate, measured, all_trusted(window), noise, mask, 0 * mask, window)
    for b in range(2):
        one = consistency.fit(
            estimate[b : b + 1], measured[b : b + 1], all_trusted(window, 1), noise[b : b + 1], mask, 0 * mask, window
        )
        assert torch.allclose(one.maps, together.maps[b : b + 1], atol=1e-4)
