"""Overview figure of a super-resolved scan: one slice, each metabolite zero-filled and super-resolved over MRI."""

from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import NewScan
from mrsi_sr.report.figures import axial, style
from mrsi_sr.report.pages import RESEARCH_USE
from mrsi_sr.scan.slices import MRI_FACTOR

MIDDLE = MRI_FACTOR // 2  # index of the middle one of the MRI slices in a map's slice
PERCENTILE = 99.5  # percentile of the shown values at the end of a colour bar
OPACITY = 0.8  # of maps over MRI
LEFT_INCH, RIGHT_INCH = 0.5, 0.55  # room for the rows' names, and for the numbers of the last colour bar
BAR_INCH, BAR_ROOM_INCH = 0.08, 0.62  # width of a colour bar, and with its numbers
GAP_INCH, TOP_INCH, LINE_INCH = 0.05, 0.4, 0.125
LARGEST_INCH = 1.6  # side of a panel
CAPTION_CHARACTERS = 125


def shown_slice(scan: NewScan) -> int:
    """Position of the slice with the largest lesion, or with most valid voxels where no slice has one."""
    if scan.lesion is not None and scan.lesion.any():
        return int(np.argmax(scan.lesion.sum(axis=(1, 2))))
    return int(np.argmax(scan.valid.sum(axis=(1, 2, 3))))


def overview(result: SuperResolved) -> Figure:
    """Overview of the slice that `shown_slice` gives, a row for each metabolite.

    Columns: MRI; zero-filled; super-resolved; standard deviation where there are samples. The first two maps have one
    colour window, with its unit at the bar. MRI is FLAIR, or else T1, or else left out.
    """
    style.apply()
    scan = result.scan
    drawing = _Drawing(result, shown_slice(scan))
    names, columns = scan.metabolites, drawing.columns
    bars = ("sd" in columns) + 1
    room = style.PAGE_INCH - LEFT_INCH - RIGHT_INCH - (bars - 1) * BAR_ROOM_INCH - BAR_INCH
    side = min((room - GAP_INCH * (len(columns) + bars - 1)) / len(columns), LARGEST_INCH)
    caption = fill(drawing.caption(), CAPTION_CHARACTERS)
    bottom = LINE_INCH * (caption.count("\n") + 1) + 0.15
    height = TOP_INCH + len(names) * (side + GAP_INCH) + bottom
    figure = plt.figure(figsize=(style.PAGE_INCH, height))
    for row, name in enumerate(names):
        low = height - TOP_INCH - (row + 1) * (side + GAP_INCH) + GAP_INCH
        drawing.row(figure, name, low, side, titles=row == 0)
    figure.text(0.01, 1 - 0.1 / height, f"{scan.name}: {RESEARCH_USE}", va="top", fontsize=8, fontweight="bold")
    figure.text(0.01, 0.06 / height, caption, fontsize=6, va="bottom", linespacing=1.25)
    return figure


def save(result: SuperResolved, png: Path, pdf: Path) -> None:
    """Write the overview as PNG and as PDF."""
    style.save(overview(result), png, pdf)


