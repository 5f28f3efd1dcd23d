"""Figures of maps, drawn from small kept contents: panels, colour bars with units, words that can be read."""

from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
from legible import illegible
from matplotlib.text import Text
from shown_content import colour_bars, content, on_panels, panels, shown_map, shown_slice, words

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.views import View
from mrsi_sr.report.figures.words import fitted, largest_points, width_inch
from mrsi_sr.settings.figure import MOST_PANELS
from mrsi_sr.settings.report import FigureSettings

METABOLITES = ["tCr", "tCho", "NAA", "Glu", "Gln", "Ins", "Gly"]
SLICES = [shown_slice(f"sub-{i}", seed=i) for i in (1, 2, 3)]
FTDDM = ["munet_fs_cwgan", "flow_enhancer_multiscale", "ddpm_1000_published", "tdpm_100_published", "ftddm_100"]
LABELS = dict(
    zip(FTDDM, ["MUNet-FS-cWGAN", "Flow Enhancer", "DDPM (T=1000)", "TDPM (Ttrunc=100)", "FTDDM (Ttrunc=100)"],
        strict=True)
)  # fmt: skip
SWEEP = [f"ftddm@{value:g}" for value in (0, 0.2, 0.4, 0.6, 0.8, 1)]


def draw(shown, /, labels=LABELS, **keys):
    settings = FigureSettings.of(
        figure={"kind": shown.facts.kind} | keys, labels=labels, experiment="toy", cohort="tiny", phantom=True,
        folds_in_all=5,
    )  # fmt: skip
    return import_module(f"mrsi_sr.report.figures.{shown.facts.kind}").draw(shown, settings)


def of_ftddm():
    """Content of FTDDM's figures 3 and 4: two participants, and a method with repeated samples."""
    maps = [shown_map(each, name, 4, FTDDM) for each, name in zip(SLICES, ("tCr", "Gly"), strict=False)]
    for each in maps:
        each.samples["ftddm_50_samples"] = shown_map(each.of_slice, methods=["a"], samples=50).samples["a"]
    return content("qualitative", maps, FTDDM)


def of_sharpness():
    """Content of the multi-scale paper's figure 3: three metabolites of three participants at three sizes."""
    sweep = [f"sharpness@{value:g}" for value in (0, 0.03, 0.06, 0.09)]
    kept = zip(SLICES, ("tCho", "Gln", "Ins"), (12, 10, 8), strict=True)
    return content("qualitative", [shown_map(each, name, size, sweep) for each, name, size in kept], sweep)


def of_metabolites(*sizes):
    return content("metabolites", [shown_map(SLICES[0], name, size) for size in sizes for name in METABOLITES])


def of_samples():
    drawn = shown_map(SLICES[0], methods=["flow"], samples=100)
    drawn.samples["munet"] = shown_map(SLICES[0]).samples["munet"]
    return content("samples", [drawn])


THREE = ["psnr", "ssim", "lpips_alex"]
# Content and settings of each figure of maps in the papers; its panels in each row, and its colour bars.
FIGURES = {
    "FTDDM 3 and 4": (of_ftddm, {"deviation": "ftddm_50_samples"}, [8, 7] * 2,
                      ["tCr (mM)", "|error| (mM)", "SD (mM)", "Gly (mM)", "|error| (mM)", "SD (mM)"]),
    "FTDDM 7b": (lambda: content("qualitative", [shown_map(SLICES[0], "Ins", 4, SWEEP)], SWEEP),
                 {"errors": False, "zero_filled": False}, [8], ["Ins (mM)"]),
    "FTDDM 9": (lambda: of_metabolites(8), {"method": "munet"}, [3, 7, 7, 7], [f"{name} (mM)" for name in METABOLITES]),
    "FTDDM S1": (lambda: of_metabolites(6, 4, 2), {"method": "munet", "sizes": [6, 4, 2]}, [3, *[7] * 7],
                 [f"{name} (mM)" for name in METABOLITES]),
    "multi-scale 3": (of_sharpness, {"errors": False, "scores": THREE}, [7] * 3, ["tCho (mM)", "Gln (mM)", "Ins (mM)"]),
    "flow enhancer 2": (lambda: content("qualitative", [shown_map(each, name) for each, name in zip(
                            SLICES, ("tCho", "NAA", "tCr"), strict=True)]),
                        {"errors": False, "scores": []}, [4] * 3, ["tCho (mM)", "NAA (mM)", "tCr (mM)"]),
    "flow enhancer 4": (of_samples, {"method": "flow", "first": "munet"}, [5, 5],
                        ["tCho (mM)", "tCho (mM)", "SD (mM)"]),
}  # fmt: skip


@cache
def drawn(name):
    """A papers' figure, drawn once for all tests."""
    shown, keys, *_ = FIGURES[name]
    return draw(shown(), title=f"Figure {name}", **keys)


