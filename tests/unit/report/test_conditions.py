"""Laws of the figure of conditions: each cell its mean, the map's own condition framed, the best one starred."""

from functools import partial

import long_scores
import numpy as np
import pytest
from legible import illegible
from matplotlib.figure import Figure

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import conditions, scored
from mrsi_sr.settings.report import FigureSettings

SIZES = [8, 10, 12, 14]
METABOLITES = ["tCr", "tCho", "NAA"]
FIGURE = {"kind": "conditions", "method": "munet"}


def swept(key: str, values: list) -> dict[str, dict]:
    return {"munet": {"points": [str(value) for value in values], "sweep": {"key": key, "values": values}}}


def of_size(each):
    """Best where the sizes match, but for 14, which does best conditioned on 12; of the three nearest sizes alone."""
    best = 12 if each.size == 14 else each.size
    near = sorted(SIZES, key=lambda size: abs(size - each.size))[:3]
    return 0.9 - 0.01 * abs(int(each.point) - best) + each.slice / 1000 if int(each.point) in near else None


def of_metabolite(each):
    return 0.9 - 0.02 * (each.point != each.metabolite) + each.size / 1000 + 0.001 * METABOLITES.index(each.metabolite)


def draw(folder, methods, value, figure=FIGURE, **shape) -> Figure:
    shape = {"metrics": ["ssim"], "sizes": SIZES, "metabolites": METABOLITES} | shape
    files, records = long_scores.write(folder, methods, value, **shape)
    settings = FigureSettings.of(figure=figure, experiment="demo", labels={"munet": "MUNet"})
    return conditions.draw(scored.read(files, records, settings), settings)


def cells(figure: Figure) -> dict[tuple[int, int], str]:
    """Text of each cell by its column and row."""
    texts = figure.axes[0].texts
    return {(round(text.get_position()[0]), round(text.get_position()[1])): text.get_text() for text in texts}


def starred(figure: Figure) -> set[tuple[int, int]]:
    return {(round(line.get_xdata()[0]), round(line.get_ydata()[0])) for line in figure.axes[0].lines}


def framed(figure: Figure) -> set[tuple[int, int]]:
    thick = [patch for patch in figure.axes[0].patches if patch.get_linewidth() == conditions.EDGE]
    return {tuple(np.round(patch.get_center()).astype(int)) for patch in thick}


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_cells_are_means_at_the_actual_size_by_the_condition_and_others_are_empty(tmp_path):
    figure = draw(tmp_path, swept("conditioned_size", SIZES), of_size)
    shown = cells(figure)
    assert shown[0, 0] == "0.9070" and shown[0, 1] == "0.8870" and shown[3, 2] == "0.9070" and shown[3, 3] == "0.8870"
    assert (0, 3) not in shown and len(shown) == 4 * 3
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["8×8\ns = 8", "10×10\ns = 6.4"]
    assert [text.get_text() for text in axes.get_yticklabels()][:2] == ["8×8, s = 8", "10×10, s = 6.4"]
    assert axes.get_xlabel() == "Actual size of the map" and axes.get_ylabel() == "Conditioned size"
    assert framed(figure) == {(k, k) for k in range(4)}
    assert starred(figure) == {(0, 0), (1, 1), (2, 2), (3, 2)}
    drawn = axes.images[0].get_array()
    assert drawn[1, 0] == pytest.approx(0.02) and drawn[2, 3] == 0 and np.isnan(np.ma.filled(drawn, np.nan)[3, 0])
    assert figure.axes[1].get_ylabel() == "SSIM: distance from the best"
    assert illegible(figure) == []


def test_metabolites_are_in_the_order_of_the_sweep_and_pooled_over_sizes(tmp_path):
    figure = draw(
        tmp_path, swept("conditioned_metabolite", METABOLITES), of_metabolite, FIGURE | {"width": "single"},
        metabolites=METABOLITES[::-1],
    )  # fmt: skip
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == METABOLITES
    assert cells(figure)[1, 1] == "0.9120" and cells(figure)[1, 0] == "0.8920"
    assert framed(figure) == starred(figure) == {(k, k) for k in range(3)}
    said = words(figure)
    assert said.startswith(
        "SSIM of MUNet conditioned on the map's own metabolite and on others. Means over maps of the"
    )
    assert "sizes 8, 10, 12, 14 together" in said and "higher is better" in said and "Configuration" in said
    assert illegible(figure) == []


def test_seven_metabolites_are_legible_in_one_column_of_a_page(tmp_path):
    seven = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"]
    figure = draw(
        tmp_path, swept("conditioned_metabolite", seven), lambda each: 0.9 + 0.01 * (each.point == each.metabolite),
        FIGURE | {"width": "single"}, sizes=[8], metabolites=seven,
    )  # fmt: skip
    assert illegible(figure) == []


def test_thirteen_sizes_are_legible_in_two_columns_of_a_page_and_too_many_for_one(tmp_path):
    sizes = list(range(8, 34, 2))

    def value(each):
        distance = abs(int(each.point) - each.size)
        return 0.9 - distance / 100 if distance <= 2 else None

    drawn = partial(
        draw, tmp_path, swept("conditioned_size", sizes), value, sizes=sizes, metabolites=["tCr"], folds=[1]
    )
    assert illegible(drawn()) == []
    with pytest.raises(UserError, match="13 columns, and a single width has room for 7"):
        drawn(FIGURE | {"width": "single"})


def test_the_lowest_is_best_where_lower_is_better_and_equal_ones_are_all_starred(tmp_path):
    methods = swept("conditioned_metabolite", METABOLITES)
    figure = draw(
        tmp_path,
        methods,
        lambda each: 0.2 + 0.1 * (each.point == "NAA"),
        FIGURE | {"metric": "nrmse"},
        metrics=["nrmse"],
    )
    assert starred(figure) == {(x, y) for x in range(3) for y in (0, 1)}
    assert "lower is better" in words(figure)


def test_a_metric_without_values_is_said_to_be_not_available(tmp_path):
    methods = swept("conditioned_size", SIZES)
    figure = draw(tmp_path, methods, lambda each: np.nan, FIGURE | {"metric": "lpips_vgg"}, metrics=["lpips_vgg"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["not available"]
    assert "Not available is LPIPS (VGG): no weights are given." in words(figure)


def test_a_sweep_over_something_else_is_refused(tmp_path):
    with pytest.raises(UserError, match="munet has a sweep over temperature, expected one over conditioned_size"):
        draw(tmp_path, swept("temperature", [0, 1]), lambda each: 0.5)
