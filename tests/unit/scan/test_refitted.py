"""Laws of refitted scans on the frame of the slices: band-limited, in their place, nothing masked, noise from %SD."""

import dataclasses

import numpy as np
import pytest
from tiny_cohort import FRAME, METABOLITES, participant

from mrsi_sr.cli import UserError
from mrsi_sr.scan import low_resolution, refitted
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.scan.windows import measured_windows, zero_filled

N = 8
SCALE = FRAME / N


@pytest.fixture(scope="module")
def slices():
    return participant("sub-1", 1)


def affine_of(shift=(0.0, 0.0), signs=(1, 1)) -> np.ndarray:
    """Affine of a scan of N x N voxels over the frame; shift of its voxels in mm, signs of its axes."""
    edges = np.array([signs[0] * SCALE, signs[1] * SCALE, 1.0])
    affine = np.diag([*edges, 1.0])
    affine[:2, 3] = (FRAME - 1) / 2 - edges[:2] * (N - 1) / 2 + shift
    return affine


def save(folder, volumes, sd=10.0, affine=None, **changed):
    """Write a scan: concentrations [N, N, Z] of every metabolite, and %SD."""
    values = np.broadcast_to(volumes, (N, N, 20)) if np.ndim(volumes) < 4 else volumes
    both = values if np.ndim(volumes) == 4 else [values] * len(METABOLITES)
    shape = both[0].shape
    Volumes(
        dict(zip(METABOLITES, both, strict=True)), {name: np.full(shape, sd) for name in METABOLITES},
        np.ones(shape), np.ones(shape), np.ones(shape, np.int16), affine_of() if affine is None else affine, **changed,
    ).save(folder)  # fmt: skip
    return {N: folder}


