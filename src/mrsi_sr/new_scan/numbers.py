"""Numbers of a super-resolved scan, as its page shows them in tables."""

from dataclasses import dataclass

import numpy as np

from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import NewScan
from mrsi_sr.scan.quality import BIT

LOW, HIGH = 5, 95  # percentiles that are called the range


@dataclass(frozen=True)
class MapNumbers:
    """Numbers of a metabolite's or ratio's map inside its mask; None where there is none.

    median, low, high: of the super-resolved map, with its 5th and 95th percentile. sd: median of the standard
    deviation. zero_filled: median of the zero-filled map. lesion, lesion_zero_filled: means inside the lesion.
    """

    name: str
    unit: str
    voxels: int
    median: float | None
    low: float | None
    high: float | None
    sd: float | None
    zero_filled: float | None
    lesion: float | None
    lesion_zero_filled: float | None


def of_maps(result: SuperResolved) -> list[MapNumbers]:
    """Numbers of every map of a result; of the zero-filled ones alone where the scan was only regridded."""
    lesion = result.scan.lesion
    return [_of_map(name, result, lesion) for name in dict.fromkeys([*result.zero_filled, *result.mean])]


def _of_map(name: str, result: SuperResolved, lesion: np.ndarray | None) -> MapNumbers:
    nothing = np.full((1, 1, 1), np.nan)
    mean, sd, zero_filled = (maps.get(name, nothing) for maps in (result.mean, result.sd, result.zero_filled))

    def in_lesion(maps: np.ndarray) -> float | None:
        return None if lesion is None or maps is nothing else _statistic(np.mean, maps[lesion])

    return MapNumbers(
        name=name, unit="" if "/" in name else result.scan.unit, voxels=int(np.isfinite(mean).sum()),
        median=_statistic(np.median, mean), low=_statistic(np.percentile, mean, LOW),
        high=_statistic(np.percentile, mean, HIGH), sd=_statistic(np.median, sd),
        zero_filled=_statistic(np.median, zero_filled), lesion=in_lesion(mean),
        lesion_zero_filled=in_lesion(zero_filled),
    )  # fmt: skip


def _statistic(function, values: np.ndarray, *arguments) -> float | None:
    known = values[np.isfinite(values)]
    return float(function(known, *arguments)) if known.size else None


@dataclass(frozen=True)
class Fit:
    """Distance of a metabolite's maps from their measurement, in percent of it: mean over slices, and the largest."""

    name: str
    before: float | None
    after: float | None
    largest: float | None


def of_fit(result: SuperResolved) -> list[Fit]:
    """Fit with the measurement of each super-resolved metabolite."""
    fits = []
    for name, after in result.misfit.items():
        before = result.misfit_before[name]
        fits.append(
            Fit(name, *(_statistic(f, 100 * v) for f, v in ((np.mean, before), (np.mean, after), (np.max, after))))
        )
    return fits


@dataclass(frozen=True)
class Missing:
    """Voxels of a metabolite in the brain of the scan's slices, on the target grid.

    brain: all. valid: those with a value. filled: those where the measurement was filled from its neighbours, be they
    valid or not. reasons: number of voxels by rule of the quality mask; a voxel counts once for each of its reasons.
    """

    name: str
    brain: int
    valid: int
    filled: int
    reasons: dict[str, int]


def of_missing(scan: NewScan) -> list[Missing]:
    """Missing voxels of each metabolite, with the reasons that occur for any."""
    found = []
    for m, name in enumerate(scan.metabolites):
        flags = scan.reasons[:, m][scan.brain]
        reasons = {rule: int(np.count_nonzero(flags & bit)) for rule, bit in BIT.items()}
        valid, filled = (int(np.count_nonzero(mask[:, m] & scan.brain)) for mask in (scan.valid, scan.filled))
        found.append(Missing(name, flags.size, valid, filled, reasons))
    occurring = [rule for rule in BIT if any(each.reasons[rule] for each in found)]
    return [Missing(**vars(each) | {"reasons": {rule: each.reasons[rule] for rule in occurring}}) for each in found]
