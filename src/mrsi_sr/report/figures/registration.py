"""Picture to check a registration by eye: edges of the scan's map over the T1, and the FLAIR beside and over the T1."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from mrsi_sr.report.figures import style
from mrsi_sr.scan.grid import finer
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.preparation import Prepared
from mrsi_sr.scan.slices import MRI_FACTOR

COLUMNS = 6  # slices, spread evenly over those of the brain
INCH, LABEL_INCH, TOP_INCH, LINE_INCH = 1.15, 0.95, 0.45, 0.13
EDGE_COLOUR, BRAIN_COLOUR = "#ffd23b", "#3bd4ff"
LEVELS = (0.35, 0.75)  # contours of the map, as parts of its largest value
WINDOW_PERCENTILE = 99.0  # of the brain, the brightest grey
TILE = 12  # voxels along each edge of a field of the chessboard
LETTERS = 130  # in a line below the pictures


def picture(participant: str, prepared: Prepared) -> Figure:
    """Figure of a prepared scan: T1 with the map's edges, FLAIR with the brain's edge, and the two as a chessboard."""
    style.apply()
    scan = prepared.scan
    grid = Image(np.empty([MRI_FACTOR * size for size in scan.values.shape], bool), finer(scan.affine))
    t1, brain = (image.on_grid_of(grid) for image in (prepared.t1, prepared.brain))
    rows = [("T1 and edges of\nthe scan's map", _window(t1, brain))]
    if prepared.flair is not None:
        flair = _window(prepared.flair.on_grid_of(grid), brain)
        rows.append(("FLAIR and edges\nof the brain", flair))
        rows.append(("T1 and FLAIR\nby turns", np.where(_chessboard(t1.shape[:2])[..., None], rows[0][1], flair)))
    shown = shown_slices(scan.values)
    lines = _lines(prepared)
    height = TOP_INCH + len(rows) * INCH + LINE_INCH * (len(lines) + 1)
    figure = Figure(figsize=(LABEL_INCH + len(shown) * INCH, height))
    for position, (label, values) in enumerate(rows):
        bottom = 1 - (TOP_INCH + (position + 1) * INCH) / height
        figure.text(
            (LABEL_INCH - 0.06) / figure.get_figwidth(), bottom + 0.5 * INCH / height, label, ha="right", va="center"
        )
        for column, k in enumerate(shown):
            left, width = (LABEL_INCH + column * INCH) / figure.get_figwidth(), 0.97 * INCH / figure.get_figwidth()
            axes = figure.add_axes((left, bottom, width, 0.97 * INCH / height))
            middle = MRI_FACTOR * k + MRI_FACTOR // 2
            style.show(axes, values[:, :, middle], style.MRI_COLOUR_MAP)
            if position == 0:
                axes.set_title(f"slice {k}", pad=2)
                _contours(axes, scan.values[:, :, k], LEVELS, EDGE_COLOUR, scan.values.max())
            elif position == 1:
                _contours(axes, brain[:, :, middle], (0.5,), BRAIN_COLOUR, 1.0)
    figure.suptitle(f"{participant}: registration of the MRI to the scan", y=1 - 0.1 / height)
    figure.text(0.02, 0.06 / height, "\n".join(lines), va="bottom", ha="left", fontsize=6)
    return figure


def shown_slices(values: np.ndarray) -> np.ndarray:
    """Up to COLUMNS slices, spread evenly over those of an image [X, Y, Z] that are not empty."""
    filled = np.flatnonzero((values != 0).any(axis=(0, 1)))
    filled = filled if filled.size else np.arange(values.shape[2])
    return filled[np.round(np.linspace(0, len(filled) - 1, min(COLUMNS, len(filled)))).astype(int)]


def _contours(axes, values: np.ndarray, levels, colour: str, highest: float) -> None:
    """Contours of a slice [x, y], drawn over an image of the same extent that may be finer."""
    if values.min() < highest * levels[0] < values.max():
        low, high = axes.get_xlim(), axes.get_ylim()
        at = [np.linspace(*ends, 2 * size + 1)[1::2] for ends, size in zip((low, high), values.shape, strict=True)]
        axes.contour(*at, values.T, levels=[highest * level for level in levels], colors=colour, linewidths=0.5)
        axes.set(xlim=low, ylim=high)


def _window(values: np.ndarray, brain: np.ndarray) -> np.ndarray:
    inside = values[(brain > 0.5) & (values > 0)]
    return (values / np.percentile(inside, WINDOW_PERCENTILE)).clip(0, 1) if inside.size else values


def _chessboard(shape) -> np.ndarray:
    fields = np.add.outer(*(np.arange(size) // TILE for size in shape))
    return fields % 2 == 0


def _lines(prepared: Prepared) -> list[str]:
    """What was moved by how much, and the warnings."""
    names = {"flair_to_t1": "FLAIR to T1", "t1_to_scan": "T1 to the scan"}
    moved = [
        f"{names[name]}: moved by {each.shift_mm:.1f} mm and {each.degrees:.1f} degrees"
        for name, each in prepared.transforms.items()
    ]
    lines = ["; ".join(moved), *(f"Warning: {warning}" for warning in prepared.warnings)]
    return [part for line in lines for part in textwrap.wrap(line, LETTERS)]
