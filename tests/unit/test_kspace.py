"""Laws of k-space truncation."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from mrsi_sr.cli import UserError
from mrsi_sr.kspace import Truncation, from_kspace, projector, to_kspace
from mrsi_sr.scan.windows import crop_window, expand_window, measured_windows, window_indices, zero_filled
from mrsi_sr.settings.architecture import FRAME
from mrsi_sr.settings.protocol import REGIONS, SIZES

CLOSE = {"atol": 2e-6, "rtol": 0}


@pytest.fixture
def maps():
    """Three rough maps [3, 1, 64, 64] with zeros around them, in arbitrary units near 1."""
    x = torch.rand(3, 1, FRAME, FRAME, generator=torch.Generator().manual_seed(0))
    x[..., :9, :] = x[..., -12:] = 0
    return x


@pytest.fixture(params=list(REGIONS))
def truncation(request):
    return Truncation(request.param)


def test_the_papers_have_thirteen_sizes():
    assert len(SIZES) == 13 and SIZES[0] == 8 and SIZES[-1] == 32


def test_maps_at_every_size_are_those_at_each(maps):
    truncation = Truncation("clean")
    images = list(truncation.at_every_size(maps))
    assert len(images) == FRAME // 2
    for n, image in zip(range(2, FRAME + 1, 2), images, strict=True):
        assert torch.allclose(image, truncation.truncate(maps.double(), n), rtol=0, atol=1e-12), n


@pytest.mark.parametrize("n", SIZES)
def test_paper_window_is_the_published_slice(n):
    assert window_indices(n, "paper") == slice(32 - n // 2, 32 + n // 2)


@pytest.mark.parametrize("n", SIZES)
def test_clean_window_is_closed_under_conjugation(n):
    kept = np.arange(FRAME)[window_indices(n, "clean")] - FRAME // 2
    assert len(kept) == n - 1
    assert np.abs(kept).max() < n / 2
    assert np.array_equal(kept, -kept[::-1])


def test_parseval_holds_without_a_factor(maps):
    assert torch.allclose(to_kspace(maps).abs().square().sum(), maps.square().sum(), rtol=1e-5)


def test_the_mean_sits_at_the_centre_of_kspace(maps):
    centre = to_kspace(maps)[..., FRAME // 2, FRAME // 2]
    assert torch.allclose(centre.real, maps.mean((-2, -1)) * FRAME, rtol=1e-5)


@pytest.mark.parametrize("n", [2, 8, 14, 32, 64])
def test_clean_truncating_twice_is_truncating_once(n, maps):
    clean = Truncation("clean")
    once = clean.truncate(maps, n)
    assert torch.allclose(clean.truncate(once, n), once, **CLOSE)


@pytest.mark.parametrize("n", [8, 14, 32])
def test_clean_truncation_is_self_adjoint(n, maps):
    clean = Truncation("clean")
    x, y = maps[0:1].double(), maps[1:2].double()
    assert torch.allclose((clean.truncate(x, n) * y).sum(), (x * clean.truncate(y, n)).sum(), rtol=1e-12)


@pytest.mark.parametrize("n", SIZES)
def test_projector_is_real_symmetric_idempotent_of_rank_n_minus_1(n):
    p = projector(n)
    assert p.shape == (FRAME, FRAME)
    assert not p.is_complex()
    assert torch.allclose(p, p.T)
    assert torch.allclose(p @ p, p)
    assert torch.allclose(p.trace(), torch.tensor(n - 1.0, dtype=p.dtype))


@pytest.mark.parametrize("n", SIZES)
def test_projector_and_fourier_transform_agree(n, maps):
    clean = Truncation("clean")
    assert torch.allclose(clean.truncate(maps, n), clean.image(clean.measure(maps, n)), **CLOSE)


@pytest.mark.parametrize("n", [8, 32])
def test_clean_low_resolution_map_is_exactly_real(n, maps):
    assert from_kspace(Truncation("clean").measure(maps.double(), n)).imag.abs().max() < 1e-12  # in double precision


@pytest.mark.parametrize("n", [8, 32])
def test_paper_low_resolution_map_is_the_magnitude_of_a_complex_one(n, maps):
    shifted = np.fft.fftshift(np.fft.fft2(maps.numpy()), axes=(-2, -1))
    window = np.zeros((FRAME, FRAME))
    window[32 - n // 2 : 32 + n // 2, 32 - n // 2 : 32 + n // 2] = 1
    expected = np.abs(np.fft.ifft2(np.fft.ifftshift(shifted * window, axes=(-2, -1))))
    assert np.allclose(Truncation("paper").truncate(maps, n).numpy(), expected, atol=2e-6)
    assert from_kspace(Truncation("paper").measure(maps, n)).imag.abs().max() > 1e-3


def test_truncation_keeps_the_mean_of_a_clean_map(maps):
    assert torch.allclose(Truncation("clean").truncate(maps, 8).mean((-2, -1)), maps.mean((-2, -1)), rtol=1e-5)


def test_a_constant_map_passes_unchanged(truncation):
    constant = torch.full((1, 1, FRAME, FRAME), 3.5)
    assert torch.allclose(truncation.truncate(constant, 8), constant, atol=1e-5)


def test_a_larger_size_is_closer_to_the_map(truncation, maps):
    errors = [(truncation.truncate(maps, n) - maps).square().sum() for n in SIZES]
    assert all(later < earlier for earlier, later in pairwise(errors))


def test_mixing_sizes_in_a_batch_equals_one_by_one(truncation, maps):
    sizes = torch.tensor([8, 14, 32])
    other = maps.flip(-1)
    kspace = truncation.measure(maps, sizes)
    together = [kspace, truncation.truncate(maps, sizes), truncation.consistent(other, kspace, sizes)]
    for b, n in enumerate(sizes.tolist()):
        one = maps[b : b + 1]
        measured = truncation.measure(one, n)
        apart = [measured, truncation.truncate(one, n), truncation.consistent(other[b : b + 1], measured, n)]
        for left, right in zip(together, apart, strict=True):
            assert torch.allclose(left[b : b + 1], right, **CLOSE)


def test_measurement_is_zero_outside_the_window_and_untouched_inside(truncation, maps):
    kspace, window = truncation.measure(maps, 14), truncation.window(torch.tensor([14, 14, 14]))
    assert kspace[~window].abs().max() == 0
    assert torch.equal(kspace[window], to_kspace(maps)[window])


def test_data_consistency_replaces_exactly_the_window_and_leaves_the_rest(maps):
    clean, other = Truncation("clean"), maps.roll(1, 0).flip(-1)
    window = clean.window(torch.tensor([14, 14, 14]))
    mended = to_kspace(clean.consistent(other, clean.measure(maps, 14), 14))
    assert torch.allclose(mended[window], to_kspace(maps)[window], atol=2e-5)
    assert torch.allclose(mended[~window], to_kspace(other)[~window], atol=2e-5)


def test_paper_data_consistency_replaces_the_part_of_the_window_that_has_a_conjugate(maps):
    paper, other = Truncation("paper"), maps.roll(1, 0).flip(-1)
    mended = to_kspace(paper.consistent(other, paper.measure(maps, 14), 14))
    symmetric = Truncation("clean").window(torch.tensor([14, 14, 14]))
    either = paper.window(torch.tensor([14, 14, 14]))
    either = either | either.flip((-2, -1)).roll((1, 1), (-2, -1))
    assert torch.allclose(mended[symmetric], to_kspace(maps)[symmetric], atol=2e-5)
    assert torch.allclose(mended[~either], to_kspace(other)[~either], atol=2e-5)


def test_the_truth_is_consistent_with_its_own_measurement(truncation, maps):
    assert torch.allclose(truncation.consistent(maps, truncation.measure(maps, 10), 10), maps, **CLOSE)


def test_data_consistency_twice_is_data_consistency_once_when_clean(maps):
    clean = Truncation("clean")
    measured = clean.measure(maps, 10)
    once = clean.consistent(maps.flip(-2), measured, 10)
    assert torch.allclose(clean.consistent(once, measured, 10), once, **CLOSE)


def test_gradient_flows_through_truncation_and_consistency(truncation, maps):
    sizes = torch.tensor([8, 20, 32])
    x = maps.double().requires_grad_()
    measured = truncation.measure(maps.double().flip(-1), sizes)
    truncation.truncate(x, sizes).square().sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0
    gradient = torch.autograd.grad(truncation.consistent(x, measured, sizes).square().sum(), x)[0]
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0


def test_clean_truncation_is_its_own_gradient(maps):
    clean = Truncation("clean")
    x, seen = maps.clone().requires_grad_(), maps.flip(-1)
    (clean.truncate(x, 12) * seen).sum().backward()
    assert torch.allclose(x.grad, clean.truncate(seen, 12), **CLOSE)


def test_data_consistency_stays_in_single_precision_under_autocast(truncation, maps):
    measured = truncation.measure(maps, 10)
    exact = truncation.consistent(maps.bfloat16().float(), measured, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mended = truncation.consistent(maps.bfloat16(), measured, 10)
        low = truncation.truncate(maps, 10)
    assert mended.dtype == low.dtype == torch.float32
    assert torch.allclose(mended, exact, **CLOSE)
    assert torch.equal(low, truncation.truncate(maps, 10))


@pytest.mark.parametrize("protocol", list(REGIONS))
@pytest.mark.parametrize("n", SIZES)
def test_cropping_the_window_and_expanding_it_loses_nothing_measured(protocol, n, maps):
    kspace = Truncation(protocol).measure(maps, n).numpy()
    window = crop_window(kspace, n, protocol)
    assert window.shape[-1] == (n if protocol == "paper" else n - 1)
    assert np.array_equal(expand_window(window, n, protocol), kspace)


@pytest.mark.parametrize("protocol", list(REGIONS))
@pytest.mark.parametrize("n", [8, 22, 64])
def test_arrays_alone_are_measured_and_zero_filled_as_by_the_operator(protocol, n, maps):
    """truncate.py and figures take the ways without torch; training and sampling take the operator."""
    operator, exact = Truncation(protocol), maps.double()
    window = measured_windows(maps.numpy(), [n], protocol)[n]
    measured = expand_window(window, n, protocol)
    assert np.allclose(measured, operator.measure(exact, n).numpy(), atol=1e-6)
    assert np.allclose(zero_filled(measured, protocol), operator.truncate(exact, n).numpy(), atol=1e-6)


def test_a_window_of_the_other_protocol_is_refused(maps):
    window = crop_window(Truncation("paper").measure(maps, 8).numpy(), 8, "paper")
    with pytest.raises(UserError, match="clean window of size 8 is 7x7"):
        expand_window(window, 8, "clean")


@pytest.mark.parametrize("n", [7, 66, 0, -8, 1])
def test_a_size_that_does_not_fit_the_matrix_is_refused(n, truncation, maps):
    for use in (lambda: window_indices(n, "clean"), lambda: projector(n), lambda: truncation.measure(maps, n)):
        with pytest.raises(UserError, match=f"size {n} does not fit the 64x64 matrix"):
            use()


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UserError, match="unknown protocol 'published'"):
        Truncation("published")
