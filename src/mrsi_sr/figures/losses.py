"""The curve of a network's losses."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 5.0, 3.4, 150
COLOURS = {"train": "#0072B2", "validation": "#D55E00"}  # told apart also by the colour blind (Okabe and Ito 2008)


def draw(losses: Sequence[dict], best_iteration: int, title: str, path: str | Path) -> None:
    """Draw training and validation loss against the iteration, the best validation marked, as a PNG.

    losses: rows with iteration, part (train or validation) and loss. The axis is logarithmic where all are above zero.
    """
    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for part, colour in COLOURS.items():
        rows = [row for row in losses if row["part"] == part]
        axes.plot(
            [row["iteration"] for row in rows], [row["loss"] for row in rows], color=colour, label=part,
            linewidth=1.2, marker="o", markersize=2,
        )  # fmt: skip
    best = next(row for row in losses if row["part"] == "validation" and row["iteration"] == best_iteration)
    axes.plot(
        best_iteration, best["loss"], "o", markersize=8, markerfacecolor="none", markeredgecolor="black",
        label=f"best: {best['loss']:.4g} at {best_iteration:,}",
    )  # fmt: skip
    if all(row["loss"] > 0 for row in losses):
        axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss (of scaled maps, no unit)")
    axes.set_title(title, fontsize="medium")
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
