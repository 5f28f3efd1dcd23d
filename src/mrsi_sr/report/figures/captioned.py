"""Caption below a figure, as wide as the figure, and room for it."""

from textwrap import fill

from matplotlib.figure import Figure

CHARACTERS_PER_INCH = 22  # of a caption's line
POINTS = 6
LINE_INCH, MARGIN_INCH = 0.118, 0.06


def captioned(width_inch: float, height_inch: float, caption: str) -> Figure:
    """Figure with constrained layout, whose axes have this height above the caption."""
    lines = fill(caption, int(width_inch * CHARACTERS_PER_INCH))
    below = LINE_INCH * (lines.count("\n") + 1) + 2 * MARGIN_INCH
    height = height_inch + below
    figure = Figure((width_inch, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / height, 1, height_inch / height))
    figure.text(MARGIN_INCH / width_inch, MARGIN_INCH / height, lines, fontsize=POINTS, va="bottom", linespacing=1.25)
    return figure
