"""Laws of the target grid and its operators: one field of view, centres where they belong, and one projector."""

import numpy as np
import pytest
import torch

from mrsi_sr.cli import UserError
from mrsi_sr.kspace import Truncation, projector
from mrsi_sr.new_scan.measurement import ScanWindow
from mrsi_sr.new_scan.target import Axis, TargetGrid
from mrsi_sr.scan import grid

# Matrices that are in use, with their voxels: in plane and along the slices, in mm.
MATRICES = [
    ((8, 8, 5), (27.2, 27.2, 3.4)), ((16, 16, 5), (13.6, 13.6, 3.4)), ((15, 15, 5), (14.0, 14.0, 5.0)),
    ((24, 20, 5), (9.0, 9.0, 10.0)), ((44, 44, 25), (5.0, 5.0, 5.2)), ((32, 42, 22), (5.0, 5.0, 5.0)),
    ((64, 64, 31), (3.4, 3.4, 3.4)), ((17, 32, 3), (12.0, 6.5, 8.0)), ((20, 20, 4), (12.5, 12.5, 4.0)),
]  # fmt: skip


def oblique(edges, shape) -> np.ndarray:
    """Affine of a matrix that is turned about all axes, with its first axis from right to left."""
    angles = np.radians([10.0, -7.0, 25.0])
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [other for other in range(3) if other != axis]
        step = np.eye(3)
        step[[i, j], [i, j]], step[i, j], step[j, i] = np.cos(angle), -np.sin(angle), np.sin(angle)
        turn = turn @ step
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-edges[0], edges[1], edges[2]])
    affine[:3, 3] = [11.0, -23.0, 5.0] - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


@pytest.mark.parametrize(("shape", "edges"), MATRICES)
def test_the_target_has_the_scans_field_of_view_in_space(shape, edges):
    affine = oblique(edges, shape)
    target = TargetGrid.of(shape, affine, 3.4, 64)
    for corner in np.ndindex(2, 2, 2):
        acquired = np.array([-0.5, -0.5, -0.5]) + np.array(corner) * shape
        fine = np.array([-0.5, -0.5, -0.5]) + np.array(corner) * target.shape
        assert np.allclose(
            affine[:3, :3] @ acquired + affine[:3, 3], target.affine[:3, :3] @ fine + target.affine[:3, 3]
        )
    assert (target.voxel_mm[:2] > 3.4 * 0.93).all()
    assert target.shape[2] == shape[2]
    framed = grid.translated(target.framed_affine, [target.x.offset, target.y.offset, 0])
    assert np.allclose(framed, target.affine)


def band_limited(axis: Axis, position: np.ndarray, seed: int) -> np.ndarray:
    """A function of positions in fields of view with the frequencies of an axis's window alone."""
    rng = np.random.default_rng(seed)
    k = np.arange(axis.highest + 1)
    phase = 2 * np.pi * k * position[:, None]
    return (rng.standard_normal(len(k)) * np.cos(phase) + rng.standard_normal(len(k)) * np.sin(phase)).sum(1)


@pytest.mark.parametrize(
    ("acquired", "target"), [(8, 64), (15, 64), (16, 64), (17, 61), (44, 64), (32, 47), (64, 64), (50, 40)]
)
def test_a_band_limited_map_is_the_same_function_of_space_on_both_grids(acquired, target):
    axis = Axis(acquired, target, 64)
    coarse = band_limited(axis, (np.arange(acquired) + 0.5) / acquired, 1)
    fine = band_limited(axis, (np.arange(target) + 0.5) / target, 1)
    assert np.allclose((axis.to_target() @ coarse)[axis.offset : axis.offset + target], fine)
    framed = np.zeros(64)
    framed[axis.offset : axis.offset + target] = fine
    assert np.allclose(axis.to_acquired() @ framed, coarse)
    assert np.allclose(axis.projector() @ framed, framed)


def test_the_projector_is_self_adjoint_and_idempotent_and_made_of_the_other_two():
    for acquired, target in ((16, 64), (15, 61), (32, 47)):
        axis = Axis(acquired, target, 64)
        p = axis.projector()
        assert np.allclose(p, p.T)
        assert np.allclose(p @ p, p)
        assert np.allclose(axis.to_target() @ axis.to_acquired(), p)


