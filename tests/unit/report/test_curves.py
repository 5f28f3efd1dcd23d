"""Laws of curves: points lie where the scores say, lines are told apart in grey, axes are named, words are legible."""

from itertools import pairwise

import long_scores
import numpy as np
import pytest
from legible import illegible
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import curves, scored, style
from mrsi_sr.settings.report import FigureSettings

EVALUATIONS = {"ddpm": 1000, "ftddm_20": 21, "ftddm_100": 101, "tdpm_100": 101}
METHODS = {name: {"nfe": nfe} for name, nfe in EVALUATIONS.items()}
LINES = {"DDPM": ["ddpm"], "FTDDM": ["ftddm_100", "ftddm_20"], "TDPM": ["tdpm_100"]}
SCORES = {"nrmse": 0.2, "psnr": 28.0, "ssim": 0.9}
POINTS = ["0", "0.5", "1"]
SWEPT = {"flow": {"points": POINTS, "sweep": {"key": "temperature", "values": [0, 0.5, 1]}}}
SWEEP = [f"flow@{point}" for point in POINTS]


def value(each):
    base = SCORES.get(each.metric, 0.1)
    shift = (float(each.point) if each.point else EVALUATIONS.get(each.method, 0) / 1000) * 0.05
    own = int(each.participant[-1]) * (0.01 + 0.01 * (each.size == 16))  # means differ from medians
    return base * (1 + shift + each.size / 1000 + own)


def draw(folder, figure, methods=METHODS, value=value, metrics=("nrmse", "psnr", "ssim"), **settings) -> Figure:
    files, records = long_scores.write(folder, methods, value, metrics=metrics)
    keys = {"experiment": "demo", "cohort": "toys", "phantom": True} | settings
    lines = [{"label": label, "methods": own} for label, own in figure["lines"].items()]
    settings = FigureSettings.of(figure=figure | {"kind": "curves", "lines": lines}, **keys)
    return curves.draw(scored.read(files, records, settings), settings)


def points(axes, colour: int) -> np.ndarray:
    """Points of the line of this number, [N, 2]."""
    (own,) = (
        each for each in axes.lines if each.get_color() == style.line(colour)["color"] and each.get_marker() != "None"
    )
    return own.get_xydata()


def mean(method: str, metric: str, sizes=(8, 16), point="") -> float:
    maps = [("sub-10", size) for size in sizes] + [("sub-11", size) for size in sizes]
    each = (long_scores.Map(method, point, 1, name, 7, "tCr", size, metric) for name, size in maps)
    return float(np.mean([value(one) for one in each]))


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_scores_stand_over_their_number_of_evaluations_on_a_logarithmic_axis(tmp_path):
    figure = draw(tmp_path, {"lines": LINES, "x": "nfe", "pool_sizes": True})
    assert [axes.get_ylabel() for axes in figure.axes] == ["NRMSE ↓", "PSNR (dB) ↑", "SSIM ↑"]
    for axes, metric in zip(figure.axes, SCORES, strict=True):
        assert axes.get_xscale() == "log" and axes.get_xlabel() == "Number of network evaluations"
        expected = [[21, mean("ftddm_20", metric)], [101, mean("ftddm_100", metric)]]
        assert points(axes, 1) == pytest.approx(np.array(expected))
        assert points(axes, 0) == pytest.approx(np.array([[1000, mean("ddpm", metric)]]))
    levels = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert [line.get_ydata()[0] for line in levels] == pytest.approx([mean("ddpm", "nrmse"), mean("tdpm_100", "nrmse")])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(LINES)
    assert illegible(figure) == []
    highest = max(axes.get_window_extent().y1 for axes in figure.axes)
    assert figure.legends[0].get_window_extent().y0 > highest and not figure.axes[0].collections
    said = words(figure)
    for fact in (
        "NRMSE, PSNR, SSIM against number of network evaluations.",
        "means over maps of the sizes 8, 16 together",
        "Horizontal lines: methods of one point",
        "Experiment demo",
        "phantom: simulated",
        "Configuration",
    ):
        assert fact in said
    assert "Band" not in said


def test_each_size_has_a_row_of_panels_unless_sizes_are_pooled(tmp_path):
    figure = draw(tmp_path, {"lines": LINES, "x": "nfe", "metrics": ["psnr", "ssim"], "title": "Figure 5"})
    assert [axes.get_title() for axes in figure.axes] == ["8×8 (s = 8)"] * 2 + ["16×16 (s = 4)"] * 2
    assert points(figure.axes[2], 0) == pytest.approx(np.array([[1000, mean("ddpm", "psnr", [16])]]))
    assert words(figure).startswith("Figure 5. Points: means over maps;")
    assert illegible(figure) == []


