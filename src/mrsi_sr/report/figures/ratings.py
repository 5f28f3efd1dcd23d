"""Figure of readers' scores: how many images got each score, by metric, of low-resolution and super-resolved images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mrsi_sr.report.figures import style

PANEL_INCH, LEAST_INCH, ALL_INCH = 1.3, 0.85, 7.8  # height of a panel, of a low one, and of all that fit a page
NAMES_INCH, LINE_INCH = 0.6, 0.125  # heights of the metrics' names and of a line of text
CAPTION_CHARACTERS, NAME_CHARACTERS = 165, 22
SMALLEST_WITH_NUMBER = 0.11  # part of a bar that has room for its number
DARK = 2  # scores whose colour needs a white number
GREYS = "cividis"  # its lightness grows evenly, also in print and with colour blindness


@dataclass(frozen=True)
class Panel:
    """Counts of one panel, int [metrics, scores]: the reader (and size) of its row, and the column of its images."""

    row: str
    column: str
    counts: np.ndarray


@dataclass(frozen=True)
class Ratings:
    """Content of the figure. scores: labels from the lowest on, the last is not applicable. panels: row by row."""

    metrics: Sequence[str]
    scores: Sequence[str]
    panels: Sequence[Panel]
    caption: str


def draw(content: Ratings, png: str | Path, pdf: str | Path) -> None:
    """Draw stacked bars: a row of panels for each reader, a column for each kind of image, a bar for each metric."""
    style.apply()
    rows = list(dict.fromkeys(panel.row for panel in content.panels))
    columns = list(dict.fromkeys(panel.column for panel in content.panels))
    lines = fill(content.caption, CAPTION_CHARACTERS)
    bottom = LINE_INCH * (lines.count("\n") + 2) + NAMES_INCH
    height = bottom + max(LEAST_INCH, min(PANEL_INCH, ALL_INCH / len(rows))) * len(rows) + 0.45
    figure, axes = plt.subplots(
        len(rows), len(columns), figsize=(style.PAGE_INCH, height), sharex=True, sharey=True, squeeze=False,
        gridspec_kw={"left": 0.095, "right": 0.995, "top": 1 - 0.45 / height, "bottom": bottom / height, "wspace": 0.04,
                     "hspace": 0.18},
    )  # fmt: skip
    for panel in content.panels:
        _bars(axes[rows.index(panel.row), columns.index(panel.column)], panel.counts)
    for ax, name in zip(axes[0], columns, strict=True):
        ax.set_title(name, pad=4)
    for ax, name in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(fill(name, NAME_CHARACTERS))
    figure.supylabel("number of images", x=0.004, fontsize=7)
    for ax in axes[-1]:
        ax.set_xticks(range(len(content.metrics)), content.metrics, rotation=45, ha="right", rotation_mode="anchor")
    figure.legend(
        handles=[Patch(label=name, **_look(i, len(content.scores))) for i, name in enumerate(content.scores)],
        loc="upper center", ncols=len(content.scores), bbox_to_anchor=(0.5, 1), handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip
    figure.text(0.01, 0.06 / height, lines, fontsize=6, va="bottom", linespacing=1.25)
    style.save(figure, png, pdf)


def _bars(ax: Axes, counts: np.ndarray) -> None:
    """Bars of a panel, the lowest score at the bottom, with the number of images where there is room."""
    starts = np.cumsum(counts, axis=1) - counts
    most = max(counts.sum(axis=1).max(), 1)
    for score, (number, start) in enumerate(zip(counts.T, starts.T, strict=True)):
        ax.bar(range(len(number)), number, bottom=start, width=0.8, linewidth=0.4, **_look(score, counts.shape[1]))
        for x, (n, low) in enumerate(zip(number, start, strict=True)):
            if n / most >= SMALLEST_WITH_NUMBER:
                colour = "white" if score < DARK else "black"
                box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6} if score == counts.shape[1] - 1 else None
                ax.text(x, low + n / 2, n, ha="center", va="center", fontsize=5, color=colour, bbox=box)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.set_xlim(-0.6, len(counts) - 0.4)
    ax.tick_params(axis="x", length=0)


def _look(score: int, number: int) -> dict:
    """Colour of a score, from dark to light; not applicable is hatched white."""
    if score == number - 1:
        return {"facecolor": "white", "edgecolor": "#555555", "hatch": "/////"}
    return {"facecolor": plt.get_cmap(GREYS)(score / (number - 2)), "edgecolor": "black"}