def waves(x, y, seed=0):
    """A smooth function of the position with abs(k) < N/2 over the frame, at voxels x and y of the frame."""
    rng, total = np.random.default_rng(seed), 5.0
    for kx in range(1 - N // 2, N // 2):
        for ky in range(1 - N // 2, N // 2):
            total = total + rng.uniform(-0.1, 0.1) * np.cos(2 * np.pi * (kx * x + ky * y) / FRAME + rng.uniform(0, 6))
    return total


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("shift", [(0, 0), (-SCALE / 2, SCALE / 2)])
def test_fits_of_a_band_limited_map_measure_that_map(slices, tmp_path, signs, shift):
    """In its place, however the scan's voxels are numbered, and where its centres are shifted by half a voxel."""
    affine = affine_of(shift, signs)
    i, j = np.indices((N, N))
    x, y = (affine[axis, axis] * index + affine[axis, 3] for axis, index in ((0, i), (1, j)))
    scans = save(tmp_path / "size-08", waves(x, y)[:, :, None].astype(np.float64), affine=affine)
    windows, _ = refitted.measured(scans, slices, "clean")
    truth = waves(*np.indices((FRAME, FRAME)))
    expected = measured_windows(np.broadcast_to(truth, slices.maps.shape), [N], "clean")[N]
    assert np.allclose(windows[N], expected, atol=1e-4)


def test_a_point_lies_where_it_was_acquired(slices, tmp_path):
    """Centres of acquired voxels are at (i + 1/2) / n of the field of view: between two voxels of the frame here."""
    values = np.zeros((N, N, 1))
    values[5, 2] = 1
    windows, _ = refitted.measured(save(tmp_path / "size-8", values), slices, "clean")
    kspace = np.zeros((*slices.maps.shape[:2], FRAME, FRAME), complex)
    inside = slice(FRAME // 2 - N // 2 + 1, FRAME // 2 + N // 2)
    kspace[..., inside, inside] = windows[N]
    image = zero_filled(kspace, "clean")[0, 0]
    middle = (np.array([5, 2]) + 0.5) * SCALE - 0.5  # 10.5 and 4.5
    four = image[10:12, 4:6]
    assert np.allclose(four, image.max()) and np.allclose(middle, [10.5, 4.5])


def test_without_a_fit_the_brain_is_filled_and_the_rest_is_zero(slices, tmp_path):
    values = np.full((N, N, 20), np.nan)
    brain = slices.brain[0].reshape(N, 2, N, 2).mean(axis=(1, 3)) >= 0.5
    values[brain] = 3.0
    filled, _ = refitted.measured(save(tmp_path / "size-8", values), slices, "clean")
    holes = values.copy()
    holes[4, 4] = np.nan
    again, _ = refitted.measured(save(tmp_path / "holes" / "size-8", holes), slices, "clean")
    zero, _ = refitted.measured(
        save(tmp_path / "zero" / "size-8", np.where(np.isnan(values), 0, values)), slices, "clean"
    )
    assert np.allclose(filled[N], again[N], atol=1e-5) and np.allclose(filled[N], zero[N], atol=1e-5)


def test_what_is_fitted_outside_the_brain_is_measured(slices, tmp_path):
    whole = np.full((N, N, 20), 3.0)
    windows, _ = refitted.measured(save(tmp_path / "size-8", whole), slices, "clean")
    assert windows[N][0, 0, N // 2 - 1, N // 2 - 1] == pytest.approx(3.0 * FRAME)
    assert np.count_nonzero(np.abs(windows[N][0, 0]) > 1e-3) == 1


def test_the_noise_is_the_scatter_of_the_interpolated_map(slices, tmp_path):
    random = np.random.default_rng(0)
    sigma, mean = 0.2, 4.0
    _, noise = refitted.measured(
        save(tmp_path / "size-8", np.full((N, N, 20), mean), sd=100 * sigma / mean), slices, "clean"
    )
    along = refitted.interpolation((np.arange(FRAME) + 0.5) / SCALE - 0.5, N)
    scatter = (along @ (sigma * random.standard_normal((400, N, N))) @ along.T).std()
    assert np.allclose(noise[N], scatter, rtol=0.05)


def test_a_map_without_positive_fits_has_the_noise_of_its_other_slices(slices, tmp_path):
    values = np.full((len(METABOLITES), N, N, 20), 4.0)
    values[1, :, :, 10] = 0
    _, noise = refitted.measured(save(tmp_path / "size-8", values), slices, "clean")
    assert np.allclose(noise[N], noise[N][2, 0]) and noise[N].min() > 0


def test_scans_that_do_not_fit_are_refused(slices, tmp_path):
    good = np.full((N, N, 20), 4.0)
    narrow = np.diag([1.5, 1.5, 1.0, 1.0])
    narrow[:2, 3] = (FRAME - 1) / 2 - 1.5 * (N - 1) / 2
    away = affine_of((2 * SCALE, 0))
    cases = {
        "field of view": save(tmp_path / "a" / "size-8", good, affine=narrow),
        "field of view and slices": save(tmp_path / "away" / "size-8", good, affine=away),
        "lie outside": save(tmp_path / "b" / "size-8", np.broadcast_to(good[..., :5], (2, N, N, 5))),
        "no %SD": save(tmp_path / "c" / "size-8", good, sd=np.nan),
        "expected 4 x 4": {4: save(tmp_path / "d" / "size-4", good)[N]},
    }
    for words, scans in cases.items():
        with pytest.raises(UserError, match=words):
            refitted.measured(scans, slices, "clean")
    with pytest.raises(UserError, match="no refitted low-resolution scans"):
        refitted.folders(tmp_path / "nothing")


def test_a_file_says_its_kind_and_has_the_noise(slices, tmp_path):
    windows, noise = refitted.measured(save(tmp_path / "size-8", np.full((N, N, 20), 4.0)), slices, "clean")
    for kind, given in (("refitted", noise), ("masked", None)):
        path = tmp_path / f"{kind}.npz"
        low_resolution.write(path, windows, "clean", slices, given)
        assert low_resolution.kind_of(path) == kind
    assert np.array_equal(low_resolution.read_noise(tmp_path / "refitted.npz", slices, [N])[N], noise[N])
    with pytest.raises(UserError, match="noise_8"):
        low_resolution.read_noise(tmp_path / "masked.npz", slices, [N])
    with pytest.raises(UserError, match="standard deviations"):
        low_resolution.read_noise(tmp_path / "refitted.npz", dataclasses.replace(slices, maps=slices.maps[:2]), [N])
