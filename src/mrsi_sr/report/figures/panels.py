"""Rows of image panels with words, colour bars and a caption, placed in inches so that nothing overlaps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import axial, style
from mrsi_sr.report.figures.words import LINE_INCH_PER_POINT, fitted, largest_points, width_inch

MARGIN, GAP, ROW_GAP = 0.04, 0.035, 0.07  # inches: at the edges, between panels, above a row that has a label
LARGEST_INCH, COMFORTABLE_INCH, SMALLEST_INCH = 1.6, 0.62, 0.42  # edge of a panel
BAR, TICK = 0.07, 0.05  # inches: width of a colour bar, and from it to its numbers
WORDS, CAPTION = 6.0, 6.0  # points
PAD = 0.03  # inches between words and what they belong to
DESCENT = 0.24  # of DejaVu Sans, in parts of its size
NUMBERS = 3  # intervals between the numbers at a colour bar


@dataclass(frozen=True)
class Window:
    """Colour window of images, from 0 to `high`, with the quantity and its unit as label of its colour bar."""

    colour_map: str
    high: float
    label: str

    @property
    def ticks(self) -> list[float]:
        """Round numbers within the window."""
        ticks = MaxNLocator(NUMBERS, steps=[1, 2, 2.5, 5, 10]).tick_values(0, self.high)
        return [tick for tick in ticks.tolist() if 0 <= tick <= self.high]

    @property
    def numbers(self) -> list[str]:
        """The ticks as they are written."""
        return [f"{tick:.6g}" for tick in self.ticks]


@dataclass(frozen=True)
class Panel:
    """Image [x, y] that `axial.shown` has cut out, with words above and below.

    window: null for an image in grey, of values 0 to 1. corner: word in the image. lesion: mask to outline, cut out in
    the same way. factor: image voxels along each edge of one of the mask's. affine: given where left and right are to
    be named. framed: with a frame, which the caption explains.
    """

    image: np.ndarray
    window: Window | None = None
    above: str = ""
    below: str = ""
    corner: str = ""
    lesion: np.ndarray | None = None
    factor: int = 1
    affine: np.ndarray | None = None
    framed: bool = False


@dataclass(frozen=True)
class Bar:
    """Colour bar in the place of a panel, at its left or right edge, next to the panels that it belongs to."""

    window: Window
    left: bool = True


@dataclass(frozen=True)
class Row:
    """Panels side by side: words in lines at the left, colour bars at the right or one below each panel."""

    cells: Sequence[Panel | Bar | None]
    label: str = ""
    bars: Sequence[Window] = ()
    bars_below: Sequence[Window] = ()


def draw(arrangements: Iterable[Sequence[Row]], caption: str, width: str) -> Figure:
    """Figure of the first arrangement whose panels are large enough, or else of that with the largest ones.

    arrangements: of the same panels, from few long rows to many short ones. width: single or double.
    Raises UserError where no arrangement fits on a page.
    """
    fitting = []
    for rows in arrangements:
        layout = _fitting_a_page(rows, caption, style.WIDTH_INCH[width])
        if layout.side >= COMFORTABLE_INCH:
            return layout.drawn()
        fitting += [layout] if layout.side >= SMALLEST_INCH else []
    if not fitting:
        raise UserError(
            f"the figure does not fit on a page of {style.WIDTH_INCH[width]} x {style.PAGE_HEIGHT_INCH} inches with"
            f" panels of at least {SMALLEST_INCH} inches\n  show fewer maps or methods, or set width: double"
        )
    return max(fitting, key=lambda each: each.side).drawn()


def _fitting_a_page(rows: Sequence[Row], caption: str, width: float) -> "Layout":
    """Layout with panels as large as width and height of a page allow."""
    layout = Layout(rows, caption, width)
    while layout.height > style.PAGE_HEIGHT_INCH and layout.side >= SMALLEST_INCH:
        too_much = (layout.height - style.PAGE_HEIGHT_INCH) / len(rows)
        layout = Layout(rows, caption, width, largest=layout.side - max(too_much, 0.01))
    return layout


def in_rows(cells: Sequence, columns: int) -> list[Sequence]:
    """Cells side by side, at most so many in a row."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