@pytest.mark.parametrize("n", [8, 16, 32])
def test_a_scan_of_an_even_matrix_in_the_whole_frame_is_what_networks_were_trained_on(n):
    assert np.allclose(Axis(n, 64, 64).projector(), projector(n).numpy())
    target = TargetGrid.of((n, n, 1), np.diag([217.6 / n, 217.6 / n, 3.4, 1]), 3.4, 64)
    assert target.size == n
    window, trained = ScanWindow(target), Truncation("clean")
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    low = trained.truncate(x, n)
    assert torch.allclose(window.zero_filled(window.acquired(x)), low, atol=1e-5)
    other = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    kspace = trained.measure(x, n)
    assert torch.allclose(window.consistent(other, kspace, n), trained.consistent(other, kspace, n), atol=1e-5)


def test_an_odd_matrix_measures_as_much_as_the_even_one_above_it():
    assert np.allclose(Axis(15, 64, 64).projector(), Axis(16, 64, 64).projector())
    assert Axis(15, 64, 64).factor == Axis(16, 64, 64).factor == 4


def test_the_transpose_of_the_measurement_is_its_adjoint():
    window = ScanWindow(TargetGrid.of((17, 24, 3), oblique((12.0, 8.0, 4.0), (17, 24, 3)), 3.4, 64))
    rng = torch.Generator().manual_seed(3)
    x, y = torch.rand(1, 64, 64, generator=rng), torch.rand(1, 17, 24, generator=rng)
    assert torch.allclose((window.acquired(x) * y).sum(), (x * window.adjoint(y)).sum(), rtol=1e-4)


@pytest.mark.parametrize(("shape", "edges"), MATRICES)
def test_a_lesions_centre_of_mass_stays_within_half_a_voxel(shape, edges):
    """A smooth hotspot off the centre, seen on the acquired grid and on the target: both in mm."""
    affine = oblique(edges, shape)
    target = TargetGrid.of(shape, affine, 3.4, 64)
    fraction = np.array([0.4, 0.58])
    lesion = [
        np.exp(-0.5 * (((np.arange(axis.target) + 0.5) / axis.target - at) * axis.target / 9) ** 2)
        for axis, at in zip((target.x, target.y), fraction, strict=True)
    ]
    truth = target.frame(np.outer(*lesion))
    window = ScanWindow(target)
    acquired = window.acquired(torch.from_numpy(truth[None]))
    seen = target.crop(window.zero_filled(acquired).numpy())[0]
    expected = affine[:3, :3] @ [*(fraction * shape[:2] - 0.5), 0] + affine[:3, 3]
    for image, its_affine in ((acquired.numpy()[0], affine), (seen, target.affine)):
        weights = np.where(image > 0.3 * image.max(), image, 0)
        centre = [(np.indices(image.shape)[axis] * weights).sum() / weights.sum() for axis in (0, 1)]
        place = its_affine[:3, :3] @ [*centre, 0] + its_affine[:3, 3]
        assert np.linalg.norm(place - expected) < 0.5 * max(edges[:2])
    assert np.linalg.norm(place - expected) < 0.5 * target.voxel_mm[:2].max()


def test_target_voxels_take_what_the_acquired_voxel_around_their_centre_has():
    target = TargetGrid.of((3, 4, 1), np.diag([6.8, 6.8, 3.4, 1]), 3.4, 16)
    values = np.arange(12.0).reshape(3, 4)
    fine = target.refined(values)
    assert fine.shape == (6, 8)
    assert np.array_equal(fine, values.repeat(2, 0).repeat(2, 1))


def test_a_scan_as_fine_as_the_target_leaves_nothing_to_super_resolve():
    assert TargetGrid.of((64, 64, 31), np.diag([3.4, 3.4, 3.4, 1]), 3.4, 64).is_finer
    assert TargetGrid.of((96, 96, 31), np.diag([2.2, 2.2, 3.4, 1]), 3.4, 64).is_finer
    slightly = TargetGrid.of((44, 44, 25), np.diag([5.0, 5.0, 5.2, 1]), 3.4, 64)
    assert not slightly.is_finer
    assert slightly.factor == pytest.approx(64 / 44)


def test_a_field_of_view_beyond_the_frame_gets_larger_voxels():
    target = TargetGrid.of((24, 24, 1), np.diag([10.0, 10.0, 10.0, 1]), 3.4, 64)
    assert target.shape == (64, 64, 1)
    assert target.voxel_mm[:2] == pytest.approx([3.75, 3.75])


def test_a_matrix_without_detail_is_refused():
    with pytest.raises(UserError, match="2x8 in its axial plane"):
        TargetGrid.of((2, 8, 3), np.eye(4), 3.4, 64)
