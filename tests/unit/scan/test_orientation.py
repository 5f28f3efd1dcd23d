"""Laws of the orientation of maps: a mirrored or shifted map is found, and nothing is said of one that is right."""

import numpy as np
import pytest
from phantom_scan import EDGES_MM, phantom, t1_in_voxels, volumes_of
from scipy.ndimage import gaussian_filter

from mrsi_sr.scan.check import well_fitted_maps
from mrsi_sr.scan.orientation import (
    LEAST_VOXELS,
    MIRRORS,
    WINS_CLEARLY,
    margin,
    mirrored_array,
    orientation,
    shifted_array,
)
from mrsi_sr.scan.placing import new_flip, propose

AFFINE = np.diag([*EDGES_MM, 1.0])
STRAIGHT = (0, 1, 2)


def maps_of(lesion: bool, noise: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """Maps of a phantom; noise: further noise, its standard deviation as a part of each voxel's value."""
    rng = np.random.default_rng(seed)
    return [
        values * (1 + noise * rng.standard_normal(values.shape))
        for values in well_fitted_maps(volumes_of(phantom(lesion)))
    ]


def found(maps, lesion: bool):
    return orientation(maps, t1_in_voxels(phantom(lesion)), EDGES_MM)


@pytest.mark.parametrize(("lesion", "noise"), [(False, 0.3), (True, 0.0)])
def test_maps_that_lie_right_are_left_alone_and_left_and_right_are_told(lesion, noise):
    result = found(maps_of(lesion, noise), lesion)
    assert result.best == result.unmoved and result.sides_told
    said = propose(result, AFFINE, "x", STRAIGHT)
    assert not said.findings and said.facts["orientation"] == "as configured" and said.facts["left_right"] == "told"
    assert "flip_proposed" not in said.facts


@pytest.mark.parametrize("mirrored", MIRRORS[1:])
@pytest.mark.parametrize(("lesion", "noise"), [pytest.param(False, 0.0, marks=pytest.mark.slow), (True, 0.3)])
def test_a_map_mirrored_in_any_way_is_found(mirrored, lesion, noise):
    result = found([mirrored_array(values, mirrored) for values in maps_of(lesion, noise)], lesion)
    assert (result.best.mirrored, result.best.shift) == (mirrored, (0, 0, 0))
    said = propose(result, AFFINE, "", STRAIGHT)
    assert len(said.findings) == 1 and f"mirrored along {', '.join(mirrored)}" in said.findings[0]
    assert said.facts.get("flip_proposed") == (None if "z" in mirrored else mirrored)
    assert said.facts["margin"] > WINS_CLEARLY


def test_the_flip_to_set_undoes_a_wrong_one_and_adds_to_a_right_one():
    assert new_flip("x", "x", STRAIGHT) == "" and new_flip("x", "y", STRAIGHT) == "xy"
    assert new_flip("xy", "x", STRAIGHT) == "y" and new_flip("", "xy", STRAIGHT) == "xy"
    assert new_flip("", "z", STRAIGHT) is None and new_flip("x", "xz", STRAIGHT) is None
    # Stored sagittally: the volumes' x is the third axis of the matrix, its y the first, its z the second.
    assert new_flip("", "y", (2, 0, 1)) == "x" and new_flip("x", "z", (2, 0, 1)) == "xy"
    assert new_flip("", "x", (2, 0, 1)) is None


def test_ready_made_maps_have_no_flip_but_an_affine_to_correct():
    result = found([mirrored_array(values, "y") for values in maps_of(False)], False)
    said = propose(result, AFFINE, "", None)
    assert "correct the affine" in said.findings[0] and "flip_proposed" not in said.facts


def test_a_mirroring_about_the_k_space_centre_is_a_mirroring_and_a_shift_by_one():
    """Voxel i goes to N - i, not to N - 1 - i, where the centre of the matrix is voxel N / 2."""
    result = found([shifted_array(values, (1, 0, 0)) for values in nan_free(mirrored_array, maps_of(True), "x")], True)
    assert (result.best.mirrored, result.best.shift) == ("x", (1, 0, 0))


def nan_free(function, maps, *arguments):
    """Maps through a function, with zero (no estimate here) in place of NaN, which a shift moves in."""
    return [np.where(moved == 0, np.nan, moved) for moved in (function(np.nan_to_num(m), *arguments) for m in maps)]


@pytest.mark.parametrize("shift", [(2, 0, 0), (0, -1, 0), (-1, 2, 0), (0, 0, 1)])
def test_a_shifted_map_is_found_with_its_way_in_mm(shift):
    result = found(nan_free(shifted_array, maps_of(False), shift), False)
    assert result.best.mirrored == "" and result.best.shift == tuple(-step for step in shift)
    affine = np.array([[-5.0, 0, 0, 90], [0, 5.0, 0, -110], [0, 0, 5.2, -60], [0, 0, 0, 1]])  # left is the larger index
    said = propose(result, affine, "", STRAIGHT)
    moved_mm = -np.array(shift) * (-5.0, 5.0, 5.2)
    assert np.allclose([float(word) for word in said.facts["shift_mm"].split()], moved_mm)
    for axis, (upper, lower) in enumerate((("right", "left"), ("front", "back"), ("top", "feet"))):
        end = upper if moved_mm[axis] > 0 else lower
        assert (f"mm to the {end}" in said.findings[0]) == bool(shift[axis])


def symmetric(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Maps and T1 of a brain that equals its mirror image; the maps' variation and noise know nothing of the T1."""
    rng = np.random.default_rng(seed)
    t1 = t1_in_voxels(phantom(False))
    t1 = np.where((t1 > 0) & (t1[::-1] > 0), (t1 + t1[::-1]) / 2, 0)
    slices = np.isfinite(maps_of(False)[0]).any(axis=(0, 1))
    maps = []
    for _ in range(4):
        smooth = gaussian_filter(rng.standard_normal(t1.shape), 2)
        value = (2.0 - t1 / t1.max()) * np.exp(0.2 * smooth / smooth.std() + 0.05 * rng.standard_normal(t1.shape))
        maps.append(np.where((t1 > 0) & slices, value, np.nan))
    return maps, t1


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_a_symmetric_brain_causes_no_alarm_and_left_and_right_are_not_told(seed):
    maps, t1 = symmetric(seed)
    result = orientation(maps, t1, EDGES_MM)
    assert abs(result.margin("x")) < WINS_CLEARLY
    assert result.best == result.unmoved and not result.sides_told
    assert propose(result, AFFINE, "", STRAIGHT).facts["left_right"] == "not told"


def test_of_a_symmetric_brain_front_and_back_are_found_and_both_flips_named():
    maps, t1 = symmetric(0)
    result = orientation([mirrored_array(values, "y") for values in maps], t1, EDGES_MM)
    assert result.best.mirrored in ("y", "xy") and not result.sides_told
    said = propose(result, AFFINE, "", STRAIGHT).findings[0]
    assert "set flip to y" in said and "set flip to xy" in said


def test_noise_without_a_brain_is_no_evidence():
    rng = np.random.default_rng(3)
    t1 = t1_in_voxels(phantom(False))
    result = orientation([rng.standard_normal(t1.shape) for _ in range(3)], t1, EDGES_MM)
    assert result.best == result.unmoved and not result.sides_told


def test_one_slice_has_no_order_of_slices_and_few_voxels_no_orientation():
    maps, t1 = maps_of(False), t1_in_voxels(phantom(False))
    one = [np.where(np.arange(t1.shape[2]) == 13, values, np.nan) for values in maps]
    result = orientation(one, t1, EDGES_MM)
    assert not [mirrored for mirrored in result.places if "z" in mirrored]
    assert {place.shift[2] for place in result.places.values()} == {0}
    few = np.where(np.cumsum(np.isfinite(one[0])).reshape(t1.shape) < LEAST_VOXELS, one[0], np.nan)
    assert orientation([few], t1, EDGES_MM) is None
    assert "too few" in propose(None, AFFINE, "", STRAIGHT).facts["orientation"]


def test_a_margin_is_that_of_the_other_way_around_with_its_sign_changed():
    result = found(maps_of(True), True)
    assert margin(result.places["x"], result.unmoved) == -margin(result.unmoved, result.places["x"])
    assert margin(result.unmoved, result.unmoved) == 0
