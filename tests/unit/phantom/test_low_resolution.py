"""Low-resolution acquisitions of a phantom: same head and place, truncated unmasked, and fitted with the statistics."""

import nibabel
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan
from mrsi_sr.phantom import acquisition
from mrsi_sr.phantom.grid import acquired_affine, acquired_voxel_mm, mrsi_affine, to_mrsi_grid
from mrsi_sr.phantom.lesion import labels
from mrsi_sr.phantom.low_resolution import acquired_brain, truncated, voxel_means
from mrsi_sr.phantom.participant import simulate, write
from mrsi_sr.scan.volumes import Status
from mrsi_sr.settings.cohort import PhantomSettings

TOY = PhantomSettings.of(matrix=[32, 32, 20], voxel_mm=[6.8, 6.8, 6.8], slices=[9, 11])
LOW = TOY | {"acquired": [16, 19]}


@pytest.fixture(scope="module")
def full():
    return simulate("sub-01", 1, TOY)


@pytest.fixture(scope="module")
def low():
    return simulate("sub-01", 1, LOW)


@pytest.fixture(scope="module")
def folder(low, tmp_path_factory):
    folder = tmp_path_factory.mktemp("low") / "sub-01"
    write(low, folder)
    return folder


def wave(size, cycles):
    """A cosine with a phase, along an axis of `size` voxels, at their centres in the field of view."""
    return np.cos(2 * np.pi * cycles * (np.arange(size) + 0.5) / size + 0.3)


