"""Laws of the quality mask."""

import numpy as np
import pytest
from synthetic_scan import METABOLITES, VOXEL_MM, scan

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import quality_montage, style
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan import grid, quality
from mrsi_sr.scan.nifti import write_nifti
from mrsi_sr.scan.quality import BIT, RULES
from mrsi_sr.scan.volumes import Status
from mrsi_sr.settings.cohort import QualitySettings

OFF = {
    "min_snr": None, "max_fwhm_ppm": None, "max_sd_percent": None, "brain_only": False, "skull_margin_mm": None,
    "outlier_multiple": None,
}  # fmt: skip
CENTRE = (12, 12, 7)


def reasons_at(volumes, brain, voxel=CENTRE, metabolite="NAA", **settings):
    """The names of a voxel's reasons."""
    flags = quality.assess(volumes, brain, QualitySettings.of(**OFF | settings))[metabolite][voxel]
    return [rule for rule in RULES if flags & BIT[rule]]


def test_a_good_voxel_is_valid_under_the_default_rules():
    volumes, brain = scan()
    assert all((quality.assess(volumes, brain, QualitySettings.of())[m][CENTRE] == 0) for m in METABOLITES)


def test_zero_is_a_legal_fit():
    volumes, brain = scan()
    volumes.concentration["NAA"][CENTRE] = 0
    volumes.sd["NAA"][CENTRE] = np.nan
    assert quality.assess(volumes, brain, QualitySettings.of())["NAA"][CENTRE] == 0


@pytest.mark.parametrize("status", [status for status in Status if status != Status.OK])
def test_a_voxel_that_was_not_fitted_is_rejected_whatever_the_settings(status):
    volumes, brain = scan()
    volumes.status[CENTRE] = status
    assert reasons_at(volumes, brain) == ["not_fitted"]


@pytest.mark.parametrize(
    ("figure", "good", "bad", "setting", "rule"),
    [
        ("snr", 3, 2, {"min_snr": 2.5}, "low_snr"),
        ("snr", 2.5, 2.4, {"min_snr": 2.5}, "low_snr"),  # of an external map; at the limit is good enough
        ("snr", 3, 2, {"min_snr": 3}, "low_snr"),
        ("fwhm", 0.15, 0.151, {"max_fwhm_ppm": 0.15}, "broad_line"),
        ("fwhm", 0.15, 0, {"max_fwhm_ppm": 0.15}, "missing_value"),
        ("fwhm", 0.15, np.nan, {"max_fwhm_ppm": 0.15}, "missing_value"),
        ("snr", 3, np.nan, {"min_snr": 2.5}, "missing_value"),
        ("sd", 20, 21, {"max_sd_percent": 20}, "high_sd"),
        ("sd", 20, np.nan, {"max_sd_percent": 20}, "high_sd"),
        ("concentration", 0, np.nan, {}, "missing_value"),
    ],
)
def test_each_limit_rejects_beyond_it_only(figure, good, bad, setting, rule):
    volumes, brain = scan()
    values = getattr(volumes, figure)
    values = values["NAA"] if isinstance(values, dict) else values
    values[CENTRE] = good
    assert reasons_at(volumes, brain, **setting) == []
    values[CENTRE] = bad
    assert reasons_at(volumes, brain, **setting) == [rule]
    if setting:
        assert reasons_at(volumes, brain) == []


def test_a_metabolite_is_not_rejected_for_another_ones_value():
    volumes, brain = scan()
    volumes.concentration["NAA"][CENTRE] = np.nan
    assert reasons_at(volumes, brain, metabolite="tCho") == []


def test_a_voxel_keeps_all_its_reasons():
    volumes, brain = scan()
    volumes.snr[CENTRE], volumes.fwhm[CENTRE], volumes.sd["NAA"][CENTRE] = 1, 0.3, 80
    limits = {"min_snr": 2.5, "max_fwhm_ppm": 0.15, "max_sd_percent": 40}
    assert reasons_at(volumes, brain, **limits) == ["low_snr", "broad_line", "high_sd"]


def test_flags_are_one_bit_per_rule_in_the_order_of_rules():
    assert [int(BIT[rule]) for rule in RULES] == [1, 2, 4, 8, 16, 32, 64, 128]
    volumes, brain = scan()
    assert quality.assess(volumes, brain, QualitySettings.of())["NAA"].dtype == np.uint16


