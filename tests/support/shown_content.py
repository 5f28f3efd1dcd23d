"""Small kept contents of figures of maps, and what tests look for in a drawn figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from tiny_cohort import participant

from mrsi_sr.report.figures.shown import MEASURED, Facts, Shown, ShownMap, ShownSlice

FACTS = {"protocol": "clean", "fold": 2, "seed": 1, "configuration": "0123456789abcdef", "zero_filled": None}
SCORES = {"nrmse": 0.125, "psnr": 23.4, "ssim": 0.876, "lpips_alex": 0.0432}
BAR = "colour bar: "  # start of the label of a colour bar's axes


def shown_slice(name: str, seed: int = 1) -> ShownSlice:
    """Slice 11 of a tiny participant, with a lesion."""
    truth = participant(name, seed)
    truth.lesion[1, 6:10, 6:10] = True
    return ShownSlice(name, 11, truth.t1[1, 1], truth.flair[1, 1], truth.brain[1], truth.lesion[1], truth.affine)


def shown_map(
    of_slice: ShownSlice, metabolite: str = "tCho", size: int = 4, methods=("munet",), samples: int = 1, seed: int = 1
) -> ShownMap:
    """Map with so many samples of each method, each with all scores; the zero-filled one without LPIPS."""
    truth, random = participant("any", seed), np.random.default_rng(seed)
    true, valid = truth.maps[1, 0], truth.valid[1, 0]
    estimates = {
        name: (true + random.normal(0, 0.3, (samples, *true.shape)) * valid).astype(np.float32) for name in methods
    }
    scores = {(name, metric): value for name in methods for metric, value in SCORES.items()}
    scores |= {(MEASURED, metric): value for metric, value in SCORES.items() if metric != "lpips_alex"}
    return ShownMap(of_slice, metabolite, size, true, valid, (0.8 * true).astype(np.float32), estimates, scores)


def content(kind: str, maps: list[ShownMap], methods=("munet",), **facts) -> Shown:
    """Content of a figure of these maps."""
    return Shown(maps, list(methods), "mM", Facts(kind=kind, **FACTS | facts))


def panels(figure: Figure) -> list[list[Axes]]:
    """Image panels of a figure in rows from above, without colour bars."""
    rows: dict[float, list[Axes]] = {}
    for axes in figure.axes:
        if not axes.get_label().startswith(BAR):
            rows.setdefault(round(axes.get_position().y0, 4), []).append(axes)
    return [sorted(rows[y], key=lambda axes: axes.get_position().x0) for y in sorted(rows, reverse=True)]


def colour_bars(figure: Figure) -> list[str]:
    """Labels of the colour bars, in the order drawn."""
    labels = (axes.get_label() for axes in figure.axes)
    return [label.removeprefix(BAR) for label in labels if label.startswith(BAR)]


def words(figure: Figure) -> list[str]:
    """All texts of a figure, each in one line."""
    texts = (text for text in figure.findobj(Text) if text.get_visible())
    return [" ".join(text.get_text().split()) for text in texts if text.get_text().strip()]


def on_panels(figure: Figure) -> list[str]:
    """Words beside panels that lie on an image; empty where all stand apart. To be called after the figure is drawn."""
    beside = [text for text in figure.texts if text.get_text().strip()]
    return [
        text.get_text()
        for text in beside
        for axes in figure.axes
        if text.get_window_extent().padded(-1).overlaps(axes.get_window_extent())
    ]
