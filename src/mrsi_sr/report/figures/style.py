"""Style of all figures: sizes, fonts, colours, and writing of files.

Importing this module selects matplotlib's Agg backend, which needs no display.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from mrsi_sr.results.files import writing

COLUMN_INCH, PAGE_INCH = 3.5, 7.16  # widths of one and of two columns of a journal page
PAGE_HEIGHT_INCH = 9.5
WIDTH_INCH = {"single": COLUMN_INCH, "double": PAGE_INCH}
METABOLITE_COLOUR_MAP = "viridis"  # perceptually uniform, readable in print and with colour blindness
ERROR_COLOUR_MAP = "magma"  # for absolute errors: zero is black
MRI_COLOUR_MAP = "gray"
LESION_COLOUR = "#ff4f4f"
LESION_EDGE_COLOUR = "#000000"  # on both sides of the outline: seen in grey, and on red
FRAME_COLOUR = "#e00000"
INVALID_COLOUR = "#1b1b1f"  # of invalid voxels in a map
# Lines of a plot: colours that are distinct with colour blindness (Okabe and Ito 2008), and for grey prints markers and
# dashes.
LINE_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
DASHES = ("-", "--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))


def apply(formulas: bool = False) -> None:
    """Set matplotlib's defaults; to be called before the axes of a figure are made.

    formulas: whether a text between dollar signs is a formula, as the ticks of a logarithmic axis are; labels and units
    are the user's words and stay as they stand.
    """
    plt.rcdefaults()
    matplotlib.use("Agg")
    plt.rcParams.update(
        {
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
            "font.size": 7,
            "text.parse_math": formulas,
            "axes.titlesize": 7,
            "axes.labelsize": 7,
            "xtick.labelsize": 6,
            "ytick.labelsize": 6,
            "legend.fontsize": 6,
            "figure.titlesize": 8,
            "axes.linewidth": 0.6,
            "lines.linewidth": 1.2,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "image.interpolation": "nearest",
            "image.origin": "lower",
            "savefig.dpi": 300,
            "figure.dpi": 100,
            "pdf.fonttype": 42,  # text stays text
        }
    )


def show(axes: Axes, image, colour_map: str, low: float = 0.0, high: float = 1.0):
    """Matplotlib image of an array [x, y] without ticks, x to the right and y upwards.

    An axial slice of an RAS+ file thus has anterior at the top and the participant's right side on the right.
    Masked and NaN voxels are dark.
    """
    colours = matplotlib.colormaps[colour_map].with_extremes(bad=INVALID_COLOUR)
    drawn = axes.imshow(image.T, cmap=colours, vmin=low, vmax=high, origin="lower", interpolation="nearest")
    no_ticks(axes)
    return drawn


def line(number: int) -> dict:
    """Colour, marker and dashes of a plot's line, counted from 0."""
    return {
        "color": LINE_COLOURS[number % len(LINE_COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
        "markersize": 4,
    }


def no_ticks(axes: Axes) -> None:
    """Remove ticks and frame of an image's axes."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def colour_bar(figure: Figure, drawn, axes: Axes, label: str) -> Colorbar:
    """Colour bar that fills `axes`, with the quantity and its unit as label, such as 'NAA (mM)'."""
    bar = figure.colorbar(drawn, cax=axes)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4, length=2)
    return bar


def save(figure: Figure, png: str | Path | None = None, pdf: str | Path | None = None) -> None:
    """Write a figure as PNG, PDF or both, and close it; an interrupted write leaves no file."""
    # Without a date in the file, equal figures are equal bytes.
    for path, metadata in ((png, {"Software": None}), (pdf, {"CreationDate": None})):
        if path is not None:
            with writing(path) as temporary:
                figure.savefig(temporary, metadata=metadata)
    plt.close(figure)