def test_the_margin_is_counted_from_the_edge_of_the_brain_in_mm():
    volumes, _ = scan()
    brain = np.zeros(volumes.shape, bool)
    brain[4:20] = True  # a slab: depth grows by a voxel along i, and nowhere else
    depth = quality.depth_mm(brain, volumes.affine)[:, 5, 5]
    assert depth[3] == 0
    assert np.allclose(depth[4:8], VOXEL_MM * np.array([0.5, 1.5, 2.5, 3.5]))
    volumes.status[:] = Status.OK
    volumes.concentration["NAA"][:] = 8
    assert reasons_at(volumes, brain, (5, 5, 5), skull_margin_mm=5.2) == ["near_skull"]
    assert reasons_at(volumes, brain, (6, 5, 5), skull_margin_mm=5.2) == []
    assert reasons_at(volumes, brain, (3, 5, 5), skull_margin_mm=5.2, brain_only=True) == ["outside_brain"]


def test_neither_holes_in_the_brain_nor_the_limits_of_the_matrix_are_skull():
    volumes, brain = scan()
    holed = brain.copy()
    holed[11:13, 11:13, 6:8] = False
    assert np.array_equal(quality.depth_mm(holed, volumes.affine), quality.depth_mm(brain, volumes.affine))
    assert np.isinf(quality.depth_mm(np.ones((4, 4, 4), bool), volumes.affine)).all()


def test_outliers_are_clipped_and_lesions_are_not():
    volumes, brain = scan()
    white_matter = np.nanmedian(volumes.concentration["NAA"])
    volumes.concentration["NAA"][10:14, 10:14, 5:9] = 5 * 1.2 * white_matter  # 5 times normal, and 20 % of noise
    volumes.concentration["NAA"][8, 12, 7] = 9 * white_matter
    assert reasons_at(volumes, brain, outlier_multiple=8) == []
    assert reasons_at(volumes, brain, (8, 12, 7), outlier_multiple=8) == ["outlier"]


def test_voxels_rejected_for_another_reason_and_zeros_do_not_move_the_outlier_limit():
    volumes, brain = scan()
    volumes.concentration["NAA"][8, 12, 7] = 9 * np.nanmedian(volumes.concentration["NAA"])
    lipid = brain & (quality.depth_mm(brain, volumes.affine) < 5.5)
    volumes.concentration["NAA"][lipid] = 500
    volumes.concentration["NAA"][9:15, 9:15, :7] = 0
    assert lipid.sum() > 0.3 * brain.sum()
    assert reasons_at(volumes, brain, (8, 12, 7), outlier_multiple=8, skull_margin_mm=5.5) == ["outlier"]


def test_rules_that_are_off_need_no_brain_mask():
    volumes, _ = scan()
    assert not quality.needs_brain(QualitySettings.of(**OFF))
    assert reasons_at(volumes, None) == []


def test_sd_that_a_sum_of_parts_lacks_cannot_be_limited():
    volumes, brain = scan()
    volumes.sd["tCho"][:] = np.nan
    with pytest.raises(UserError, match="no %SD for tCho, but max_sd_percent is 20"):
        quality.assess(volumes, brain, QualitySettings.of(max_sd_percent=20))


def test_a_scan_without_a_valid_voxel_is_refused_with_the_reasons():
    volumes, brain = scan()
    volumes.snr[:] = 1
    with pytest.raises(UserError, match=r"no valid voxel is left of tCho, NAA\n.*low_snr"):
        quality.assess(volumes, brain, QualitySettings.of())


def test_external_maps_replace_the_volumes_own_voxel_by_voxel(tmp_path):
    volumes, _ = scan()
    snr = np.arange(volumes.snr.size, dtype=np.float32).reshape(volumes.shape)
    write_nifti(tmp_path / "sub-01_snr.nii.gz", snr[:, ::-1], volumes.affine @ flip_j(volumes.shape[1]))
    settings = QualitySettings.of(snr_map=str(tmp_path / "{participant}_snr.nii.gz"))
    replaced = quality.with_external_maps(volumes, settings, "sub-01")
    assert np.array_equal(replaced.snr, snr)
    assert replaced.fwhm is volumes.fwhm


def flip_j(size):
    """The affine that reads an axis j of this size backwards."""
    affine = np.diag([1.0, -1.0, 1.0, 1.0])
    affine[1, 3] = size - 1
    return affine


def test_an_external_map_of_another_place_is_refused(tmp_path):
    volumes, _ = scan()
    write_nifti(tmp_path / "snr.nii.gz", volumes.snr, grid.translated(volumes.affine, [500, 0, 0]))
    with pytest.raises(UserError, match="does not overlap the scan in space"):
        quality.with_external_maps(volumes, QualitySettings.of(snr_map=str(tmp_path / "snr.nii.gz")), "sub-01")


@pytest.mark.parametrize(
    "wrong",
    [{"min_snr": -1}, {"max_fwhm_ppm": "0.15"}, {"outlier_multiple": 0.5}, {"brain_only": 1}, {"snr_map": 3}],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))} is"):
        QualitySettings.of(**wrong)


