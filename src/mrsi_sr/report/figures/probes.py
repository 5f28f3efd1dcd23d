"""Figures of a probe: curves of detection, contrast and resolution; and examples of a planted lesion."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrsi_sr.probing.files import ESTIMATE, LOW, PROFILE, TRUTH, WITHOUT, Example
from mrsi_sr.probing.measures import THRESHOLDS
from mrsi_sr.probing.roc import Detection, bias_and_limits, roc
from mrsi_sr.report.figures import axial, panels, style
from mrsi_sr.report.figures.captioned import captioned
from mrsi_sr.report.figures.panels import Panel, Row, Window
from mrsi_sr.report.probed import Probed

ROW_INCH, LEGEND_ROW_INCH, LABELS_IN_A_ROW = 1.75, 0.17, 5
MARKER_STEP = 0.05  # part of a curve between two markers
LOWEST_RATE = 0.05  # of false lesions per 100 ml that a logarithmic axis shows
CHANGE_COLOUR_MAP = style.ERROR_COLOUR_MAP


def draw_curves(probed: Probed) -> Figure:
    """Figure with a row of panels for each size: ROC, false lesions against detection, contrast, ring correlation."""
    style.apply()
    lines = -(-len(probed.methods) // LABELS_IN_A_ROW)
    height = len(probed.sizes) * ROW_INCH + lines * LEGEND_ROW_INCH
    figure = captioned(style.PAGE_INCH, height, caption_of_curves(probed))
    rows = figure.subplots(len(probed.sizes), 4, squeeze=False)
    for axes, size in zip(rows, probed.sizes, strict=True):
        _draw_roc(axes[0], probed, size)
        _draw_false(axes[1], probed, size)
        _draw_contrast(axes[2], probed, size)
        _draw_frc(axes[3], probed, size)
        axes[0].set_title(f"{size}×{size} (s = {probed.factor(size)})")
    figure.legend(
        [Line2D([], [], **style.line(k)) for k in range(len(probed.methods))], list(map(probed.label, probed.methods)),
        loc="outside upper center", ncols=LABELS_IN_A_ROW, handlelength=3.2,
    )  # fmt: skip
    return figure


def _look(k: int) -> dict:
    return style.line(k) | {"markevery": MARKER_STEP * 4, "markersize": 3}


def _draw_roc(axes: Axes, probed: Probed, size: int) -> None:
    for k, method in enumerate(probed.methods):
        detection = Detection.of(probed.of(method, size))
        axes.plot(*roc(detection.positive, detection.negative), **_look(k))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.6, zorder=0)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="False-positive rate", ylabel="Sensitivity")


def _draw_false(axes: Axes, probed: Probed, size: int) -> None:
    for k, method in enumerate(probed.methods):
        detection = Detection.of(probed.of(method, size))
        found = [(detection.positive > threshold).mean() for threshold in THRESHOLDS]
        axes.plot(found, np.maximum(detection.false_per_100_ml, LOWEST_RATE), **_look(k))
    axes.axvline(probed.settings.detection, color="0.7", linewidth=0.6, zorder=0)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(xlim=(0, 1), xlabel="Detected part of the lesions", ylabel="False lesions per 100 ml")


def _draw_contrast(axes: Axes, probed: Probed, size: int) -> None:
    """Bland-Altman plot against the true contrast, with each method's bias and limits of agreement at the right."""
    for k, method in enumerate(probed.methods):
        pairs, look = probed.contrasts(method, size), style.line(k)
        difference = pairs.contrast_estimated - pairs.contrast_true
        axes.plot(
            pairs.contrast_true, difference, linestyle="none", marker=look["marker"], color=look["color"], markersize=2,
            alpha=0.5, markeredgewidth=0,
        )  # fmt: skip
        bias, low, high = bias_and_limits(pairs.contrast_true.to_numpy(), pairs.contrast_estimated.to_numpy())
        axes.errorbar(
            1.03 + 0.05 * k, bias, [[bias - low], [high - bias]], color=look["color"], marker=look["marker"],
            markersize=3, linewidth=0.8, capsize=1.5, transform=axes.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.set(xlabel="True contrast (lesion / opposite)", ylabel="Estimated − true")


def _draw_frc(axes: Axes, probed: Probed, size: int) -> None:
    for k, method in enumerate(probed.methods):
        axes.plot(*probed.frc(method, size), **_look(k))
    axes.axvspan(0, probed.measured_band_per_cm(size), color="0.92", linewidth=0, zorder=0)
    axes.axhline(probed.settings.frc_threshold, color="0.7", linewidth=0.6, zorder=0)
    axes.set(xlim=(0, None), ylim=(-0.1, 1.02), xlabel="Spatial frequency (1/cm)", ylabel="Fourier ring correlation")


def caption_of_curves(probed: Probed) -> str:
    """Caption of the curves."""
    read = probed.settings
    return " ".join([
        f"{read.title}. From left to right: ROC of lesions in maps and MRI (score: local contrast that the truth lacks"
        " without the lesion; normal places of the same slices); false lesions in normal tissue at the threshold that"
        f" detects a part of the lesions (rates below {LOWEST_RATE:g} are drawn there; vertical line:"
        f" {100 * read.detection:g} % detected); contrast to the other hemisphere, estimated minus true, with bias and"
        " limits of agreement (1.96 standard deviations) at the right edge; Fourier ring correlation with the truth,"
        " mean over maps (grey: measured band; horizontal line:"
        f" {read.frc_threshold:g}, which defines the resolution).",
        probed.origin,
    ])  # fmt: skip


def draw_examples(probed: Probed) -> Figure:
    """Figure with rows of maps of a lesion for each size: truth, low resolution, each method with and without it."""
    style.apply()
    shown = [_chosen(probed, size) for size in probed.sizes]
    return panels.draw(
        [[row for examples in shown for row in _rows(probed, examples)]], _caption_of(probed, shown), "double"
    )


def _chosen(probed: Probed, size: int) -> dict[str, Example]:
    """Example of a size by method: the lesion that is the largest, of equals the strongest, and the same of all."""
    of_methods = {
        method: [each for each in probed.examples(method) if each.row.size == size] for method in probed.methods
    }
    best = max(of_methods[probed.methods[0]], key=lambda each: (each.row.diameter_mm, abs(each.row.contrast - 1)))

    def is_best(each: Example) -> bool:
        return each.participant == best.participant and each.row[:5] == best.row[:5]

    return {method: next(filter(is_best, each)) for method, each in of_methods.items()}


def _rows(probed: Probed, examples: dict[str, Example]) -> list[Row]:
    """Rows of one size: estimates with the lesion, and what it has changed in them."""
    first = next(iter(examples.values()))
    part = axial.window(first.brain)
    unit, high = probed.first["unit"], float(first.maps[TRUTH].max())
    window = Window(style.METABOLITE_COLOUR_MAP, high, f"{first.row.metabolite} ({unit})")

    def panel(image: np.ndarray, in_window: Window, above: str = "") -> Panel:
        outside = first.maps[TRUTH] == 0
        cut = axial.shown(np.where(outside, np.nan, image), part, first.affine)
        return Panel(cut, in_window, above, lesion=axial.shown(first.planted, part, first.affine))

    changes = [np.abs(each.maps[ESTIMATE] - each.maps[WITHOUT]) for each in examples.values()]
    maps = [first.maps[TRUTH], first.maps[LOW], *(each.maps[ESTIMATE] for each in examples.values())]
    names = ["Ground truth", "Low resolution", *map(probed.label, examples)]
    label = f"s = {probed.factor(first.row.size)}"
    with_lesion = Row([panel(*each) for each in zip(maps, [window] * len(maps), names, strict=True)], label, [window])
    before = first.maps[TRUTH] / (1 + (first.row.contrast - 1) * first.maps[PROFILE])
    changes = [np.abs(first.maps[TRUTH] - before), *changes]
    change_window = Window(CHANGE_COLOUR_MAP, max(float(np.max(changes)), 1e-6), f"|change| ({unit})")
    without = [panel(before, window), None, *(panel(each.maps[WITHOUT], window) for each in examples.values())]
    changed = [panel(changes[0], change_window), None, *(panel(change, change_window) for change in changes[1:])]
    return [with_lesion, Row(without, "without it", [window]), Row(changed, "difference", [change_window])]


def _caption_of(probed: Probed, shown: list[dict[str, Example]]) -> str:
    firsts = [next(iter(each.values())) for each in shown]
    named = "; ".join(
        f"s = {probed.factor(each.row.size)}: {each.participant}, slice {each.row.slice}, {each.row.metabolite},"
        f" {each.row.diameter_mm:g} mm, {each.row.contrast:g} times the local value" for each in firsts
    )  # fmt: skip
    change = {"hidden": "T1 and FLAIR do not show it", "lesion": "T1 and FLAIR show it"}[firsts[0].row.kind]
    return " ".join([
        f"{probed.settings.title}: a lesion of the truth (dashed) that was planted in the measured k-space; {change}."
        " Rows of each upscaling factor: maps with the lesion, maps of the same scan without it, absolute difference.",
        f"{named}.", f"{axial.convention(firsts[0].affine).capitalize()}.", probed.origin,
    ])  # fmt: skip
