"""Laws of ready-made maps' values: LCModel's are never negative, and each quantity has its unit."""

import numpy as np
import pytest
from synthetic_scan import scan

from mrsi_sr.cli import UserError
from mrsi_sr.scan import quality
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.plausibility import QUANTITIES, estimates, fill_values
from mrsi_sr.scan.volumes import Status
from mrsi_sr.settings.cohort import QualitySettings

RNG = np.random.default_rng(0)
GOOD = {"value": RNG.uniform(4, 9, 1000), "sd": RNG.uniform(2, 40, 1000), "snr": RNG.uniform(2, 40, 1000),
        "fwhm": RNG.uniform(0.02, 0.15, 1000)}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("fill", [-1, -9999, -1e-3, -np.inf, np.nan, np.inf])
@pytest.mark.parametrize("part", [0.1, 0.8])
def test_a_negative_value_is_no_estimate_whatever_number_stands_for_it(kind, fill, part, caplog):
    values = GOOD[kind].astype(np.float32)
    values[: int(1000 * part)] = fill
    read = estimates(kind, values, "map.nii.gz")
    assert np.isnan(read[: int(1000 * part)]).all()
    assert np.array_equal(read[int(1000 * part) :], values[int(1000 * part) :]) and read.dtype == np.float32
    said = f"map.nii.gz: {1000 * part:.0f} negative values" in caplog.text
    assert said is (fill in (-1, -9999, -1e-3))


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("fill", [9999, 999, 65535, 32767, 1e30, 0.001, 1, 100])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.8])
def test_a_value_that_repeats_among_estimates_that_do_not_is_no_estimate(kind, fill, part, caplog):
    count, values = int(1000 * part), GOOD[kind].astype(np.float32)
    values[:count] = fill
    read = estimates(kind, values, "map.nii.gz")
    assert np.isnan(read[:count]).all() and np.array_equal(read[count:], values[count:])
    assert f"map.nii.gz: {count} voxels have the fill value" in caplog.text


def test_several_fill_values_are_found_beside_each_other():
    values = np.r_[GOOD["value"], np.full(500, 9999), np.full(90, 999), np.full(40, 1e30)]
    assert set(fill_values(values)) == {9999, 999, 1e30}


@pytest.mark.parametrize("fill", [9999, 0.001])
def test_far_from_all_others_a_few_voxels_are_enough_where_estimates_repeat_as_often(fill):
    values = np.r_[np.repeat(np.arange(3, 23), np.r_[200:205, 1:11, 200:205]), np.full(60, fill)]
    assert fill_values(values).tolist() == [fill]


def real_maps():
    """Estimates as they are stored: LCModel's digits, whole numbers, scaled integers, a coarse grid on a finer one."""
    rng = np.random.default_rng(1)
    for voxels in (200, 30_000):
        conc = rng.lognormal(1.5, 0.8, voxels)
        yield from (np.round(conc, 3), np.round(conc * 0.01, 3), np.round(conc, 1), conc.astype(np.float32))
        yield np.round(conc / conc.max() * 32767) * 0.01  # int16 with a slope
        yield np.round(conc / 40 / conc.max() * 255)  # few levels
        yield np.clip(np.round(rng.lognormal(2, 1, voxels)), 0, 999)  # %SD, many of them 1
        yield np.round(rng.gamma(2, 8, voxels))  # S/N
        yield 0.005 * np.round(rng.lognormal(2, 0.5, voxels))  # FWHM, in points of the spectrum
        yield np.repeat(np.r_[conc[:1000], 500.0], 27)
    yield np.repeat([1.0, 2, 3, 4, 5, 7, 9, 12, 30], [25, 3, 1, 1, 2, 1, 1, 1, 1])  # %SD of a small scan
    yield np.repeat([1.0, 2, 3, 4, 5, 6, 9, 12, 30], [500, 20_000, 1500, 400, 100, 60, 20, 5, 1])
    yield np.repeat(0.005 * np.arange(5, 15), [1, 3, 900, 30, 5, 2, 1, 2, 1, 1]).astype(np.float32)  # FWHM
    yield np.full(300, 5.0)
    yield np.where(np.arange(300) < 290, 5.0, 6.0)


@pytest.mark.parametrize("values", list(real_maps()))
def test_estimates_that_were_rounded_scaled_or_resampled_are_no_fill_values(values):
    assert not fill_values(values[values > 0]).size


def test_a_fill_value_does_not_decide_what_unit_a_map_is_in():
    values = np.r_[GOOD["fwhm"][:400] * 123, np.full(600, 0.05)]
    with pytest.raises(UserError, match="is it in Hz"):
        estimates("fwhm", values, "map.nii.gz")