@pytest.mark.parametrize("acquired", [(4, 5), (8, 16), (9, 15), (20, 19), (32, 27)])
def test_waves_of_the_window_are_kept_in_place_and_all_others_are_gone(acquired):
    """abs(k) < n/2 for even n, abs(k) <= (n-1)/2 for odd n, along each axis by itself; at both grids' own centres."""
    widest = [(n - 1) // 2 for n in acquired]
    for cycles in [(0, 0), (1, 0), (0, 2), (1, 2), widest]:
        fine, coarse = (np.outer(wave(x, cycles[0]), wave(y, cycles[1])) for x, y in ((32, 28), acquired))
        inside = all(k <= limit for k, limit in zip(cycles, widest, strict=True))
        assert np.allclose(truncated(fine[:, :, None], acquired)[:, :, 0], coarse * inside)
    for beyond in [(widest[0] + 1, 0), (0, widest[1] + 1)]:
        if beyond[0] <= 16 and beyond[1] <= 14:
            fine = np.outer(wave(32, beyond[0]), wave(28, beyond[1]))
            assert np.allclose(truncated(fine[:, :, None], acquired), 0)


@pytest.mark.parametrize("acquired", [[4, 4], [9, 16], [17, 32]])
def test_the_mean_over_the_field_of_view_is_kept(full, acquired):
    for volume in full.truth.values():
        for result in (truncated(volume, acquired), voxel_means(volume, acquired)):
            assert np.allclose(result.mean(axis=(0, 1)), volume.mean(axis=(0, 1), dtype=float), atol=1e-6)


@pytest.mark.parametrize("acquired", [[16, 16], [17, 15], [15, 20]])
def test_a_lesion_is_at_its_place_in_the_scan_whatever_the_matrix(full, acquired):
    settings = TOY | {"acquired": acquired}
    lesion = (labels(full.lesion, full.head.brain) > 0).astype(float)
    expected = centre_mm(lesion, mrsi_affine(TOY))
    found = centre_mm(truncated(lesion, acquired), acquired_affine(settings))
    assert (np.abs(found - expected) < 0.1 * np.array(acquired_voxel_mm(settings))).all()


def centre_mm(volume, affine):
    voxel = np.indices(volume.shape).reshape(3, -1) @ volume.ravel() / volume.sum()
    return affine[:3, :3] @ voxel + affine[:3, 3]


def test_both_grids_share_the_field_of_view():
    fine, coarse = mrsi_affine(LOW), acquired_affine(LOW)
    assert np.allclose(fine @ [-0.5, -0.5, -0.5, 1], coarse @ [-0.5, -0.5, -0.5, 1])
    assert np.allclose(fine @ [31.5, 31.5, 19.5, 1], coarse @ [15.5, 18.5, 19.5, 1])


def test_head_lesion_mri_and_truth_are_the_full_scans(full, low):
    for name in ("t1", "flair"):
        assert np.array_equal(getattr(low, name), getattr(full, name))
    assert all(np.array_equal(low.truth[name], full.truth[name]) for name in full.truth)
    assert low.lesion.centre_mm == full.lesion.centre_mm


def test_what_is_measured_is_not_masked(low):
    """At the brain's edge, metabolites are as the truncation of all that is there gives them, and lipid is in NAA."""
    voxels = tuple(low.fits.voxels.T)
    depth_mm = distance_transform_edt(acquired_brain(low.head, LOW), sampling=acquired_voxel_mm(LOW))[voxels]
    edge, inner = depth_mm < 15, depth_mm > 20
    ratio = {
        name: low.fits.concentration[name] / np.maximum(truncated(low.truth[name], LOW.acquired)[voxels], 0.1)
        for name in ("Ins", "NAA", "GPC")
    }
    assert min(edge.sum(), inner.sum()) > 50
    for name, tolerance in {"Ins": 0.08, "NAA": 0.15, "GPC": 0.08}.items():  # lipid rings inwards
        assert np.median(ratio[name][inner]) == pytest.approx(1, abs=tolerance)
    assert np.median(ratio["Ins"][edge]) == pytest.approx(1, abs=0.08)
    assert np.median(ratio["NAA"][edge]) > 1.2
    assert np.median(ratio["GPC"][edge]) < 0.9


def test_fits_have_the_statistics_of_a_full_scan(low):
    assert np.allclose(np.percentile(low.fits.snr, [25, 50, 75]), [12, 19, 24], atol=1)
    assert np.allclose(np.percentile(low.fits.fwhm, [50, 75]), [0.042, 0.056], atol=0.002)
    for name, expected in acquisition.MEDIAN_SD_PERCENT.items():
        assert np.median(low.fits.sd[name]) == pytest.approx(expected, rel=0.15, abs=1)
    failed = sum(map(len, low.fits.failures.values()))
    assert 1 <= failed < 0.05 * len(low.fits.voxels)


def test_tables_reference_and_brain_mask_lie_on_the_acquired_grid(low, folder):
    reference, mask, truth = (
        nibabel.load(folder / f"{name}.nii.gz") for name in ("reference", "brain_mask", "truth/NAA")
    )
    assert reference.shape == mask.shape == (16, 19, 20)
    assert truth.shape == (32, 32, 20)
    assert np.allclose(reference.affine, acquired_affine(LOW))
    assert np.array_equal(reference.affine, mask.affine)
    brain = mask.get_fdata() > 0
    volumes, _ = read_scan(folder / "lcmodel", voxel_names("multivoxel", mask.shape), ["Ins"], mask.affine)
    ok = volumes.status == Status.OK
    assert not ok[~brain].any()
    assert ok[:, :, 9:12].sum() > 0.95 * brain[:, :, 9:12].sum()
    fitted = np.full(mask.shape, np.nan)
    fitted[tuple(low.fits.voxels.T)] = low.fits.concentration["Ins"]
    assert np.allclose(volumes.concentration["Ins"][ok], fitted[ok], rtol=0.005, atol=0.001)


def test_a_voxel_is_brain_where_at_least_half_of_it_is(full):
    for acquired in ([8, 8], [16, 16]):
        part = to_mrsi_grid(full.head.brain_mri)
        blocks = part.reshape(acquired[0], 32 // acquired[0], acquired[1], 32 // acquired[1], 20).mean(axis=(1, 3))
        assert np.array_equal(acquired_brain(full.head, TOY | {"acquired": acquired}), blocks > 0.4999)


def test_means_over_voxels_that_do_not_fit_into_each_other_are_weighted_by_their_overlap():
    line = np.array([1.0, 2.0, 4.0, 8.0, 16.0])[:, None, None] * np.ones((5, 4, 1))
    assert np.allclose(voxel_means(line, (4, 4))[:, 0, 0], [1.2, 2.8, 6.4, 14.4])


@pytest.mark.parametrize("acquired", [[3, 8], [8, 33], [8]])
def test_matrices_that_no_scan_of_the_phantom_has_are_refused(acquired):
    with pytest.raises(UserError, match="acquired"):
        PhantomSettings.of(**TOY.plain() | {"acquired": acquired})


def test_every_matrix_can_be_acquired_and_too_little_brain_is_said():
    assert len(simulate("sub-01", 1, TOY | {"acquired": [4, 4]}).fits.voxels) >= 10
    with pytest.raises(UserError, match=r"acquired \[4, 4\]: slices 10 to 10 contain 4 voxels"):
        simulate("sub-01", 1, TOY | {"acquired": [4, 4], "slices": [10, 10]})
