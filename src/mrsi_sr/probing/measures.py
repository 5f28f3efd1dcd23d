"""Measures of a probe: one row for each, with what it is of."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from mrsi_sr.probing import observer
from mrsi_sr.probing.cases import Case, falls
from mrsi_sr.probing.lesions import Plane, on_map, profile
from mrsi_sr.probing.spectrum import beyond_band, ring_correlation, split_error
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.probe import ProbeSettings

AS_IT_IS = "none"  # kind of change of a scan that is not changed
THRESHOLDS = np.round(np.arange(0.02, 1.0, 0.02), 2)  # of the observer's score, at which false lesions are counted
SMALLEST_CHANGE = 0.1  # of an erased lesion's contrast, for the part of it that remains to have a meaning


class Row(NamedTuple):
    """A measure of one map.

    kind: of change. number: of the case in the slice, -1 of a measure without one. at: where on a curve: threshold
    (false_lesions), frequency in 1/cm (frc). Numbers that a measure does not have are NaN.
    """

    slice: int
    metabolite: str
    size: int
    kind: str
    number: int
    diameter_mm: float
    contrast: float
    measure: str
    at: float
    value: float


class OfMap:
    """What the measures of one map need: slice, metabolite and size, true map, valid voxels and normal tissue [X, Y].

    estimate: of the scan as it is.
    """

    def __init__(
        self, name: tuple[int, str, int], truth: np.ndarray, valid: np.ndarray, normal: np.ndarray,
        estimate: np.ndarray, plane: Plane, settings: ProbeSettings,
    ):  # fmt: skip
        self.name, self.truth, self.valid, self.normal = name, truth, valid, normal
        self.estimate, self.plane, self.settings = estimate, plane, settings
        self.falls = falls(name[1], settings)

    def row(self, kind: str, measure: str, value: float, case: Case | None = None, **more: float) -> Row:
        """A row of this map. more: diameter_mm and at, of measures without a case."""
        number, diameter, contrast = -1, more.get("diameter_mm", np.nan), np.nan
        if case is not None:
            number, diameter = case.number, case.diameter_mm
            contrast = case.contrast(self.name[1], self.settings)
        return Row(*self.name, kind, number, diameter, contrast, measure, more.get("at", np.nan), value)

    def score(self, image: np.ndarray, diameter_mm: float) -> np.ndarray:
        """The observer's score [X, Y] of an image against the truth without a lesion."""
        return observer.scores(image, self.truth, self.normal, self.falls, self.plane, diameter_mm)


def of_scan(of: OfMap, zero_filled: np.ndarray, measured: np.ndarray) -> Iterator[Row]:
    """Error in the measured and the unmeasured subspace, Fourier ring correlation, sharpness, false lesions.

    measured: window of k-space [X, Y]. zero_filled [X, Y] stands outside the mask for what is beyond the band: the cut
    at the mask's edge, which all methods and the truth share, is no detail. It counts in the error, as in the map.
    """
    whole, whole_truth = (np.where(of.valid, image, zero_filled) for image in (of.estimate, of.truth))
    parts = split_error(of.estimate, of.truth, measured) | beyond_band(whole, whole_truth, of.valid, measured)
    for measure, value in parts.items():
        yield of.row(AS_IT_IS, measure, value)
    view_cm = of.plane.frame * max(of.plane.voxel_mm) / 10
    for radius, value in enumerate(ring_correlation(of.estimate, of.truth, of.valid), 1):
        yield of.row(AS_IT_IS, "frc", value, at=radius / view_cm)
    for diameter in of.settings.diameters_mm:
        counts, voxels = observer.false_lesions(of.score(of.estimate, diameter), of.normal, THRESHOLDS)
        yield of.row(AS_IT_IS, "searched_ml", voxels * of.plane.voxel_ml, diameter_mm=diameter)
        for threshold, count in zip(THRESHOLDS, counts, strict=True):
            yield of.row(AS_IT_IS, "false_lesions", count, diameter_mm=diameter, at=threshold)


def of_controls(of: OfMap, cases: Iterable[Case]) -> Iterator[Row]:
    """Scores of the scan as it is where lesions will be planted, and at the normal places beside."""
    for case in cases:
        score = of.score(of.estimate, case.diameter_mm)
        for i, j in [case.place, *map(tuple, case.controls)]:
            yield of.row(AS_IT_IS, "score", score[i, j], case)


def of_lesion(of: OfMap, kind: str, case: Case, truth: np.ndarray, image: np.ndarray) -> Iterator[Row]:
    """Score, contrast to the other hemisphere and hotspot of a lesion that was planted in maps, in MRI or in both.

    truth: map [X, Y] with the lesion, as far as it has one. image: its estimate.
    """
    yield of.row(kind, "score", of.score(image, case.diameter_mm)[case.place], case)
    weight = on_map(profile(of.plane, case.place, case.diameter_mm, of.settings.edge_mm))
    for measure, each in (("contrast_true", truth), ("contrast_estimated", image)):
        yield of.row(kind, measure, observer.to_opposite(each, weight, of.normal, of.plane), case)
    if kind != "mri_only":
        contrast = case.contrast(of.name[1], of.settings)
        hot = [
            observer.hotspot(each, case.place, case.diameter_mm, contrast, of.normal, of.plane)
            for each in (truth, image)
        ]
        yield of.row(kind, "dice", observer.dice(*hot), case)


def of_erased(of: OfMap, kind: str, lesion: np.ndarray, truth: np.ndarray, image: np.ndarray) -> Iterator[Row]:
    """Contrast of the place where the scan's own lesion was, and the part of the lesion's contrast that comes back.

    lesion: bool [X, Y]. truth, image: true map without the lesion, and its estimate.
    """
    seen = of.valid & (of.normal | lesion)
    before, after, estimated = (
        observer.to_opposite(each, lesion.astype(float), seen, of.plane) for each in (of.truth, truth, image)
    )
    yield of.row(kind, "contrast_true", after)
    yield of.row(kind, "contrast_estimated", estimated)
    if abs(before - after) >= SMALLEST_CHANGE:
        yield of.row(kind, "remaining", (estimated - after) / (before - after))


def of_foreign(of: OfMap, image: np.ndarray, edges: np.ndarray, own_edges: np.ndarray) -> Iterator[Row]:
    """Change of a map by the MRI of somebody else: over the map's error, and its correlation with edges in the MRI.

    image: estimate [X, Y] with that MRI. edges, own_edges [X, Y]: of that MRI, and of the participant's own.
    """
    change, error = ((each - of.estimate)[of.valid] for each in (image, of.truth))
    size, whole = np.linalg.norm(change), np.linalg.norm(error)
    yield of.row("foreign", "leakage", float(size / whole) if size else 0.0)
    yield of.row("foreign", "leakage_of_map", float(size / np.linalg.norm(of.truth[of.valid])))
    for measure, each in (("foreign_edges", edges), ("own_edges", own_edges)):
        yield of.row("foreign", measure, _correlation(np.abs(change), each[of.valid]))


def edges_of(mri: np.ndarray) -> np.ndarray:
    """Strength of the edges in MRI [3, 3N, 3N] on the map's grid [N, N]: its gradient's magnitude, averaged."""
    return on_map(np.hypot(*np.gradient(mri.mean(axis=0)))) * MRI_FACTOR


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; NaN where one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(np.corrcoef(one, other)[0, 1])
