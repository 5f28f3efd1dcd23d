"""Lines of a figure of curves as numbers: mean scores of methods against a quantity."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import UNITS
from mrsi_sr.report.figures.scored import Scored
from mrsi_sr.settings.figure import Curves


class PlottedLine(NamedTuple):
    """Line of a panel, arrays by point: x, mean y, standard error of y over participants; and the points' names."""

    x: np.ndarray
    y: np.ndarray
    error: np.ndarray
    names: list[str]


def groups_of(scored: Scored, settings: Curves) -> dict[str, pd.DataFrame]:
    """Values of each row of panels by its title: those of each size, or of all sizes together."""
    sizes = sorted(map(int, scored.values["size"].unique()))
    if settings.pool_sizes or len(sizes) == 1:
        return {"": scored.values}
    return {f"{n}×{n} (s = {scored.factor(n)})": scored.values[scored.values["size"] == n] for n in sizes}


def lines_of(scored: Scored, values: pd.DataFrame, settings: Curves, metric: str) -> list[PlottedLine]:
    """Lines of a panel, from the rows of its maps: in the order of x, along a metric in the order of the methods.

    y is the mean over maps. Its standard error is that of the means of participants, missing for fewer than two.
    """
    own = values[values.metric == metric]
    means = own.groupby("method").value.agg(lambda each: each.mean(skipna=False))
    errors = own.groupby(["method", "participant"]).value.mean().groupby("method").sem()
    lines = []
    for line in settings.lines:
        x = np.array([_x_of(scored, values, settings, method) for method in line.methods], float)
        order = np.arange(len(x)) if settings.x in METRICS else np.argsort(x, kind="stable")
        names = [line.methods[k] for k in order]
        lines.append(PlottedLine(x[order], means[names].to_numpy(), errors[names].to_numpy(), names))
    return lines


def _x_of(scored: Scored, values: pd.DataFrame, settings: Curves, method: str) -> float:
    if settings.x in METRICS:
        return values[(values.metric == settings.x) & (values.method == method)].value.mean(skipna=False)
    if settings.x == "value":
        return scored.value(method)
    if (nfe := scored.nfe(method)) < 1:
        raise UserError(
            f"{method} makes {nfe:g} network evaluations, expected at least 1 on a logarithmic axis\n"
            "  leave it out of the figure's lines"
        )
    return nfe


def label_of(metric: str) -> str:
    """Metric with its unit and the arrow in the direction of better values."""
    unit = f" ({UNITS[metric]})" if metric in UNITS else ""
    return f"{METRICS[metric].label}{unit} {METRICS[metric].arrow}"