class Layout:
    """Places of all parts of a figure in inches, and its drawing."""

    def __init__(self, rows: Sequence[Row], caption: str, width: float, largest: float = LARGEST_INCH):
        self.rows, self.width = rows, width
        self.caption = fitted(caption, width - 2 * MARGIN, CAPTION)
        self.columns = max(len(row.cells) for row in rows)
        self.label_lines = max((row.label.count("\n") + 1 for row in rows if row.label), default=0)
        self.bar_width = max(sum(map(_bar_width, row.bars)) for row in rows)
        self.left = MARGIN + self.label_lines * WORDS * LINE_INCH_PER_POINT + (PAD if self.label_lines else 0)
        room = width - self.left - MARGIN - self.bar_width - (self.columns - 1) * GAP
        self.side = min(room / self.columns, largest)
        self.left += (room - self.side * self.columns) / 2  # few panels stand in the middle

    @cached_property
    def points(self) -> float:
        """Size of the words above panels."""
        return largest_points([cell.above for row in self.rows for cell in _panels(row)], self.side)

    @cached_property
    def points_below(self) -> float:
        """Size of the words below panels."""
        return min(WORDS, largest_points([cell.below for row in self.rows for cell in _panels(row)], self.side))

    @cached_property
    def height(self) -> float:
        """Height of the figure."""
        return MARGIN + sum(map(self._row_height, self.rows)) + PAD + _lines_inch(self.caption, CAPTION) + MARGIN

    def drawn(self) -> Figure:
        """The figure."""
        figure = Figure((self.width, self.height))
        top = MARGIN
        for row in self.rows:
            self._draw_row(figure, row, top)
            top += self._row_height(row)
        self._write(figure, MARGIN, self.height - MARGIN, self.caption, CAPTION, ha="left", va="bottom")
        return figure

    def _above(self, row: Row) -> float:
        """Height of what stands above a row's panels."""
        words = max(
            (_lines_inch(self._fitted(cell.above, self.points), self.points) for cell in _panels(row)), default=0
        )
        return (ROW_GAP if row.label else 0) + words + (PAD if words else 0)

    def _below(self, row: Row) -> float:
        points = self.points_below
        words = max((_lines_inch(self._fitted(cell.below, points), points) for cell in _panels(row)), default=0)
        bars = max((self._bar_height(window) for window in row.bars_below), default=0)
        return words + (PAD if words else 0) + bars

    def _row_height(self, row: Row) -> float:
        return self._above(row) + self.side + self._below(row) + GAP

    def _fitted(self, text: str, points: float) -> str:
        return fitted(text, self.side, points)

    def _bar_height(self, window: Window) -> float:
        label = _lines_inch(self._fitted(window.label, WORDS), WORDS)
        return PAD + BAR + TICK + WORDS * LINE_INCH_PER_POINT + label

    def _draw_row(self, figure: Figure, row: Row, top: float) -> None:
        top += self._above(row)
        if row.label:
            text = "\n".join(fitted(line, self.side, WORDS, lines=1) for line in row.label.split("\n"))
            self._write(figure, self.left - PAD, top + self.side / 2, text, WORDS, ha="right", va="center", rotation=90)
        for column, cell in enumerate(row.cells):
            left = self.left + column * (self.side + GAP)
            if isinstance(cell, Panel):
                self._draw_panel(figure, cell, left, top)
            elif isinstance(cell, Bar):
                width = _bar_width(cell.window)
                self._draw_bar(figure, cell.window, left if cell.left else left + self.side - width + GAP, top)
        left = self.left + self.columns * (self.side + GAP)
        for window in row.bars:
            self._draw_bar(figure, window, left, top)
            left += _bar_width(window)
        for column, window in enumerate(row.bars_below):
            self._draw_bar_below(figure, window, self.left + column * (self.side + GAP), top + self.side + PAD)

    def _draw_panel(self, figure: Figure, panel: Panel, left: float, top: float) -> None:
        axes = self._axes(figure, left, top, self.side, self.side)
        window = panel.window or Window(style.MRI_COLOUR_MAP, 1.0, "")
        style.show(axes, panel.image, window.colour_map, 0, window.high)
        if panel.lesion is not None:
            axial.outline(axes, panel.lesion, panel.factor)
        if panel.corner:
            axial.write(axes, 0.03, 0.97, panel.corner, va="top")
        if panel.affine is not None:
            axial.name_side(axes, panel.affine)
        if panel.framed:
            axes.add_patch(
                Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, color=style.FRAME_COLOUR, linewidth=2.4)
            )
        middle = left + self.side / 2
        above, below = self._fitted(panel.above, self.points), self._fitted(panel.below, self.points_below)
        baseline = top - PAD - DESCENT * self.points / 72  # of the last line: names stand on one line
        self._write(figure, middle, baseline, above, self.points, ha="center", va="baseline")
        self._write(figure, middle, top + self.side + PAD, below, self.points_below, ha="center", va="top")

    def _draw_bar(self, figure: Figure, window: Window, left: float, top: float) -> None:
        """Vertical colour bar, a little shorter than a panel: the numbers at its ends stay in the row."""
        bar = self._coloured(figure, window, left, top + MARGIN, BAR, self.side - 2 * MARGIN)
        bar.set_ylim(0, window.high)
        bar.yaxis.tick_right()
        bar.set_yticks(window.ticks, window.numbers)
        label = fitted(window.label, self.side, WORDS, lines=1)
        right = left + BAR + TICK + _numbers_width(window) + PAD
        self._write(figure, right, top + self.side / 2, label, WORDS, ha="left", va="center", rotation=90)

    def _draw_bar_below(self, figure: Figure, window: Window, left: float, top: float) -> None:
        """Horizontal colour bar, a little narrower than the panel above it, with its label below."""
        inset = 0.1 * self.side
        bar = self._coloured(figure, window, left + inset, top, self.side - 2 * inset, BAR, horizontal=True)
        bar.set_xlim(0, window.high)
        ends = [(0.0, "0"), (window.ticks[-1], window.numbers[-1])]
        bar.set_xticks(*zip(*ends, strict=True))
        label = self._fitted(window.label, WORDS)
        below = top + BAR + TICK + WORDS * LINE_INCH_PER_POINT
        self._write(figure, left + self.side / 2, below, label, WORDS, ha="center", va="top")

    def _coloured(
        self, figure: Figure, window: Window, left: float, top: float, width: float, height: float, horizontal=False
    ) -> Axes:
        axes = self._axes(figure, left, top, width, height)
        ramp = np.linspace(0, 1, 256)[None, :] if horizontal else np.linspace(0, 1, 256)[:, None]
        extent = (0, window.high, 0, 1) if horizontal else (0, 1, 0, window.high)
        axes.imshow(ramp, cmap=window.colour_map, aspect="auto", extent=extent, origin="lower")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.tick_params(width=0.4, length=2, pad=1, labelsize=WORDS)
        for spine in axes.spines.values():
            spine.set(visible=True, linewidth=0.4)
        axes.set_label(f"colour bar: {window.label}")
        return axes

    def _axes(self, figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
        return figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        )

    def _write(self, figure: Figure, x: float, y: float, text: str, points: float, **how) -> None:
        if text:
            figure.text(x / self.width, 1 - y / self.height, text, fontsize=points, linespacing=1.1, **how)


def _panels(row: Row) -> list[Panel]:
    return [cell for cell in row.cells if isinstance(cell, Panel)]


def _lines_inch(text: str, points: float) -> float:
    return (text.count("\n") + 1) * points * LINE_INCH_PER_POINT if text else 0.0


def _numbers_width(window: Window) -> float:
    return max(width_inch(number, WORDS) for number in window.numbers)


def _bar_width(window: Window) -> float:
    """Width of a vertical colour bar with its numbers and its label."""
    return GAP + BAR + TICK + _numbers_width(window) + PAD + WORDS * LINE_INCH_PER_POINT
