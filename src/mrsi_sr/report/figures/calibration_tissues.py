"""Figure of the coverage in each tissue: nominal levels as lines, a mark for each method, a panel for each size."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrsi_sr.calibration.maps import RAW, RESCALED
from mrsi_sr.calibration.tissue import ALL, TISSUES
from mrsi_sr.report.calibration import GROUP, Calibrations
from mrsi_sr.report.figures import style
from mrsi_sr.report.figures.captioned import captioned

HEIGHT_INCH = 2.3
SHOWN = (ALL, *TISSUES)
SPREAD_OUT = 0.5  # part of the distance between two tissues that the marks of methods and levels take


def draw(calibrations: Calibrations) -> Figure:
    """Figure with a panel for each low-resolution size."""
    style.apply()
    figure = captioned(style.PAGE_INCH, HEIGHT_INCH, _caption(calibrations))
    panels = figure.subplots(1, len(calibrations.sizes), squeeze=False, sharey=True)[0]
    ensembles = [method for method in calibrations.methods if calibrations.members(method) > 1]
    for axes, size in zip(panels, calibrations.sizes, strict=True):
        for level in calibrations.settings.levels:
            axes.axhline(level, color="0.6", linewidth=0.6, linestyle="--", zorder=0)
        for number, method in enumerate(ensembles):
            _draw_method(axes, calibrations, method, size, number, len(ensembles))
        axes.set(title=f"s = {calibrations.factor(size)}", ylim=(0, 100), xticks=range(len(SHOWN)))
        axes.set_xticklabels(SHOWN, rotation=30, ha="right")
    panels[0].set_ylabel("Voxels inside (%)")
    if ensembles:
        panels[0].legend(loc="lower left")
    return figure


def _draw_method(axes: Axes, calibrations: Calibrations, method: str, size: int, number: int, methods: int) -> None:
    """Means over participants of a method's coverage in each tissue, with their standard deviation."""
    scaling = RESCALED if (method, size, RESCALED, ALL) in calibrations.summary.index else RAW
    look = style.line(number)
    for place, level in enumerate(calibrations.settings.levels):
        for x, tissue in enumerate(SHOWN):
            if (method, size, scaling, tissue) not in calibrations.summary.index:
                continue
            own = 100 * calibrations.participants.xs((method, size, scaling, tissue), level=GROUP)[f"coverage_{level}"]
            axes.errorbar(
                x + SPREAD_OUT * ((number + 0.5) / methods - 0.5), own.mean(), own.std(ddof=0), linewidth=0.8,
                color=look["color"], marker=look["marker"], markersize=3,
                label=calibrations.label(method) if (place, x) == (0, 0) else None,
            )  # fmt: skip


def _caption(calibrations: Calibrations) -> str:
    levels = ", ".join(f"{level} %" for level in calibrations.settings.levels)
    return (
        f"Voxels whose true value lies in the central interval of {levels} (dashed), by tissue: mean and standard"
        " deviation of participants; spread rescaled on validation participants where there are some. Tissues are a"
        " rough division of T1 brightness; ventricle stands for all cerebrospinal fluid. s is the upscaling factor."
        f" {calibrations.origin}"
    )
