"""Views of a figure's maps: panels of maps, errors and MRI, their colour windows, and the words of the caption."""

from collections.abc import Iterable, Sequence

import numpy as np

from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import upscaling_factor
from mrsi_sr.report.figures import axial, style
from mrsi_sr.report.figures.origin import origin
from mrsi_sr.report.figures.panels import Panel, Window
from mrsi_sr.report.figures.shown import Shown, ShownMap
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.report import FigureSettings

ERROR_PERCENTILE = 99.5  # percentile of the errors of a row at the end of their window
MRI = {"flair": "FLAIR", "t1": "T1"}
TRUTH, ZERO_FILLED = "Ground truth", "Zero-filled"
NOT_AVAILABLE = "n/a"


class View:
    """Panels of one map, all of the same part of the head and with the outline of the lesion."""

    def __init__(self, shown: ShownMap, unit: str):
        self.shown, self.unit, self.affine = shown, unit, shown.of_slice.affine
        self.part = axial.window(shown.inside)
        self.lesion = self._cut(shown.of_slice.lesion)

    @property
    def window(self) -> Window:
        """Window of the map and its estimates: from 0 to the largest value of the ground truth."""
        label = f"{self.shown.metabolite} ({self.unit})"
        return Window(style.METABOLITE_COLOUR_MAP, _positive(self.shown.truth.max()), label)

    def spread_window(self, images: Sequence[np.ndarray], label: str) -> Window:
        """Window of errors or standard deviations [H, W], from 0 to a high percentile of all of them."""
        high = np.percentile(np.stack(images)[:, self.shown.inside], ERROR_PERCENTILE)
        return Window(style.ERROR_COLOUR_MAP, _positive(high), f"{label} ({self.unit})")

    def error(self, estimate: np.ndarray) -> np.ndarray:
        """Absolute error [H, W] of an estimated map."""
        return np.abs(estimate - self.shown.truth)

    def of_map(self, estimate: np.ndarray, above: str = "", below: str = "") -> Panel:
        """Panel of a metabolic map, dark where there is none: that is no low value."""
        image = self._cut(np.where(estimate == 0, np.nan, estimate))
        return Panel(image, self.window, above, below, lesion=self.lesion)

    def of_spread(self, image: np.ndarray, window: Window, **words) -> Panel:
        """Panel of errors or standard deviations."""
        return Panel(self._cut(image), window, lesion=self.lesion, **words)

    def of_mri(self, name: str) -> Panel:
        """Panel of the flair or the t1, with its name and the side of the head."""
        image = self._cut(getattr(self.shown.of_slice, name), MRI_FACTOR)
        return Panel(image, corner=MRI[name], lesion=self.lesion, factor=MRI_FACTOR, affine=self.affine)

    def of_mask(self, above: str = "") -> Panel:
        """Panel of the quality mask."""
        return Panel(self._cut(self.shown.valid.astype(float)), None, above, lesion=self.lesion)

    def _cut(self, image: np.ndarray, factor: int = 1) -> np.ndarray:
        return axial.shown(image, self.part, self.affine, factor)


def factor_of(shown: ShownMap) -> str:
    """Upscaling factor of a map, as printed."""
    return upscaling_factor(shown.truth.shape[-1], shown.size)


def matrix_of(shown: ShownMap) -> str:
    """Matrix sizes of a map before and after super-resolution, in words."""
    frame = shown.truth.shape[-1]
    return f"{shown.size}×{shown.size} to {frame}×{frame} (s = {factor_of(shown)})"


def label_of(name: str | None, settings: FigureSettings) -> str:
    """Label of a method, or of a point of its sweep; of none, the zero-filled map's."""
    return settings.labels.get(name, name) if name else ZERO_FILLED


def score_of(shown: ShownMap, method: str, metric: str) -> str:
    """Score of a method's map as printed, or that it is not available."""
    value = shown.scores.get((method, metric), np.nan)
    return NOT_AVAILABLE if np.isnan(value) else f"{value:.{METRICS[metric].decimals}f}"


def closing(content: Shown, settings: FigureSettings) -> list[str]:
    """Last sentences of a caption: the lesion's outline, which side is which, and where the maps come from."""
    affines = [each.of_slice.affine for each in content.maps]
    sides = dict.fromkeys(f"{axial.convention(affine).capitalize()}." for affine in affines)
    outlined = any(each.of_slice.lesion.any() for each in content.maps)
    facts = content.facts
    return [
        *(["Dashed: outline of the lesion."] if outlined else []),
        *sides,
        origin(settings, folds=[facts.fold], seeds=[facts.seed], configuration=facts.configuration),
    ]


def names_of(maps: Iterable[ShownMap]) -> str:
    """Participant, slice, metabolite and matrix sizes of the maps of a figure, in words."""
    return "; ".join(f"{each.name}, {matrix_of(each)}" for each in maps)


def _positive(high: float) -> float:
    """Upper end of a window; 1 of an image without a value above zero."""
    return float(high) if high > 0 else 1.0
