"""Caption below a figure, as wide as the figure, and room for it."""

from matplotlib.figure import Figure

from mrsi_sr.report.figures.words import LINE_INCH_PER_POINT, fitted

POINTS = 6
MARGIN_INCH = 0.06


def captioned(width_inch: float, height_inch: float, caption: str) -> Figure:
    """Figure with constrained layout, whose axes have this height above the caption."""
    lines = fitted(caption, width_inch - 2 * MARGIN_INCH, POINTS)
    below = LINE_INCH_PER_POINT * POINTS * (lines.count("\n") + 1) + 2 * MARGIN_INCH
    height = height_inch + below
    figure = Figure((width_inch, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / height, 1, height_inch / height))
    figure.text(MARGIN_INCH / width_inch, MARGIN_INCH / height, lines, fontsize=POINTS, va="bottom", linespacing=1.1)
    return figure
