"""Mean scores of methods against the number of network evaluations, the value of a sweep, or another metric."""

import math
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import SAMPLER_TERMS
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.captioned import captioned
from mrsi_sr.report.figures.lines import PlottedLine, groups_of, label_of, lines_of
from mrsi_sr.report.figures.scored import Scored
from mrsi_sr.settings.figure import Curves
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.report import FigureSettings

ROW_INCH, LEGEND_ROW_INCH = 1.85, 0.17  # heights of a row of panels and of a row of the legend
PANELS_IN_A_ROW = {"single": 1, "double": 3}
LABELS_IN_A_ROW = {"single": 2, "double": 5}
LABEL_CHARACTERS_PER_INCH = 13  # of an axis, with room for its neighbour's
BAND = 0.2  # opacity


def draw(scored: Scored, settings: FigureSettings) -> Figure:
    """Figure with a panel for each metric, in rows for each size or for all sizes together."""
    style.apply()
    figure_settings = settings.figure
    in_a_row, width = PANELS_IN_A_ROW[figure_settings.width], style.WIDTH_INCH[figure_settings.width]
    groups = groups_of(scored, figure_settings)
    columns = min(in_a_row, len(figure_settings.metrics))
    rows = math.ceil(len(figure_settings.metrics) / columns)
    legend = math.ceil(len(figure_settings.lines) / LABELS_IN_A_ROW[figure_settings.width])
    height = len(groups) * rows * ROW_INCH + legend * LEGEND_ROW_INCH
    figure = captioned(width, height, caption(scored, settings))
    panels = figure.subplots(len(groups) * rows, columns, squeeze=False)
    for row, (title, values) in enumerate(groups.items()):
        own = panels[row * rows : (row + 1) * rows].flat
        for axes, metric in zip(own, figure_settings.metrics, strict=False):
            _draw_panel(axes, lines_of(scored, values, figure_settings, metric), figure_settings)
            below = fill(x_label(scored, figure_settings), int(LABEL_CHARACTERS_PER_INCH * width / columns))
            axes.set(title=title, xlabel=below, ylabel=label_of(metric))
        for axes in own[len(figure_settings.metrics) :]:
            axes.set_visible(False)
    figure.legend(
        [Line2D([], [], **style.line(k)) for k in range(len(figure_settings.lines))],
        [line.label for line in figure_settings.lines], loc="outside upper center",
        ncols=LABELS_IN_A_ROW[figure_settings.width], handlelength=3.2,
    )  # fmt: skip
    return figure


def _draw_panel(axes: Axes, lines: list[PlottedLine], settings: Curves) -> None:
    """Lines with a marker at each point. A line of one point is a level across the panel, beside others a reference."""
    if not all(np.isfinite([*line.x, *line.y]).all() for line in lines):
        axes.text(0.5, 0.5, "not available", transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[])
        return
    for k, line in enumerate(lines):
        look = style.line(k)
        axes.plot(line.x, line.y, **look)
        if len(line.x) == 1 and settings.x not in METRICS:
            axes.axhline(line.y[0], color=look["color"], linestyle=look["linestyle"], linewidth=0.8, zorder=1)
        if len(lines) == 1:
            band = (line.y - line.error, line.y + line.error)
            axes.fill_between(line.x, *band, color=look["color"], alpha=BAND, linewidth=0)
        if settings.x in METRICS:
            _name_ends(axes, line)
    if settings.x == "nfe":
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _name_ends(axes: Axes, line: PlottedLine) -> None:
    """Values at the first and the last point of a sweep, which axes of two metrics do not tell."""
    for k in {0, len(line.names) - 1}:
        if point := split_point(line.names[k])[1]:
            axes.annotate(
                point, (line.x[k], line.y[k]), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=5.5
            )


def x_label(scored: Scored, settings: Curves) -> str:
    """Label of the horizontal axis: the settings', or the quantity's name."""
    if settings.axis is not None:
        return settings.axis
    if settings.x in METRICS:
        return label_of(settings.x)
    if settings.x == "nfe":
        return "Number of network evaluations"
    key = scored.swept(scored.methods[0])
    return SAMPLER_TERMS.get(key, key.replace("_", " ")).capitalize()


def caption(scored: Scored, settings: FigureSettings) -> str:
    """Caption: what is shown, how to read it, and where the scores come from."""
    shown, sizes = settings.figure, sorted(map(int, scored.values["size"].unique()))
    labels = ", ".join(METRICS[metric].label for metric in shown.metrics)
    against = METRICS[shown.x].label if shown.x in METRICS else x_label(scored, shown).lower()
    lengths = [len(line.methods) for line in shown.lines]
    together = f" of the sizes {', '.join(map(str, sizes))} together" if shown.pool_sizes else ""
    size = f" (size {sizes[0]}×{sizes[0]}, upscaling factor {scored.factor(sizes[0])})" if len(sizes) == 1 else ""
    sentences = [
        f"{shown.title or f'{labels} against {against}'}.",
        f"Points: means over maps{together}{size}; arrows: direction of better values.",
        "Band: ± standard error over participants." if len(lengths) == 1 else "",
        "Horizontal lines: methods of one point." if min(lengths) == 1 and shown.x not in METRICS else "",
        "Numbers: values at the ends of a sweep." if shown.x in METRICS and max(lengths) > 1 else "",
        scored.origin,
        scored.notes,
    ]
    return " ".join(filter(None, sentences))