def test_saved_masks_reasons_and_counts_agree(tmp_path):
    volumes, brain = scan()
    reasons = quality.assess(volumes, brain, QualitySettings.of())
    quality.save(reasons, volumes.affine, tmp_path / "mask")
    masks = quality.load_masks(tmp_path / "mask", METABOLITES, volumes.shape, tmp_path)
    for metabolite in METABOLITES:
        assert np.array_equal(masks[metabolite], reasons[metabolite] == 0)
        stored = grid.resample(
            tmp_path / "mask" / f"{metabolite}_reasons.nii.gz", volumes.affine, volumes.shape, "nearest"
        )
        assert np.array_equal(stored, reasons[metabolite])
    lines = (tmp_path / "mask" / "counts.csv").read_text().splitlines()
    assert lines[0] == "metabolite,reason,voxels"
    assert lines[1] == f"tCho,valid,{masks['tCho'].sum()}"
    assert len(lines) == 1 + len(METABOLITES) * (1 + len(RULES))


@pytest.mark.parametrize(("metabolites", "shape", "message"), [
    (["Lac"], (24, 24, 14), "no quality mask"),
    (["NAA"], (24, 24, 15), "but the volumes are"),
])  # fmt: skip
def test_masks_that_do_not_fit_the_volumes_are_refused(metabolites, shape, message, tmp_path):
    volumes, brain = scan()
    quality.save(quality.assess(volumes, brain, QualitySettings.of()), volumes.affine, tmp_path / "mask")
    with pytest.raises(UserError, match=message):
        quality.load_masks(tmp_path / "mask", metabolites, shape, tmp_path)


def test_the_mask_of_another_scan_is_refused_though_it_has_the_same_shape(tmp_path):
    for seed, name in enumerate(("sub-01", "sub-02")):
        volumes, brain = scan(seed=seed)
        volumes.save(tmp_path / name)
        with Provenance({}, [tmp_path / name], code={}).folder(tmp_path / f"mask-{name}") as folder:
            quality.save(quality.assess(volumes, brain, QualitySettings.of()), volumes.affine, folder)
    given = (METABOLITES, volumes.shape)
    assert quality.load_masks(tmp_path / "mask-sub-01", *given, tmp_path / "sub-01").keys() == set(METABOLITES)
    for load in (quality.load_masks, quality.load_reasons):
        with pytest.raises(UserError, match=r"mask-sub-01 was not made from .*sub-02"):
            load(tmp_path / "mask-sub-01", *given, tmp_path / "sub-02")


@pytest.mark.parametrize(("voxels", "warned"), [(0, False), (4, False), (9, True)])
def test_a_brain_mask_that_misses_a_third_of_the_fitted_voxels_is_pointed_out(voxels, warned, caplog):
    volumes, brain = scan()
    shifted = np.roll(brain, voxels, axis=0)
    outside = np.count_nonzero(brain & ~shifted)
    quality.assess(volumes, shifted, QualitySettings.of(**OFF | {"brain_only": True}))
    said = f"{outside} of {brain.sum()} fitted voxels ({100 * outside / brain.sum():.0f} %) lie outside the brain mask"
    assert (said in caplog.text) == ("outside the brain mask" in caplog.text) == warned


def test_the_montage_colours_a_voxel_by_its_first_reason_and_leaves_valid_ones():
    flags = np.array([[0, BIT["low_snr"]], [BIT["low_snr"] | BIT["outside_brain"], BIT["high_sd"] | BIT["outlier"]]])
    image = quality_montage.reason_image(flags)
    assert image.mask[0, 0]
    names = [quality_montage.ORDER[position] for position in image.compressed()]
    assert names == ["low_snr", "outside_brain", "outlier"]
    assert set(quality_montage.ORDER) == set(RULES) == set(quality_montage.REASON_LABELS)


def test_the_montage_is_drawn_with_a_title_its_units_and_the_reasons(tmp_path):
    volumes, brain = scan()
    settings = QualitySettings.of()
    reasons = quality.assess(volumes, brain, settings)
    figure = quality_montage.montage("sub-01", volumes, reasons, brain, settings, "mM")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    labels = {axes.get_ylabel() for axes in figure.axes}
    style.save(figure, png=tmp_path / "mask.png", pdf=tmp_path / "mask.pdf")
    assert "sub-01" in figure.get_suptitle()
    assert any("nearer to the skull than 5.5 mm" in text for text in texts)
    assert {"ppm", "mM"} <= labels
    assert (tmp_path / "mask.png").stat().st_size > 10_000
    assert (tmp_path / "mask.pdf").stat().st_size > 1_000
