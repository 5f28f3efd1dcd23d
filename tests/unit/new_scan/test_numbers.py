"""Numbers of a scan's page: those of its maps, counted where there is something to count."""

from dataclasses import replace

import numpy as np
import pytest

from mrsi_sr.new_scan import numbers
from mrsi_sr.new_scan.result import SuperResolved


def test_a_maps_numbers_are_those_of_its_voxels(result):
    by_name = {each.name: each for each in numbers.of_maps(result)}
    assert list(by_name) == ["tCr", "tCho", "NAA", "tCho/NAA"]
    maps = result.mean["tCho"]
    inside = np.isfinite(maps)
    found = by_name["tCho"]
    assert (found.voxels, found.unit, by_name["tCho/NAA"].unit) == (inside.sum(), "mM", "")
    assert found.median == pytest.approx(np.median(maps[inside]))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(maps[inside], [5, 95])))
    assert found.sd == pytest.approx(np.median(result.sd["tCho"][inside]))
    assert found.lesion == pytest.approx(np.nanmean(maps[result.scan.lesion]))
    assert found.lesion > 1.5 * found.median  # choline is raised there
    assert by_name["tCho/NAA"].zero_filled is None


def test_what_there_is_none_of_is_none(result, scan):
    without = replace(result, scan=replace(scan, lesion=None), sd={})
    assert {(each.lesion, each.sd) for each in numbers.of_maps(without)} == {(None, None)}
    regridded = SuperResolved.regridded(scan, [])
    assert [each.median for each in numbers.of_maps(regridded)] == [None] * 3
    assert numbers.of_fit(regridded) == []


def test_the_fit_is_in_percent_with_the_worst_slice(result):
    misfit = result.misfit | {"NAA": np.array([0.01, 0.02, np.nan])}
    fit = numbers.of_fit(replace(result, misfit=misfit))[-1]
    assert (fit.name, fit.before, fit.after, fit.largest) == ("NAA", *map(pytest.approx, (20, 1.5, 2)))


def test_every_missing_voxel_of_the_brain_has_a_reason(result):
    for each in numbers.of_missing(result.scan):
        assert each.brain == result.scan.brain.sum()
        assert set(each.reasons) == {"near_skull", "low_snr"}
        assert max(each.reasons.values()) <= each.brain - each.valid <= sum(each.reasons.values())
        assert each.filled == each.reasons["low_snr"] == 16  # one acquired voxel


def test_numbers_stand_in_the_order_of_the_maps(result):
    """Those of ratios too, so that equal results give equal pages."""
    ratios = [f"{above}/{below}" for above in result.zero_filled for below in result.zero_filled if above != below]
    mean = {name: result.mean[name] for name in result.zero_filled}
    many = replace(result, mean=mean | dict.fromkeys(ratios, result.mean["tCho/NAA"]))
    assert [each.name for each in numbers.of_maps(many)] == [*result.zero_filled, *ratios]
