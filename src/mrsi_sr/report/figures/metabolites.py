"""Figure of all metabolites of one slice: zero-filled and super-resolved at each size, ground truth, and the MRI."""

from matplotlib.figure import Figure

from mrsi_sr.report.figures import panels, style
from mrsi_sr.report.figures.panels import Row
from mrsi_sr.report.figures.shown import Shown
from mrsi_sr.report.figures.views import TRUTH, ZERO_FILLED, View, closing, label_of, matrix_of
from mrsi_sr.settings.experiment import FigureSettings

TITLE = "All metabolites of one slice"
MASK_OF = "NAA"  # metabolite whose quality mask is the example, or else the first


def draw(content: Shown, settings: FigureSettings) -> Figure:
    """The figure. Raises UserError where the content is of another method, or does not fit on a page."""
    style.apply()
    sizes = list(dict.fromkeys(each.size for each in content.maps))
    at_size = {size: [View(each, content.unit) for each in content.maps if each.size == size] for size in sizes}
    first = at_size[sizes[0]]
    rows = [_anatomy(first)]
    for size, views in at_size.items():
        low = [view.of_map(view.shown.zero_filled, view.shown.metabolite * (size == sizes[0])) for view in views]
        high = [view.of_map(view.shown.samples_of(settings.figure.method)[0]) for view in views]
        label = label_of(settings.figure.method, settings)
        rows += [Row(low, f"{ZERO_FILLED}\n{size}×{size}"), Row(high, f"{label}\nfrom {size}×{size}")]
    truth = [view.of_map(view.shown.truth) for view in first]
    rows.append(Row(truth, TRUTH, bars_below=[view.window for view in first]))
    return panels.draw([rows], caption(content, settings), settings.figure.width)


def caption(content: Shown, settings: FigureSettings) -> str:
    """What is shown, and how to read it."""
    shown = content.maps[0]
    sizes = dict.fromkeys(matrix_of(each) for each in content.maps)
    return " ".join(
        [
            f"{settings.figure.title or TITLE}.",
            f"{shown.of_slice.participant}, slice {shown.of_slice.slice}; {', '.join(sizes)}.",
            f"Above: T1, FLAIR, and the quality mask of {_example([View(shown, content.unit)])}" if False else "",
        ]
    )
