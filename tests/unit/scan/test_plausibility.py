"""Laws of ready-made maps' values: LCModel's are never negative, and each quantity has its unit."""

import numpy as np
import pytest
from synthetic_scan import scan

from mrsi_sr.cli import UserError
from mrsi_sr.scan import quality
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.plausibility import estimates
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
