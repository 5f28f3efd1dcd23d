"""Laws of a scan's characteristics: numbers known by hand, of valid voxels alone, and the same in any unit."""

import numpy as np
import pytest
from handed import volumes_of
from tiny_cohort import participant

from mrsi_sr.scan.characteristics import characteristics, characteristics_of_slices, distribution
from mrsi_sr.scan.volumes import Volumes


def scan(level: float = 2.0) -> tuple[Volumes, dict, np.ndarray]:
    """A scan of 2 x 2 x 4 voxels: one outside the brain, one rejected for NAA, two slices rejected for tCr."""
    shape = (2, 2, 4)
    creatine = np.full(shape, level)
    volumes = Volumes(
        {"NAA": 3 * creatine, "tCr": creatine}, {"NAA": np.full(shape, 5.0), "tCr": np.full(shape, 8.0)},
        np.full(shape, 20.0), np.full(shape, 0.05), np.ones(shape), np.diag([-3.4, 3.4, 5.2, 1]),
    )  # fmt: skip
    brain = np.ones(shape, bool)
    brain[0, 0, 0] = False
    valid = {"NAA": brain.copy(), "tCr": brain.copy()}
    valid["NAA"][1, 1, 1] = False
    for volume in [*volumes.concentration.values(), *volumes.sd.values(), volumes.snr, volumes.fwhm]:
        volume[0, 0, 0] = 1e9  # outside: it must not count
    volumes.concentration["NAA"][1, 1, 1] = np.nan
    valid["tCr"][:, :, 2:] = False
    volumes.concentration["tCr"][:, :, 2:] = 1e-3
    return volumes, valid, brain


def test_the_numbers_of_a_scan_are_those_of_its_valid_voxels():
    found = characteristics(*scan())
    assert found["level"] == {"NAA": 6.0, "tCr": 2.0} and found["ratio"] == {"NAA": 3.0, "tCr": 1.0}
    assert found["sd_percent"] == {"NAA": 5.0, "tCr": 8.0}
    assert found["rejected"] == {"NAA": pytest.approx(1 / 15, rel=1e-3), "tCr": pytest.approx(8 / 15, rel=1e-3)}
    assert (found["snr"], found["fwhm_ppm"], found["voxel_mm"]) == (20.0, 0.05, [3.4, 3.4, 5.2])


def test_ratios_are_the_same_in_any_unit_and_levels_are_not():
    one, other = (characteristics(*scan(level)) for level in (2.0, 2000.0))
    assert one["ratio"] == other["ratio"] and one["level"] != other["level"]


def test_what_no_voxel_has_is_none():
    volumes, valid, brain = scan()
    volumes.fwhm[:] = np.nan
    valid["NAA"][:] = False
    found = characteristics(volumes, valid, brain)
    assert found["fwhm_ppm"] is None and found["level"]["NAA"] is None and found["ratio"]["NAA"] is None
    assert found["rejected"]["NAA"] == 1
    whole = characteristics(*scan())
    assert distribution([found, whole])["level"]["NAA"] == [6.0] * 5
    assert distribution([found, found])["fwhm_ppm"] is None


def test_the_slices_of_a_participant_are_found_in_the_volumes_of_the_scan():
    slices = participant("sub-1", 1)
    found = characteristics_of_slices(volumes_of(slices), slices)
    for index, name in enumerate(slices.metabolites):
        maps, valid = slices.maps[:, index], slices.valid[:, index]
        assert found["level"][name] == pytest.approx(np.median(maps[valid]), rel=1e-3)
        rejected = 1 - valid[slices.brain].mean()
        assert found["rejected"][name] == pytest.approx(rejected, rel=1e-3) and rejected > 0


def test_the_distribution_has_the_percentiles_of_each_number_over_scans():
    scans = [characteristics(*scan(level)) for level in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found = distribution(scans)
    assert found["level"]["tCr"] == [1.2, 2.0, 3.0, 4.0, 4.8] and found["percentiles"] == [5, 25, 50, 75, 95]
    assert found["scans"] == 5 and found["reference"] == "tCr" and found["voxel_mm"] == [3.4, 3.4, 5.2]
