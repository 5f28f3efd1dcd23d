"""Figure of repeated samples of one map beside input and ground truth, with mean and standard deviation of all."""

from math import ceil

import numpy as np
from matplotlib.figure import Figure

from mrsi_sr.cli import UserError
from mrsi_sr.report.figures import panels, style
from mrsi_sr.report.figures.panels import Panel, Row, Window, in_rows
from mrsi_sr.report.figures.shown import Shown
from mrsi_sr.report.figures.views import TRUTH, ZERO_FILLED, View, closing, label_of, names_of
from mrsi_sr.settings.report import FigureSettings

TITLE = "Repeated samples of one map"


def draw(content: Shown, settings: FigureSettings) -> Figure:
    """The figure. Raises UserError where there are no repeated samples, or it does not fit on a page."""
    style.apply()
    cells = _panels(content, settings)
    columns = dict.fromkeys(ceil(len(cells) / lines) for lines in range(1, len(cells) + 1))
    arrangements = ([_row(each) for each in in_rows(cells, wanted)] for wanted in columns)
    return panels.draw(arrangements, caption(content, settings), settings.figure.width)


def caption(content: Shown, settings: FigureSettings) -> str:
    """What is shown, and how to read it."""
    figure = settings.figure
    number = len(content.maps[0].samples_of(figure.method))
    sentences = [
        f"{figure.title or TITLE}.",
        f"{names_of(content.maps)}.",
        f"Samples, mean and standard deviation (SD) of {label_of(figure.method, settings)}; mean and SD are of {number}"
        " samples.",
        "Maps and mean are in one window, which ends at the largest value of the ground truth; the SD is shown"
        f" ×{figure.magnification:g}: its window is that of the maps divided by {figure.magnification:g}.",
    ]
    return " ".join([*sentences, *closing(content, settings)])


def _panels(content: Shown, settings: FigureSettings) -> list[Panel]:
    figure, shown = settings.figure, content.maps[0]
    view, samples = View(shown, content.unit), shown.samples_of(figure.method)
    if len(samples) < 2:
        raise UserError(
            f"{figure.method} has one sample of {shown.name}: there is no standard deviation to show\n"
            "  set `samples` of this method to 2 or more, or show a method that has repeated samples"
        )
    before = [(shown.zero_filled, ZERO_FILLED)]
    if figure.first is not None:
        before.append((shown.samples_of(figure.first)[0], label_of(figure.first, settings)))
    drawn = [(each, f"Sample {i}") for i, each in enumerate(samples[: figure.shown], start=1)]
    maps = [*before, (shown.truth, TRUTH), *drawn, (samples.mean(axis=0), f"Mean of {len(samples)}")]
    spread = Window(style.ERROR_COLOUR_MAP, view.window.high / figure.magnification, f"SD ({content.unit})")
    sd = view.of_spread(np.std(samples, axis=0, ddof=1), spread, above=f"SD (×{figure.magnification:g})")
    return [*(view.of_map(image, above) for image, above in maps), sd]


def _row(cells: list[Panel]) -> Row:
    """Panels of a row with a colour bar for each window among them."""
    return Row(cells, bars=list(dict.fromkeys(cell.window for cell in cells)))
