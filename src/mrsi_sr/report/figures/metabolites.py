"""Figure of all metabolites of one slice: zero-filled and super-resolved at each size, ground truth, and the MRI."""

from matplotlib.figure import Figure

from mrsi_sr.report.figures import panels, style
from mrsi_sr.report.figures.panels import Row
from mrsi_sr.report.figures.shown import Shown
from mrsi_sr.report.figures.views import TRUTH, ZERO_FILLED, View, closing, label_of, matrix_of
from mrsi_sr.settings.report import FigureSettings

TITLE = "All metabolites of one slice"
EXAMPLE = "NAA"  # metabolite whose quality mask is shown, or else the first


def draw(content: Shown, settings: FigureSettings) -> Figure:
    """The figure. Raises UserError where the content is of another method, or does not fit on a page."""
    style.apply()
    at_size: dict[int, list[View]] = {}
    for each in content.maps:
        at_size.setdefault(each.size, []).append(View(each, content.unit))
    first = next(iter(at_size.values()))
    masked = next((view for view in first if view.shown.metabolite == EXAMPLE), first[0])
    mask = masked.of_mask(f"Mask of {masked.shown.metabolite}")
    rows = [Row([first[0].of_mri("t1"), first[0].of_mri("flair"), mask])]
    for size, views in at_size.items():
        label = label_of(settings.figure.method, settings)
        names = [view.shown.metabolite if views is first else "" for view in views]
        low = [view.of_map(view.shown.zero_filled, name) for view, name in zip(views, names, strict=True)]
        high = [view.of_map(view.shown.samples_of(settings.figure.method)[0]) for view in views]
        rows += [Row(low, f"{ZERO_FILLED}\n{size}×{size}"), Row(high, f"{label}\nof {size}×{size}")]
    truth = [view.of_map(view.shown.truth) for view in first]
    rows.append(Row(truth, TRUTH, bars_below=[view.window for view in first]))
    return panels.draw([rows], caption(content, settings), settings.figure.width)


def caption(content: Shown, settings: FigureSettings) -> str:
    """What is shown, and how to read it."""
    place, method = content.maps[0].of_slice, label_of(settings.figure.method, settings)
    sizes = dict.fromkeys(matrix_of(each) for each in content.maps)
    sentences = [
        f"{settings.figure.title or TITLE}.",
        f"{place.participant}, slice {place.slice}; {', '.join(sizes)}.",
        "Above: T1, FLAIR and an example of a quality mask.",
        f"Below: zero-filled maps, their super-resolution by {method}, and ground truth.",
        "Maps of a metabolite are in one window, which ends at the largest value of its ground truth.",
    ]
    return " ".join([*sentences, *closing(content, settings)])
