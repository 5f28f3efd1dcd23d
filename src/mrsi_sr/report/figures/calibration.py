"""Figure of a calibration: coverage of intervals, ranks of the truth, spread against skill, a row for each size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrsi_sr.calibration.maps import RAW, RESCALED
from mrsi_sr.calibration.ranks import coverage
from mrsi_sr.calibration.tissue import ALL
from mrsi_sr.report.calibration import GROUP, Calibrations, rank_columns, whole
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.captioned import captioned

ROW_INCH = 2.1
LABELS_IN_A_ROW = 4
LEGEND_ROW_INCH = 0.2
LEVELS = np.arange(0.05, 1, 0.05)  # nominal levels along the axis
FEWEST = 0.005  # share of the voxels below which a bin of spread is not drawn


def draw(calibrations: Calibrations) -> Figure:
    """Figure with three panels for each low-resolution size."""
    style.apply()
    sizes = calibrations.sizes
    ensembles = [method for method in calibrations.methods if calibrations.members(method) > 1]
    legend = -(-len(ensembles) // LABELS_IN_A_ROW) * LEGEND_ROW_INCH
    figure = captioned(style.PAGE_INCH, ROW_INCH * len(sizes) + legend, _caption(calibrations))
    panels = figure.subplots(len(sizes), 3, squeeze=False)
    for row, size in zip(panels, sizes, strict=True):
        for number, method in enumerate(ensembles):
            for scaling in (RAW, RESCALED):
                _draw_method(row, calibrations, method, size, scaling, style.line(number))
        _finish(row, f"s = {calibrations.factor(size)}")
    if ensembles:
        lines = [Line2D([], [], color=style.line(number)["color"]) for number in range(len(ensembles))]
        labels = list(map(calibrations.label, ensembles))
        figure.legend(lines, labels, loc="outside upper center", ncols=LABELS_IN_A_ROW)
    return figure


def _draw_method(row, calibrations: Calibrations, method: str, size: int, scaling: str, look: dict) -> None:
    """Lines of one method in the panels of a row: raw dotted, rescaled solid, nothing where it is not rescaled."""
    own = whole(calibrations.summary, method, size, scaling)
    if own is None:
        return
    line = {"color": look["color"], "linestyle": ":" if scaling == RAW else "-"}
    ranks = rank_columns(calibrations.members(method))
    shares = own[ranks].to_numpy(float)
    row[0].plot(100 * LEVELS, [100 * coverage(shares, level) for level in LEVELS], **line)
    edges = np.arange(len(ranks) + 1) / len(ranks)
    row[1].stairs(shares * len(ranks), edges, **line)
    part = calibrations.participants.xs((method, size, scaling, ALL), level=GROUP)
    x, y = reliability(part)
    row[2].plot(x, y, marker=look["marker"], markersize=3, **line)


def reliability(participants: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Root mean squares of spread and of error in each bin of spread, in % of the true map's root mean square.

    participants: rows of Calibrations.participants. Bins with less than 0.5 % of the voxels are left out.
    """
    bins = sorted(int(name.split("_")[1]) for name in participants if name.startswith("variance_"))
    number, variance, error = (
        np.array([participants[f"{name}_{i}"].sum() for i in bins]) for name in ("spread", "variance", "error")
    )
    drawn = number > FEWEST * number.sum()
    return 100 * np.sqrt(variance[drawn] / number[drawn]), 100 * np.sqrt(error[drawn] / number[drawn])


def _finish(row: list[Axes], title: str) -> None:
    """Axes of a row: diagonals of an ideal ensemble, labels with units."""
    left, middle, right = row
    left.plot([0, 100], [0, 100], color="0.6", linewidth=0.6, zorder=0)
    left.set(xlabel="Nominal level (%)", ylabel="Voxels inside (%)", xlim=(0, 100), ylim=(0, 100), title=title)
    middle.axhline(1, color="0.6", linewidth=0.6, zorder=0)
    middle.set(xlabel="Rank of the truth (0 lowest, 1 highest)", ylabel="Frequency / ideal", xlim=(0, 1), title=title)
    middle.set_ylim(bottom=0)
    high = max(right.get_xlim()[1], right.get_ylim()[1])
    right.plot([0, high], [0, high], color="0.6", linewidth=0.6, zorder=0)
    right.set(xlabel="Spread (% of the map's RMS)", ylabel="Error of the mean (%)", xlim=(0, high), ylim=(0, high))
    right.set_title(title)


def _caption(calibrations: Calibrations) -> str:
    return (
        "Calibration of ensembles; dotted: as sampled, solid: spread rescaled on validation participants, grey: an"
        " ideal ensemble. Left: voxels whose true value lies in the central interval of a nominal level. Middle: rank"
        " of the truth among the members; a valley is an ensemble that is too sure, a hill one that is not sure"
        " enough, a slope a bias. Right: error of the ensemble mean of voxels with that spread; few"
        " members know their spread badly, which flattens the line of an ideal ensemble too. Means over participants."
        f" s is the upscaling factor. {calibrations.origin}"
    )