@pytest.mark.parametrize("name", FIGURES)
def test_a_papers_figure_has_its_panels_and_colour_bars_and_can_be_read(name):
    figure, (*_, in_rows, bars) = drawn(name), FIGURES[name]
    assert illegible(figure) == [] and on_panels(figure) == []
    assert [len(row) for row in panels(figure)] == in_rows
    assert sorted(colour_bars(figure)) == sorted(bars)
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(sizes) >= 5 and max(sizes) <= 7
    width, height = figure.get_size_inches()
    assert width == style.PAGE_INCH and height <= style.PAGE_HEIGHT_INCH


@pytest.mark.parametrize("name", ["FTDDM 7b", "flow enhancer 4"])
def test_in_one_column_panels_stand_in_more_rows(name):
    shown, keys, in_rows, _ = FIGURES[name]
    figure = draw(shown(), width="single", **keys)
    assert illegible(figure) == [] and on_panels(figure) == []
    assert sum(map(len, panels(figure))) == sum(in_rows) and len(panels(figure)) > len(in_rows)
    assert figure.get_size_inches()[0] == style.COLUMN_INCH


def images(figure):
    return [[axes.images[0].get_array() for axes in row] for row in panels(figure)]


def test_maps_of_a_row_share_a_window_and_so_do_its_errors():
    rows = panels(drawn("FTDDM 3 and 4"))
    for above, below in (rows[:2], rows[2:]):
        assert len({axes.images[0].get_clim() for axes in above[1:]}) == 1
        assert len({axes.images[0].get_clim() for axes in below[:-1]}) == 1
    assert rows[0][1].images[0].get_clim() != rows[1][0].images[0].get_clim()


def test_an_error_is_the_difference_from_the_ground_truth_below_its_map():
    rows = images(drawn("FTDDM 3 and 4"))
    *maps, truth = rows[0][1:]
    for image, error in zip(maps, rows[1][:-1], strict=True):
        assert np.allclose(np.abs(np.nan_to_num(image) - np.nan_to_num(truth)), error, atol=1e-6)


def test_the_deviation_is_that_of_all_samples_and_framed():
    shown = of_ftddm()
    last = panels(drawn("FTDDM 3 and 4"))[1][-1]
    spread = np.std(shown.maps[0].samples["ftddm_50_samples"], axis=0, ddof=1)
    cut = View(shown.maps[0], "mM").of_spread(spread, None).image
    assert np.allclose(last.images[0].get_array(), cut.T)
    assert [patch.get_edgecolor()[0] > 0.8 for patch in last.patches] == [True]


def test_a_standard_deviation_of_one_sample_is_refused():
    with pytest.raises(UserError, match="ftddm_100 has one sample of sub-1, slice 11, tCr"):
        draw(of_ftddm(), deviation="ftddm_100")
    with pytest.raises(UserError, match="munet has one sample of sub-1, slice 11, tCho"):
        draw(of_samples(), method="munet")


def test_the_samples_are_shown_with_their_mean_and_magnified_deviation():
    shown = of_samples()
    samples = shown.maps[0].samples["flow"]
    view = View(shown.maps[0], "mM")
    flat = [image for row in panels(draw(shown, method="flow", shown=3, magnification=4.0)) for image in row]
    assert len(flat) == 1 + 1 + 3 + 2
    *_, mean, spread = flat
    assert np.allclose(mean.images[0].get_array(), view.of_map(samples.mean(axis=0)).image.T, equal_nan=True)
    assert spread.images[0].get_clim()[1] == pytest.approx(mean.images[0].get_clim()[1] / 4)


def test_scores_stand_under_the_maps_and_what_is_not_available_is_said():
    found = words(drawn("multi-scale 3"))
    assert found.count("23.4/0.876/0.0432") == 12
    assert found.count("23.4/0.876/n/a") == 3
    assert words(drawn("FTDDM 3 and 4")).count("NRMSE 0.125") == 12


def test_the_zero_filled_map_of_a_method_takes_its_place_and_label():
    shown = content("qualitative", [shown_map(SLICES[0], methods=["munet", "zf"])], zero_filled="zf")
    figure = draw(shown, labels={"zf": "Interpolated"})
    assert "Interpolated" in words(figure) and "Zero-filled" not in words(figure)
    assert np.array_equal(
        images(figure)[0][1], View(shown.maps[0], "mM").of_map(shown.maps[0].samples["zf"][0]).image.T, equal_nan=True
    )


@pytest.mark.parametrize("kind", ["qualitative", "metabolites", "samples"])
def test_the_caption_says_what_is_shown_and_where_it_comes_from(kind):
    name = {"qualitative": "FTDDM 7b", "metabolites": "FTDDM 9", "samples": "flow enhancer 4"}[kind]
    caption = words(drawn(name))
    facts = (f"Figure {name}.", "sub-1, slice 11", f"to 16×16 (s = {2 if kind == 'metabolites' else 4})", "one window",
             "outline of the lesion", "protocol clean", "cohort tiny (phantom", "fold 2 of 5", "training seed 1",
             "Experiment toy", "inside the quality mask", "Configuration 0123456789abcdef", "Neurological")  # fmt: skip
    assert [fact for fact in facts if not any(fact in text for text in caption)] == []


