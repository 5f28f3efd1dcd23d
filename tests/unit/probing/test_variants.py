"""Changed scans: lesions planted and erased, in maps, k-space and MRI."""

import numpy as np
import probed
import pytest
import torch
from probed import FRAME, SETTINGS, SIZES

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.measured import Task
from mrsi_sr.probing import variants
from mrsi_sr.probing.cases import cases_of
from mrsi_sr.probing.lesions import Plane, normal_tissue, on_map, places, profile
from mrsi_sr.probing.neighbours import beside
from mrsi_sr.probing.observer import to_opposite
from mrsi_sr.scan.slices import adjacent


@pytest.fixture(scope="module")
def slices():
    return probed.participant()


@pytest.fixture(scope="module")
def plane(slices):
    return Plane.of(slices)


@pytest.fixture(scope="module")
def normal(slices, plane):
    return normal_tissue(slices, slices.valid, plane)


def cases(slices, plane, normal, settings=SETTINGS):
    return cases_of(slices, [0, 1], normal, plane, settings)


def test_a_lesion_has_its_diameter_at_half_height_in_millimetres(plane):
    fine = profile(plane, (16, 16), 63.0, 3.0)
    assert fine.max() > 0.999 and fine.min() < 1e-6
    line = fine[:, 3 * 16 + 1]
    assert (line > 0.5).sum() * 7 / 3 == pytest.approx(63, abs=7 / 3)
    assert on_map(fine).sum() * 49 == pytest.approx(np.pi * 63**2 / 4, rel=0.02)


def test_places_are_normal_tissue_on_both_sides_away_from_the_lesion_and_the_midline(slices, plane, normal):
    assert plane.mirror == 31 and plane.axis == 0
    found = places(plane, normal[0], 20.0)
    assert len(found)
    for i, j in found:
        inside = plane.radius_mm((i, j)) <= 10
        opposite = plane.radius_mm(plane.across((i, j))) <= 10
        assert not (inside & slices.lesion[0]).any() and not (inside & opposite).any()
        for part in (inside, opposite):
            assert (part & normal[0]).sum() >= 0.85 * part.sum()


def test_a_scan_on_its_side_is_mirrored_along_its_other_axis(slices):
    turned = slices.affine[:, [1, 0, 2, 3]]
    plane = Plane.of(type(slices)(**vars(slices) | {"affine": turned, "brain": slices.brain.transpose(0, 2, 1)}))
    image = np.random.default_rng(1).random((FRAME, FRAME))
    assert plane.axis == 1
    assert np.array_equal(plane.opposite(image), image[:, ::-1])


def test_the_mri_and_the_map_are_mirrored_at_the_same_plane(plane):
    fine = np.zeros((3 * FRAME, 3 * FRAME))
    fine[12:15, 30:33] = 1  # voxel (4, 10) of the map
    assert np.array_equal(on_map(plane.opposite(fine, 3)), plane.opposite(on_map(fine)))


def test_a_planted_lesion_is_its_contrast_times_the_local_value_and_changes_nothing_else(slices, plane, normal):
    case = cases(slices, plane, normal)[0]
    changed = variants.planted(slices, [case], plane, SETTINGS, in_maps=True, in_mri=False)
    place = (case.slice, slice(None), *case.place)
    contrast = [case.contrast(name, SETTINGS) for name in slices.metabolites]
    assert contrast[0] > 1 > contrast[1]
    assert changed.maps[place] / slices.maps[place] == pytest.approx(np.array(contrast), abs=0.02)
    far = plane.radius_mm(case.place) > case.diameter_mm / 2 + 15
    assert np.allclose(changed.maps[..., far], slices.maps[..., far])
    assert np.array_equal(changed.maps[1 - case.slice], slices.maps[1 - case.slice])
    assert np.array_equal(changed.t1, slices.t1) and np.array_equal(changed.flair, slices.flair)


def test_a_lesion_in_mri_alone_leaves_the_maps_and_their_measurement(slices, plane, normal):
    case = cases(slices, plane, normal)[0]
    changed = variants.planted(slices, [case], plane, SETTINGS, in_maps=False, in_mri=True)
    i, j = (3 * k + 1 for k in case.place)
    assert np.array_equal(changed.maps, slices.maps)
    assert changed.t1[case.slice, :, i, j] == pytest.approx(
        slices.t1[case.slice, :, i, j] * SETTINGS.t1_factor, rel=1e-3
    )
    assert (changed.flair[case.slice, :, i, j] > slices.flair[case.slice, :, i, j]).all() and changed.flair.max() <= 1


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_the_measurement_of_a_changed_scan_is_the_measured_one_plus_that_of_the_change(slices, plane, normal, protocol):
    """Of any measured k-space, such as one with noise: the change alone is truncated."""
    random, measurements = np.random.default_rng(2), probed.measured(slices, protocol=protocol)
    noise = {n: (random.standard_normal(each.shape) * (each != 0)).astype(np.complex64) for n, each in
             measurements.kspace.items()}  # fmt: skip
    for n, each in noise.items():
        measurements.kspace[n] = measurements.kspace[n] + each
    changed = variants.planted(slices, cases(slices, plane, normal), plane, SETTINGS, in_maps=True, in_mri=True)
    found = variants.measured(measurements, slices, changed, Truncation(protocol, FRAME))
    direct = probed.measured(changed, protocol=protocol)
    for n in SIZES:
        assert found.kspace[n] == pytest.approx(direct.kspace[n] + noise[n], abs=1e-4)
    assert np.array_equal(measurements.kspace[8], probed.measured(slices, protocol=protocol).kspace[8] + noise[8])