class _Drawing:
    """Panels of the overview: one slice of a result."""

    def __init__(self, result: SuperResolved, s: int):
        self.result, self.scan, self.s = result, result.scan, s
        self.mri_name, self.mri = next(
            ((kind.upper(), image) for kind in ("flair", "t1") if (image := getattr(result.scan, kind)) is not None),
            (None, None),
        )
        self.columns = ["mri"] if self.mri is not None else []
        self.columns += ["zero_filled", *(["mean"] if result.mean else []), *(["sd"] if result.sd else [])]
        self.part = axial.window(self.scan.target.crop(self.scan.brain[s] | self.scan.valid[s].any(0)))

    def caption(self) -> str:
        """What is shown, and how to read it."""
        scan, target = self.scan, self.scan.target
        samples = f", mean of {self.result.samples} samples" if self.result.samples > 1 else ""
        lesion = " Dashed: outline of the lesion." if scan.lesion is not None and scan.lesion[self.s].any() else ""
        over = f" Maps over {self.mri_name}, with {100 * OPACITY:.0f} % of their colour." if self.mri_name else ""
        return (
            f"{scan.name}, slice {scan.slices[self.s]}: {self.result.method}{samples}. {target.x.acquired}×"
            f"{target.y.acquired} to {target.x.target}×{target.y.target} (upscaling factor {target.factor:.3g}), in"
            f" plane; slices as they were acquired. Zero-filled and super-resolved maps in one window.{over}{lesion}"
            f" {axial.convention(target.affine).capitalize()}. {RESEARCH_USE}."
        )

    def row(self, figure: Figure, name: str, low: float, side: float, titles: bool) -> None:
        """Draw a metabolite's panels and colour bars. low, side: bottom and size of the panels in inches."""
        width, height = figure.get_size_inches()
        left, unit = LEFT_INCH, self.scan.unit
        figure.text(0.01, (low + side / 2) / height, name, va="center", fontweight="bold")
        words = {
            "mri": self.mri_name, "zero_filled": "Zero-filled", "mean": "Super-resolved", "sd": "Standard deviation",
        }  # fmt: skip
        for column in self.columns:
            axes = figure.add_axes([left / width, low / height, side / width, side / height])
            drawn = self._panel(axes, column, name)
            if titles:
                axes.set_title(words[column], pad=3)
            left += side + GAP_INCH
            if column in (self._last_map, "sd"):
                box = [left / width, (low + 0.05 * side) / height, BAR_INCH / width, 0.9 * side / height]
                label = f"SD ({unit})" if column == "sd" else f"{name} ({unit})"
                style.colour_bar(figure, drawn, figure.add_axes(box), label)
                left += BAR_ROOM_INCH

    @property
    def _last_map(self) -> str:
        return "mean" if "mean" in self.columns else "zero_filled"

    def _panel(self, axes: Axes, column: str, name: str):
        """Draw a panel over MRI, with the lesion's outline; returns the image that a colour bar belongs to."""
        axes.set_facecolor(style.INVALID_COLOUR)
        drawn = self._underlay(axes)
        if column != "mri":
            values = self._slice(getattr(self.result, column)[name])
            high = self._high("sd" if column == "sd" else self._last_map, name)
            colours = style.ERROR_COLOUR_MAP if column == "sd" else style.METABOLITE_COLOUR_MAP
            drawn = axes.imshow(
                np.ma.masked_invalid(values).T, cmap=colours, vmin=0, vmax=high, extent=self._extent(values),
                alpha=1 if self.mri is None else OPACITY,
            )  # fmt: skip
        else:
            axial.name_side(axes, self.scan.target.affine)
        if self.scan.lesion is not None:
            axial.outline(axes, self._slice(self.scan.lesion), MRI_FACTOR)
        style.no_ticks(axes)
        return drawn

    def _underlay(self, axes: Axes):
        if self.mri is None:
            return None
        framed = self.mri[self.s, MIDDLE]
        target, factor = self.scan.target, MRI_FACTOR
        x, y = (slice(a.offset * factor, (a.offset + a.target) * factor) for a in (target.x, target.y))
        return style.show(axes, axial.shown(framed[x, y], self.part, target.affine, factor), style.MRI_COLOUR_MAP)

    def _slice(self, maps: np.ndarray) -> np.ndarray:
        return axial.shown(self.scan.target.crop(maps[self.s]), self.part, self.scan.target.affine)

    def _high(self, column: str, name: str) -> float:
        values = getattr(self.result, column)[name][self.s]
        values = values[np.isfinite(values)]
        return max(float(np.percentile(values, PERCENTILE)) if values.size else 1.0, np.finfo(np.float32).tiny)

    @staticmethod
    def _extent(values: np.ndarray) -> tuple[float, ...]:
        """Edges of an image of map voxels on axes in MRI voxels."""
        x, y = (size * MRI_FACTOR - 0.5 for size in values.shape)
        return -0.5, x, -0.5, y