def test_a_sweep_stands_over_its_values_with_the_standard_error_over_participants(tmp_path):
    figure = draw(
        tmp_path, {"lines": {"Flow": SWEEP[::-1]}, "x": "value", "metrics": ["psnr"], "sizes": [8], "width": "single"},
        SWEPT,
    )  # fmt: skip
    (axes,) = figure.axes
    own = points(axes, 0)
    assert own[:, 0].tolist() == [0, 0.5, 1]
    assert own[:, 1] == pytest.approx([mean("flow", "psnr", [8], point) for point in POINTS])
    (band,) = axes.collections
    participants = [28.0 * (1 + 0.008 + i / 100) for i in (0, 1, 0, 1)]  # two of each fold
    error = np.std(participants, ddof=1) / 2
    low, high = band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()
    assert (low, high) == pytest.approx((own[:, 1].min() - error, own[:, 1].max() + error))
    assert axes.get_xlabel() == "Temperature" and figure.get_figwidth() == style.COLUMN_INCH
    assert "Band: ± standard error over participants." in words(figure)
    assert "(size 8×8, upscaling factor 8)" in words(figure)
    assert illegible(figure) == []


def test_one_metric_stands_over_another_and_the_ends_of_a_sweep_are_named(tmp_path):
    methods = SWEPT | {name: {} for name in ("wgan_1", "wgan_3")}
    lines = {"Flow": SWEEP, "cWGAN": ["wgan_1", "wgan_3"]}
    figure = draw(
        tmp_path, {"lines": lines, "x": "lpips_alex", "metrics": ["psnr", "ssim"], "pool_sizes": True}, methods,
        lambda each: value(each) * (1.1 if each.method == "wgan_3" else 1), ("psnr", "ssim", "lpips_alex"),
    )  # fmt: skip
    flow = [[mean("flow", "lpips_alex", point=point), mean("flow", "psnr", point=point)] for point in POINTS]
    assert points(figure.axes[0], 0) == pytest.approx(np.array(flow))
    wgan = [[factor * mean("wgan", metric) for metric in ("lpips_alex", "ssim")] for factor in (1, 1.1)]
    assert points(figure.axes[1], 1) == pytest.approx(np.array(wgan))
    assert [axes.get_xlabel() for axes in figure.axes] == ["LPIPS (AlexNet) ↓"] * 2
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["0", "1"]
    assert "PSNR, SSIM against LPIPS (AlexNet)." in words(figure)
    assert illegible(figure) == []


@pytest.mark.parametrize("x", ["value", "lpips_vgg"])
def test_a_metric_without_values_is_said_to_be_not_available_in_its_panel(x, tmp_path):
    def scored_without(each):
        return np.nan if each.metric == "lpips_vgg" else value(each)

    figure = draw(
        tmp_path, {"lines": {"Flow": SWEEP}, "x": x, "metrics": ["psnr", "lpips_vgg"], "axis": "Temperature τ"}, SWEPT,
        scored_without, ("psnr", "lpips_vgg"),
    )  # fmt: skip
    said = [[text.get_text() for text in axes.texts if "not available" in text.get_text()] for axes in figure.axes]
    assert [len(each) for each in said] == ([0, 1] * 2 if x == "value" else [1, 1] * 2)
    assert not figure.axes[1].lines and "Not available is LPIPS (VGG): no weights are given." in words(figure)
    assert figure.axes[0].get_xlabel() == "Temperature τ"


def test_ten_lines_differ_in_grey():
    looks = [style.line(number) for number in range(10)]
    assert len({look["marker"] for look in looks}) == 10
    assert all(a["linestyle"] != b["linestyle"] for a, b in pairwise(looks))
    assert all(np.mean(to_rgb(look["color"])) < 0.75 for look in looks)


@pytest.mark.parametrize(
    ("figure", "methods", "said"),
    [
        ({"lines": LINES, "x": "nfe"}, METHODS | {"ddpm": {"nfe": 0}}, "ddpm makes 0 network evaluations"),
        ({"lines": LINES, "x": "value"}, METHODS, "has no sweep"),
        (
            {"lines": {"A": ["flow@tCr", "flow@NAA"]}, "x": "value"},
            {"flow": {"points": ["tCr", "NAA"], "sweep": {"key": "conditioned_metabolite", "values": ["tCr", "NAA"]}}},
            "flow@tCr has no value of conditioned_metabolite along an axis",
        ),
    ],
)
def test_what_has_no_place_along_the_axis_is_refused(figure, methods, said, tmp_path):
    with pytest.raises(UserError, match=said):
        draw(tmp_path, figure, methods, lambda each: 0.5)
