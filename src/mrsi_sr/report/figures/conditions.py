"""Mean score at each size or metabolite of the map against the one that the networks are conditioned on."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.captioned import captioned
from mrsi_sr.report.figures.scored import Scored
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.report import FigureSettings

COLUMN_OF = {
    "conditioned_size": "size",
    "conditioned_metabolite": "metabolite",
}  # by the sweep's key
CELL_INCH = 0.26  # height of a cell
AROUND_INCH = 0.95  # height of the labels and the legend
MOST_COLUMNS = {"single": 7, "double": 16}  # that four decimals have room for
BAR_INCH = 0.09  # width of the colour bar
EDGE = 1.4  # line width of a frame
MORE_DECIMALS = 1  # than tables print: neighbouring conditions are close
# White is the best; the darkest is light enough for black numbers and frames, also in grey.
COLOUR_MAP = LinearSegmentedColormap.from_list("loss", ["#ffffff", "#d3dfee", "#8fabd0"])


def draw(scored: Scored, settings: FigureSettings) -> Figure:
    """Figure of mean scores: a column for each actual size or metabolite, a row for each condition.

    Framed: the map's own condition. Bold with a star: the best of the column as printed. Colour: distance from it.
    Raises UserError where the columns are too many for the figure's width.
    """
    style.apply()
    metric, column, table = settings.figure.metric, column_of(scored), means(scored)
    if len(table.columns) > MOST_COLUMNS[settings.figure.width]:
        raise UserError(
            f"the figure has {len(table.columns)} columns, and a {settings.figure.width} width has room for"
            f" {MOST_COLUMNS[settings.figure.width]}\n  set width: double, or name fewer sizes"
        )
    height = len(table) * CELL_INCH
    figure = captioned(
        style.WIDTH_INCH[settings.figure.width], height + AROUND_INCH, caption(scored, settings, table)
    )  # fmt: skip
    axes = figure.subplots()
    axes.set_xticks(range(len(table.columns)), [label(scored, column, each) for each in table.columns])
    axes.set_yticks(range(len(table)), [label(scored, column, each).replace("\n", ", ") for each in table.index])
    axes.set(xlabel=f"Actual {column} of the map", ylabel=f"Conditioned {column}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if table.isna().all(axis=None):
        axes.text(0.5, 0.5, "not available", transform=axes.transAxes, ha="center", va="center")
        return figure
    loss = losses(table, metric)
    drawn = axes.imshow(
        loss.to_numpy(), cmap=COLOUR_MAP, vmin=0, vmax=max(np.nanmax(loss.to_numpy()), np.finfo(np.float32).tiny),
        aspect="auto", origin="upper", interpolation="nearest",
    )  # fmt: skip
    _write_cells(axes, table, metric)
    bar = figure.colorbar(drawn, ax=axes, pad=0.01, aspect=height / BAR_INCH)
    bar.set_label(f"{METRICS[metric].label}: distance from the best")
    bar.outline.set_linewidth(0.4)
    figure.legend(
        [Patch(fill=False, linewidth=EDGE), Line2D([], [], marker="*", color="black", linestyle="")],
        [f"conditioned on its own {column}", f"best of a {column}"], loc="outside upper center", ncols=2,
    )  # fmt: skip
    return figure


def column_of(scored: Scored) -> str:
    """What the sweep conditions on, size or metabolite. Raises UserError for a sweep over another key."""
    key = scored.swept(scored.methods[0])
    if key not in COLUMN_OF:
        raise UserError(
            f"{split_point(scored.methods[0])[0]} has a sweep over {key}, expected one over {' or '.join(COLUMN_OF)}\n"
            "  name a method that is conditioned on other sizes or metabolites, or draw it as curves"
        )
    return COLUMN_OF[key]


def means(scored: Scored) -> pd.DataFrame:
    """Mean score over maps, a row for each condition and a column for each actual size or metabolite.

    Missing where the sweep has no point for such maps. Sizes ascend, metabolites are in the order of the sweep.
    """
    column = column_of(scored)
    kind = int if column == "size" else str
    points = [kind(split_point(method)[1]) for method in scored.methods]
    condition = scored.values.method.map(dict(zip(scored.methods, points, strict=True)))
    table = scored.values.groupby([condition, column]).value.agg(lambda each: each.mean(skipna=False)).unstack()
    if column == "size":
        return table.sort_index(axis=0).sort_index(axis=1)
    actual = [*(point for point in points if point in table), *(each for each in table if each not in points)]
    return table.loc[points, actual]


def losses(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Distance of each mean from the best of its column, in the direction of worse; zero for the best."""
    badness = table.map(METRICS[metric].badness)
    return badness - badness.min()


def label(scored: Scored, column: str, value: int | str) -> str:
    """Name of a size with its upscaling factor, or of a metabolite."""
    return f"{value}×{value}\ns = {scored.factor(value)}" if column == "size" else value


def _write_cells(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    """Scores as text, with a star at the best of a column and a frame around the map's own condition."""
    decimals = METRICS[metric].decimals + MORE_DECIMALS
    loss = losses(table.round(decimals), metric)
    for x, actual in enumerate(table.columns):
        for y, condition in enumerate(table.index):
            if np.isnan(value := table.loc[condition, actual]):
                continue
            best, own = loss.loc[condition, actual] == 0, condition == actual
            axes.text(
                x, y + 0.05, f"{value:.{decimals}f}", ha="center", va="center", fontsize=6,
                fontweight="bold" if best else "normal",
            )  # fmt: skip
            if best:
                axes.plot(x + 0.36, y - 0.32, "*", color="black", markersize=3.5, markeredgewidth=0)
            frame = {"edgecolor": "black", "linewidth": EDGE} if own else {"edgecolor": "0.8", "linewidth": 0.4}
            axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, fill=False, **frame))


def caption(scored: Scored, settings: FigureSettings, table: pd.DataFrame) -> str:
    """Caption: what is shown, how to read it, and where the scores come from."""
    shown, column = settings.figure, column_of(scored)
    name = settings.labels.get(shown.method, shown.method)
    metric = METRICS[shown.metric]
    sizes = sorted(map(int, scored.values["size"].unique()))
    better = "lower" if metric.lower_is_better else "higher"
    over = "" if column == "size" else f" of the sizes {', '.join(map(str, sizes))} together"
    title = shown.title or f"{metric.label} of {name} conditioned on the map's own {column} and on others"
    said = (
        f"{title}. Means over maps{over}; {better} is better; s is the upscaling factor. {scored.origin} {scored.notes}"
    )
    return said.rstrip()