def test_zero_filling_of_a_planted_change_is_the_truncation_of_the_change(slices, plane, normal):
    changed = variants.planted(slices, cases(slices, plane, normal), plane, SETTINGS, in_maps=True, in_mri=True)
    probing = probed.probe(slices)
    before = probing._estimates(slices, probing.measurements)
    after = probing._estimates(changed, probing._measured(changed))
    truncation = Truncation("clean", FRAME)
    for (k, name, n), image in after.items():
        s, m = probing.row_of[k], probing.column_of[name]
        change = torch.from_numpy(changed.maps[s, m] - slices.maps[s, m])[None, None]
        expected = truncation.truncate(change, n)[0, 0].numpy() * slices.valid[s, m]
        assert image - before[k, name, n] == pytest.approx(expected, abs=1e-4)


def test_an_erased_lesion_vanishes_from_the_truth_and_from_mri_only_where_asked(slices, plane, normal):
    weight = slices.lesion[0].astype(float)
    both = variants.erased(slices, slices.valid, normal, plane, in_mri=True)
    maps_alone = variants.erased(slices, slices.valid, normal, plane, in_mri=False)
    for m in range(2):
        assert abs(to_opposite(slices.maps[0, m], weight, slices.valid[0, m], plane) - 1) > 0.4
        for changed in (both, maps_alone):
            assert to_opposite(changed.maps[0, m], weight, slices.valid[0, m], plane) == pytest.approx(1, abs=0.01)
    assert np.array_equal(both.maps[1], slices.maps[1])
    assert np.array_equal(maps_alone.t1, slices.t1) and np.array_equal(maps_alone.flair, slices.flair)
    inside = slices.lesion[0].repeat(3, 0).repeat(3, 1)
    assert np.array_equal(both.t1[0][:, inside], plane.opposite(slices.t1[0], 3)[:, inside])


def test_the_mri_of_somebody_else_is_of_the_nearest_slices(slices):
    other = probed.other()
    changed = variants.with_mri_of(slices, other)
    assert np.array_equal(changed.t1, other.t1[[0, 0]]) and np.array_equal(changed.flair, other.flair[[0, 0]])
    assert np.array_equal(changed.maps, slices.maps)


def test_equal_seeds_draw_equal_lesions_and_other_seeds_others(slices, plane, normal):
    def drawn(**changes):
        settings = SETTINGS | {"lesions": 3, **changes}
        return [
            (case.slice, case.place, case.diameter_mm, case.level) for case in cases(slices, plane, normal, settings)
        ]

    assert drawn() == drawn() and len(drawn()) == 6
    assert drawn(seed=2) != drawn()
    assert len({drawn(seed=seed)[0][2:] for seed in range(8)}) > 1  # diameter and contrast of the first
    assert {diameter for _, _, diameter, _ in drawn()} == {20.0, 30.0}
    assert [each for each in drawn() if each[0] == 0][:1] == drawn(lesions=1)[:1]


def test_a_lesion_that_finds_no_place_is_left_out_and_the_log_says_so(slices, plane, normal, caplog):
    caplog.set_level("INFO")
    assert cases(slices, plane, normal, SETTINGS | {"diameters_mm": [190.0]}) == []
    assert "sub-1, slice 10: no place in normal tissue for a lesion of 190 mm" in caplog.text


def test_a_slice_sees_its_own_lesion_in_its_neighbours_and_not_theirs(slices, plane, normal):
    """A ball of 30 mm is 26.5 mm wide in the slice beside, 7 mm away; each of the two is the other's neighbour."""
    chosen = {case.slice: case for case in cases(slices, plane, normal, SETTINGS | {"diameters_mm": [30.0]})}
    assert sorted(chosen) == [0, 1]
    changed = variants.planted(slices, list(chosen.values()), plane, SETTINGS, in_maps=True, in_mri=True)
    measurements, truncation = probed.measured(slices), Truncation("clean", FRAME)
    measured = variants.measured(measurements, slices, changed, truncation)
    found = beside(measured, measurements, slices, chosen, plane, SETTINGS, truncation)
    tasks = [Task(s, 0, 16, 0) for s in (0, 1)]
    near = found.adjacent(tasks, adjacent(slices.slices))
    assert np.array_equal(near[0, 0], measured.kspace[16][0, 0]) and np.array_equal(
        near[1, 1], measured.kspace[16][1, 0]
    )
    for s, side in ((0, 1), (1, 0)):
        shape = on_map(profile(plane, chosen[s].place, 2 * (15**2 - 7**2) ** 0.5, SETTINGS.edge_mm))
        expected = slices.maps[1 - s, 0] * (1 + (chosen[s].contrast("tCho", SETTINGS) - 1) * shape)
        direct = truncation.measure(torch.from_numpy(expected)[None, None], 16)[0, 0].numpy()
        assert near[s, side] == pytest.approx(direct, abs=1e-4)
    assert np.array_equal(found.of(tasks), measured.of(tasks))