def test_without_a_lesion_no_outline_is_spoken_of():
    without = replace(SLICES[0], lesion=np.zeros_like(SLICES[0].lesion))
    texts = words(draw(content("qualitative", [shown_map(without)])))
    assert not any("lesion" in text for text in texts)


@pytest.mark.parametrize(("first_axis", "convention"), [(3.4, "Neurological"), (-3.4, "Radiological")])
def test_the_caption_tells_on_which_side_left_is(first_axis, convention):
    turned = replace(SLICES[0], affine=np.diag([first_axis, 3.4, 3.4, 1]))
    assert any(convention in text for text in words(draw(content("qualitative", [shown_map(turned)]))))


def test_the_front_of_the_head_is_up_however_the_scan_is_stored():
    stored = [replace(SLICES[0], affine=np.diag([1, y, 1, 1])) for y in (1, -1)]
    image = np.arange(256.0).reshape(16, 16) + 1
    seen = [View(shown_map(each), "mM").of_map(image).image for each in stored]
    assert np.array_equal(seen[0], seen[1][:, ::-1])


def test_map_and_mri_show_the_same_part_of_the_head():
    image = np.random.default_rng(0).random((16, 16))
    fine = np.kron(image, np.ones((3, 3)))
    view = View(shown_map(replace(SLICES[0], t1=fine)), "mM")
    assert np.array_equal(np.kron(view.of_spread(image, None).image, np.ones((3, 3))), view.of_mri("t1").image)


def test_labels_and_units_are_words_and_no_formulas():
    formula = "$\\frac$ _{x}^"
    shown = replace(content("qualitative", [shown_map(SLICES[0], methods=[formula])], [formula]), unit=formula)
    figure = draw(shown, title=formula)
    assert illegible(figure) == []
    assert f"tCho ({formula})" in words(figure)


def test_long_words_are_broken_or_cut_and_never_lie_on_others():
    name = "participant_with_a_name_that_is_as_long_as_a_folder_may_have_it"
    methods = [f"Super-resolution by method number {k} with all its details" for k in range(5)]
    long = replace(SLICES[0], participant=name)
    shown = content("qualitative", [shown_map(long, methods=methods)], methods)
    figure = draw(replace(shown, unit="a.u. per " + "x" * 40), errors=False)
    assert illegible(figure) == [] and on_panels(figure) == []
    assert any(name in text for text in words(figure))


def test_values_of_any_magnitude_have_numbers_beside_their_bars():
    for factor in (1e-7, 1e7):
        shown = shown_map(SLICES[0])
        larger = replace(shown, truth=shown.truth * factor, samples={"munet": shown.samples["munet"] * factor})
        figure = draw(content("qualitative", [larger]), width="single")
        assert illegible(figure) == [] and on_panels(figure) == []


def test_a_method_that_equals_the_ground_truth_has_black_errors():
    shown = shown_map(SLICES[0])
    same = replace(shown, zero_filled=shown.truth, samples={"munet": shown.truth[None]})
    figure = draw(content("qualitative", [same]), width="single")
    assert illegible(figure) == [] and on_panels(figure) == []
    assert not np.any(images(figure)[1][1])


def test_a_figure_that_no_page_holds_is_refused_with_what_to_do():
    methods = [f"method {k}" for k in range(5)]
    maps = [shown_map(each, methods=methods) for each in SLICES * 4]
    with pytest.raises(UserError, match=r"does not fit on a page of 3\.5 x 9\.5 inches") as error:
        draw(content("qualitative", maps, methods), width="single")
    assert "show fewer maps or methods, or set width: double" in str(error.value)


@pytest.mark.slow
def test_as_many_methods_as_a_figure_may_have_are_drawn():
    methods = [f"method {k} with a long name" for k in range(MOST_PANELS)]
    figure = draw(content("qualitative", [shown_map(SLICES[0], methods=methods)], methods))
    assert illegible(figure) == [] and on_panels(figure) == []
    assert sum(map(len, panels(figure))) == 2 * (MOST_PANELS + 2) + 1


def test_words_are_made_smaller_before_one_is_broken():
    width = width_inch("Interpolated", 6.0)
    assert largest_points(["Interpolated", "a"], width) == 6.0
    assert fitted("Interpolated map", width, 6.0) == "Interpolated\nmap"
    assert fitted("Interpolated", width, 7.0).count("\n") == 1
    assert fitted("Interpolated map by hand", width, 6.0, lines=1).endswith("…")
