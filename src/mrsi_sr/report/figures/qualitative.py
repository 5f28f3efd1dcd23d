"""Figure of maps by several methods: a row for each map, with MRI, zero-filling, ground truth, errors and scores."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from matplotlib.figure import Figure

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import UNITS
from mrsi_sr.report.figures import panels, style
from mrsi_sr.report.figures.panels import Bar, Panel, Row, in_rows
from mrsi_sr.report.figures.shown import MEASURED, Shown, ShownMap
from mrsi_sr.report.figures.views import ERROR_PERCENTILE, TRUTH, View, closing, factor_of, label_of, names_of, score_of
from mrsi_sr.settings.report import FigureSettings

TITLE = "Super-resolved maps of several methods"


def draw(content: Shown, settings: FigureSettings) -> Figure:
    """The figure. Raises UserError where there are no repeated samples for the deviation, or it does not fit a page."""
    style.apply()
    strips = [_strip(each, content, settings) for each in content.maps]
    number = max(len(above) for above, _ in strips)
    columns = dict.fromkeys(ceil(number / lines) for lines in range(1, number + 1))
    arrangements = (
        [
            row
            for i, (each, strip) in enumerate(zip(content.maps, strips, strict=True))
            for row in _rows(each, *strip, wanted, content.unit, titled=i == 0 or wanted < number)
        ]
        for wanted in columns
    )
    return panels.draw(arrangements, caption(content, settings), settings.figure.width)


def caption(content: Shown, settings: FigureSettings) -> str:
    """What is shown, and how to read it."""
    figure = settings.figure
    sentences = [f"{figure.title or TITLE}.", f"{names_of(content.maps)}."]
    sentences += ["Maps of a row are in one window, which ends at the largest value of the ground truth."]
    if figure.errors:
        sentences.append(f"Below them: absolute errors, in one window up to their {ERROR_PERCENTILE:g}th percentile.")
    if figure.deviation:
        number = len(content.maps[0].samples_of(figure.deviation))
        sentences.append(
            f"Framed, below the ground truth: standard deviation of {number} samples of"
            f" {label_of(figure.deviation, settings)}, which is no error."
        )
    if figure.scores:
        units = {name: f" in {unit}" for name, unit in UNITS.items()}
        labels = [METRICS[name].label + units.get(name, "") for name in figure.scores]
        sentences.append(f"Under each map: {', '.join(labels)}.")
    return " ".join([*sentences, *closing(content, settings)])


def _strip(shown: ShownMap, content: Shown, settings: FigureSettings) -> tuple[list[Panel], list[Panel | Bar]]:
    """Panels of a map in one long row, and what stands below each of them where errors are shown."""
    view, figure = View(shown, content.unit), settings.figure
    estimates = {name: shown.samples_of(name)[0] for name in content.methods}
    if figure.zero_filled or content.facts.zero_filled:
        measured = content.facts.zero_filled or MEASURED
        image = shown.samples_of(measured)[0] if measured else shown.zero_filled
        estimates = {measured: image} | estimates
    maps = [
        view.of_map(image, label_of(name, settings), _scores(shown, name, figure.scores))
        for name, image in estimates.items()
    ]
    truth = view.of_map(shown.truth, TRUTH)
    if not figure.errors:
        return [*maps, truth, view.of_mri("flair")], []
    errors = [view.error(image) for image in estimates.values()]
    window = view.spread_window(errors, "|error|")
    below = [view.of_spread(error, window) for error in errors]
    above = [view.of_mri("flair"), *maps, truth]
    if figure.deviation is None:
        return above, [view.of_mri("t1"), *below, Bar(window)]
    return above, [Bar(window, left=False), *below, _deviation(shown, view, figure.deviation)]


def _deviation(shown: ShownMap, view: View, method: str) -> Panel:
    samples = shown.samples_of(method)
    if len(samples) < 2:
        raise UserError(
            f"{method} has one sample of {shown.name}: there is no standard deviation to show\n"
            "  set `samples` of this method to 2 or more, or `deviation` to a method that has repeated samples"
        )
    spread = np.std(samples, axis=0, ddof=1)
    return view.of_spread(spread, view.spread_window([spread], "SD"), framed=True)


def _rows(
    shown: ShownMap, above: Sequence[Panel], below: Sequence[Panel | Bar], columns: int, unit: str, titled: bool
) -> list[Row]:
    """Rows of a map with so many panels in each; errors below their maps. titled: with names above the maps."""
    label = f"{shown.of_slice.participant}\n{shown.metabolite}, s = {factor_of(shown)}"
    rows = []
    lines_below = in_rows(below, columns) or [None] * len(in_rows(above, columns))
    for cells, under in zip(in_rows(above, columns), lines_below, strict=True):
        cells = cells if titled else [replace(cell, above="") for cell in cells]
        rows.append(Row(cells, label, [View(shown, unit).window]))
        if under is not None:
            rows.append(Row(under, bars=[cell.window for cell in under if isinstance(cell, Panel) and cell.framed]))
        label = ""
    return rows


def _scores(shown: ShownMap, method: str, metrics: Sequence[str]) -> str:
    """Scores under a map: one with its name, several as numbers that the caption explains."""
    values = [score_of(shown, method, metric) for metric in metrics]
    return f"{METRICS[metrics[0]].label} {values[0]}" if len(metrics) == 1 else "/".join(values)
