"""Figure of the training and validation losses of networks."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrsi_sr.report.figures import style

COLUMNS = 4
PANEL_INCH, TITLE_INCH = (2.4, 1.8), 0.35
COLOURS = {"train": "#0072B2", "validation": "#D55E00"}  # distinct with colour blindness (Okabe and Ito 2008)


def draw(losses: dict[str, Sequence[dict]], title: str) -> Figure:
    """Figure of training and validation loss against iteration, one panel per network, the best validation marked.

    losses: network -> rows with iteration, part (train or validation) and loss. An axis is logarithmic where all of its
    losses are positive.
    """
    style.apply(formulas=True)
    columns = min(COLUMNS, len(losses))
    rows = math.ceil(len(losses) / columns)
    figure = Figure((columns * PANEL_INCH[0], rows * PANEL_INCH[1] + TITLE_INCH), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(losses) :]:
        axes.set_visible(False)
    for axes, (network, points) in zip(panels.flat, losses.items(), strict=False):
        _draw_network(axes, network, points)
    for axes in panels[:, 0]:
        axes.set_ylabel("loss (of scaled maps, no unit)")
    figure.suptitle(title)
    return figure


def _draw_network(axes: Axes, network: str, points: Sequence[dict]) -> None:
    for part, colour in COLOURS.items():
        own = [point for point in points if point["part"] == part]
        axes.plot(
            [point["iteration"] for point in own], [point["loss"] for point in own], color=colour, label=part,
            marker="o", markersize=2,
        )  # fmt: skip
    best = min((point for point in points if point["part"] == "validation"), key=lambda point: point["loss"])
    axes.plot(
        best["iteration"], best["loss"], "o", markersize=7, markerfacecolor="none", markeredgecolor="black",
        label=f"best: {best['loss']:.4g} at {best['iteration']:,}",
    )  # fmt: skip
    if all(point["loss"] > 0 for point in points):
        axes.set_yscale("log")
    axes.set_title(network)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("iteration")
    axes.legend()