def test_values_that_are_no_numbers_are_counted(caplog):
    caplog.set_level("INFO")
    estimates("snr", np.r_[GOOD["snr"], np.nan, np.inf, -np.inf], "map.nii.gz")
    assert "map.nii.gz: 3 values are infinite or not a number" in caplog.text


@pytest.mark.parametrize("kind", sorted(set(QUANTITIES) - {"value"}))
def test_a_map_of_zeros_shows_no_quantity(kind):
    with pytest.raises(UserError, match="it is zero in every fitted voxel"):
        estimates(kind, np.zeros(20), "map.nii.gz")


@pytest.mark.parametrize(("factor", "said"), [(1, False), (1000, True)])
def test_an_unusual_ratio_of_signal_to_noise_is_said(factor, said, caplog):
    estimates("snr", GOOD["snr"] * factor, "map.nii.gz")
    assert ("S/N from" in caplog.text and "is unusual" in caplog.text) is said


def test_zero_is_an_estimate():
    assert estimates("value", np.array([0.0, 5.0]), "map").tolist() == [0, 5]


@pytest.mark.parametrize("kind", GOOD)
def test_a_map_that_is_mostly_negative_is_refused_with_its_range(kind):
    values = GOOD[kind].copy()
    values[:400] *= -1
    estimates(kind, values, "map.nii.gz")
    values[400:505] *= -1
    with pytest.raises(UserError, match=r"map.nii.gz is mostly negative: 505 of 1,000 values, from -.* to \d"):
        estimates(kind, values, "map.nii.gz")


@pytest.mark.parametrize(("kind", "factor", "message"), [
    ("fwhm", 123.2, "no plausible line widths: from 2.* to 18.*(.|\n)*expected ppm.*is it in Hz"),  # at 3 T
    ("fwhm", 1e-6, "expected ppm"), ("sd", 0.01, "expected percent.*is it a fraction"),
    ("snr", 1e5, "expected a ratio"),
])  # fmt: skip
def test_a_map_in_another_unit_is_refused_with_the_unit_expected_and_the_range_seen(kind, factor, message):
    with pytest.raises(UserError, match=message):
        estimates(kind, GOOD[kind] * factor, "map.nii.gz")


def test_external_maps_of_the_quality_mask_are_held_to_the_same(tmp_path):
    volumes, brain = scan()
    write_nifti(tmp_path / "fwhm.nii.gz", np.where(brain, 11, 0).astype(np.float32), volumes.affine)
    with pytest.raises(UserError, match="is it in Hz"):
        quality.with_external_maps(volumes, QualitySettings.of(fwhm_map=str(tmp_path / "fwhm.nii.gz")), "sub-01")
    snr = np.where(brain, volumes.snr, -1).astype(np.float32)
    snr[12, 12, 7] = -9999
    write_nifti(tmp_path / "snr.nii.gz", snr, volumes.affine)
    replaced = quality.with_external_maps(volumes, QualitySettings.of(snr_map=str(tmp_path / "snr.nii.gz")), "sub-01")
    reasons = quality.assess(replaced, brain, QualitySettings.of())["NAA"]
    assert reasons[12, 12, 7] == quality.BIT["missing_value"] and reasons[13, 12, 7] == 0


def test_outside_the_fitted_voxels_an_external_map_may_have_anything(tmp_path):
    volumes, _ = scan()
    fwhm = np.where(volumes.status == Status.OK, 11, RNG.uniform(0.02, 0.15, volumes.shape)).astype(np.float32)
    fwhm[volumes.status == Status.OK] += np.linspace(0, 1, np.count_nonzero(volumes.status == Status.OK))
    assert np.median(fwhm) < 1
    write_nifti(tmp_path / "fwhm.nii.gz", fwhm, volumes.affine)
    with pytest.raises(UserError, match="is it in Hz"):
        quality.with_external_maps(volumes, QualitySettings.of(fwhm_map=str(tmp_path / "fwhm.nii.gz")), "sub-01")


def test_values_of_an_external_map_that_are_no_numbers_are_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    volumes, brain = scan()
    snr = np.where(brain, volumes.snr, np.nan)
    snr[12, 12, 7] = np.inf
    write_nifti(tmp_path / "snr.nii.gz", snr, volumes.affine)
    quality.with_external_maps(volumes, QualitySettings.of(snr_map=str(tmp_path / "snr.nii.gz")), "sub-01")
    assert f"snr.nii.gz: {np.count_nonzero(~brain) + 1:,} values are infinite or not a number" in caplog.text
