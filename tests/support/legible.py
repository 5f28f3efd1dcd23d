"""Check of a figure's words: all inside the figure, none on another."""

from collections.abc import Iterator
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

TOUCHING = 1.0  # pixels of a 100 dpi picture by which boxes of words may meet


def illegible(figure: Figure) -> list[str]:
    """Words that are cut by the figure's edge or lie on other words; empty for a figure that can be read."""
    FigureCanvasAgg(figure).draw()
    beyond = {label for axes in figure.axes for label in _not_drawn(axes)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = {text: text.get_window_extent() for text in texts if text not in beyond}
    whole = figure.bbox
    faults = [
        f"{text.get_text()!r} is cut"
        for text, box in boxes.items()
        if box.x0 < whole.x0 - TOUCHING or box.x1 > whole.x1 + TOUCHING
        or box.y0 < whole.y0 - TOUCHING or box.y1 > whole.y1 + TOUCHING
    ]  # fmt: skip
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        across, along = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > TOUCHING and along > TOUCHING:
            faults.append(f"{one.get_text()!r} lies on {other.get_text()!r}")
    return faults


def _not_drawn(axes: Axes) -> Iterator[Text]:
    """Words that matplotlib keeps and does not draw: those of hidden axes, and of ticks beyond the limits."""
    if not axes.get_visible():
        yield from axes.findobj(Text)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)
