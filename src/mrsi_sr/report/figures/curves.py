"""Mean scores of methods against the number of network evaluations, the value of a sweep, or another metric."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import SAMPLER_TERMS, terms
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.captioned import captioned
from mrsi_sr.report.figures.scored import Scored, label_of
from mrsi_sr.settings.experiment import FigureSettings
from mrsi_sr.settings.figure import Curves
from mrsi_sr.settings.method import split_point

ROW_INCH, LEGEND_INCH = 1.95, 0.2  # height of a row of panels, and of a row of the legend
LEGEND_COLUMNS = {style.COLUMN_INCH: 2, style.PAGE_INCH: 5}
MOST_IN_A_ROW = 3  # panels


class Point(NamedTuple):
    """Point of a line: where it lies, the standard error of y over participants, and the point of the sweep."""

    x: float
    y: float
    error: float
    name: str


def draw(scored: Scored, settings: FigureSettings) -> Figure:
    """Figure with a panel for each metric, in a row for each size or in one for all sizes together."""
    figure_settings = settings.figure
    style.apply()
    groups = _groups(scored, figure_settings)
    metrics = figure_settings.metrics
    columns = min(len(metrics), MOST_IN_A_ROW)
    width = style.COLUMN_INCH if columns == 1 else style.PAGE_INCH
    rows = len(groups) * -(-len(metrics) // columns)
    legend = -(-len(figure_settings.lines) // LEGEND_COLUMNS[width]) * LEGEND_INCH if len(figure_settings.lines) > 1 else 0
    figure = captioned(width, rows * ROW_INCH + legend, _caption(scored, settings))
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for title, values in groups.items():
        for metric in metrics:
            axes = next(panels)
            _draw_panel(axes, points_of(scored, values, figure_settings, metric), figure_settings, metric)
            axes.set_xlabel(_x_label(scored, figure_settings))
            axes.set_title(title)
    for axes in panels:
        axes.set_visible(False)
    if legend:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=LEGEND_COLUMNS[width], handlelength=3.5)
    return figure
