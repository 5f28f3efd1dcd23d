"""Trust in a super-resolved scan: whether it looks like the scans that the networks were trained on.

Each characteristic is a line: its value, the range seen (5th to 95th percentile over the training scans), a score and
plain words. The score is 1 inside the range and halves with each tolerance outside it: 2 ** (-distance / tolerance). A
line below 0.5, more than one tolerance outside, is a warning. The scan's score is that of its least similar line.

| characteristic | compared | out of range | tolerance |
|---|---|---|---|
| ratio to the reference, by metabolite | median of trusted voxels | on either side | 1.25 times, or half the range |
| %SD, by metabolite; FWHM | median of trusted voxels | above | 1.25 times |
| S/N | median of trusted voxels | below | 1.25 times |
| holes, by metabolite | part of the brain's acquired voxels that is not trusted | above | 10 % of the brain |
| upscaling factor | geometric mean of both axes | on either side of those learned | 1.1 times |
| target voxel in plane | geometric mean of its edges | on either side | 1.1 times |
| slice thickness | edge of a voxel | on either side | 2 times |
| T1 and FLAIR | whether they are there | where the method reads one that is missing | none: it scores 0 |

The range of few scans is narrow by chance: tolerances against it are 1 + 3 / (number of scans) times as wide, about as
much as Student's t widens a prediction (2 at 3 scans, 1.15 at 20).

What is comparable between resolutions (looked at in phantoms fitted at 64x64 and 16x16): ratios, FWHM, and S/N and %SD
as LCModel gives them. S/N grows with a voxel's volume, so that a scan of larger voxels is at least as good as those
seen: better values never count as outside. Absolute levels are not compared: networks scale each map by itself. Holes
are counted in acquired voxels, half or more of which is brain, and against what was rejected in training, where the
margin near the skull is part of it: a lenient comparison. LCModel rounds S/N and %SD to integers: 1 is allowed for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrsi_sr.cli import log
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import NewScan
from mrsi_sr.scan.characteristics import characteristics
from mrsi_sr.scan.volumes import Volumes

WARNING = 0.5  # score of a line below which it is a warning
FACTOR, FACTOR_OF_GRID, FACTOR_OF_SLICES, HOLES_PERCENT = 1.25, 1.1, 2.0, 10.0  # tolerances
ROUNDED = 1.0  # S/N and %SD are integers
FEW = 3  # scans whose range is trusted half as much
LEAST_PPM = 0.001  # as FWHM is printed
UPSCALING = "upscaling factor"
LEAST, MOST = 0, -1  # positions of the 5th and 95th percentile


@dataclass(frozen=True)
class Line:
    """A characteristic of the scan, and how far it is from what the networks saw.

    value, low, high: None where there is none; a range may be open on one side. score: 0 to 1, None where nothing can
    be compared. words: what it means, a sentence.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    score: float | None
    words: str

    @property
    def warns(self) -> bool:
        """Whether the value is far outside what the networks saw."""
        return self.score is not None and self.score < WARNING

    @property
    def shown(self) -> str:
        """The value with its unit; a dash for none."""
        return "–" if self.value is None else f"{self.value:.3g} {self.unit}".strip()

    @property
    def seen(self) -> str:
        """The range seen, in words; a dash for none."""
        low, high = (None if each is None else f"{each:.3g}" for each in (self.low, self.high))
        if low is not None and high is not None:
            return low if low == high else f"{low} to {high}"
        if low is None and high is None:
            return "–"
        return f"at least {low}" if high is None else f"at most {high}"


@dataclass(frozen=True)
class Trust:
    """Comparison of a scan with the scans that networks were trained on. scans: their number."""

    scans: int
    lines: tuple[Line, ...]

    @property
    def score(self) -> float:
        """Score of the scan, 0 to 1: that of its least similar characteristic."""
        return min((line.score for line in self.lines if line.score is not None), default=0.0)

    @property
    def grade(self) -> str:
        """The score in words."""
        if any(line.warns for line in self.lines):
            return "unlike the scans that the networks were trained on"
        return "like the scans that the networks were trained on"

    def plain(self, warnings: Sequence[str]) -> dict:
        """Content of trust.json. warnings: all of the scan's."""
        lines = [vars(line) | {"warns": line.warns} for line in self.lines]
        return {
            "ResearchUseOnly": True, "score": self.score, "grade": self.grade, "warnings": list(warnings),
            "training_scans": self.scans, "lines": lines,
        }  # fmt: skip


def judge(scan: NewScan, seen: Mapping, *, sizes: Sequence[int], reads_mri: bool) -> Trust:
    """Compare a scan with what networks were trained on.

    seen: `scan.characteristics.distribution` of the training scans. sizes: low-resolution sizes that the networks
    learned. reads_mri: whether the method is conditioned on T1 and FLAIR.
    """
    own = characteristics_of(scan)
    lines = [_mri(scan, reads_mri), _factor(scan, sizes), *_grid(scan, seen["voxel_mm"])]
    wider, reference = 1 + FEW / seen["scans"], seen["reference"]
    lines += [_snr(own["snr"], seen["snr"], wider), _fwhm(own["fwhm_ppm"], seen["fwhm_ppm"], wider)]
    for name in scan.metabolites:
        if name != reference and reference in scan.metabolites:
            lines.append(_ratio(name, reference, own["ratio"][name], seen["ratio"].get(name), wider))
    lines += [_sd(name, own["sd_percent"][name], seen["sd_percent"].get(name), wider) for name in scan.metabolites]
    lines += [_holes(name, own["rejected"][name], seen["rejected"].get(name), wider) for name in scan.metabolites]
    return Trust(seen["scans"], tuple(lines))


def warned(result: SuperResolved, trust: Trust) -> SuperResolved:
    """A result with the warnings of its comparison; an upscaling factor that was warned about is not named again."""
    told = result.warnings
    of_factor = not result.samples or any(UPSCALING in words for words in told)  # a scan that is regridded says why
    new = [line.words for line in trust.lines if line.warns and not (of_factor and line.name == UPSCALING)]
    for words in new:
        log.warning("%s: %s", result.scan.name, words)
    return replace(result, warnings=[*told, *new])


def characteristics_of(scan: NewScan) -> dict:
    """Characteristics of a scan, in its slices and on its own matrix."""

    def cut(volume: np.ndarray) -> np.ndarray:
        return volume[..., scan.slices]

    volumes = scan.volumes
    taken = Volumes(
        {name: cut(volumes.concentration[name]) for name in scan.metabolites},
        {name: cut(volumes.sd[name]) for name in scan.metabolites},
        cut(volumes.snr), cut(volumes.fwhm), cut(volumes.status), volumes.affine,
    )  # fmt: skip
    valid = np.moveaxis(scan.measurement.valid, 0, -1)
    by_metabolite = {name: valid[m] for m, name in enumerate(scan.metabolites)}
    return characteristics(taken, by_metabolite, cut(scan.brain_fraction) >= 0.5)


def _mri(scan: NewScan, reads: bool) -> Line:
    missing = [kind.upper() for kind in ("t1", "flair") if getattr(scan, kind) is None]
    if not missing:
        words = "T1 and FLAIR are there" + ("" if reads else ", but the method does not read them")
    else:
        words = f"{' and '.join(missing)} is missing" if len(missing) == 1 else "T1 and FLAIR are missing"
        words += ", which the method is conditioned on" if reads else "; the method does not read MRI"
    return Line("T1 and FLAIR", None, None, None, "", 0.0 if missing and reads else 1.0, f"{words}.")


def _factor(scan: NewScan, sizes: Sequence[int]) -> Line:
    frame, value = scan.target.x.frame, scan.target.factor
    low, high = frame / max(sizes), frame / min(sizes)
    return _line(UPSCALING, value, low, high, "", _log_distance(value, low, high, FACTOR_OF_GRID), {
        "below": "it is finer than the networks learned", "above": "it is coarser than the networks learned",
    })  # fmt: skip


def _grid(scan: NewScan, seen_mm: Sequence[float]) -> list[Line]:
    x, y, thickness = (float(edge) for edge in scan.target.voxel_mm)
    plane, seen_plane, seen_thickness = math.sqrt(x * y), math.sqrt(seen_mm[0] * seen_mm[1]), seen_mm[2]
    return [
        _line(
            "target voxel in plane", plane, seen_plane, seen_plane, "mm",
            _log_distance(plane, seen_plane, seen_plane, FACTOR_OF_GRID), {
                "below": "to the networks, the brain and a lesion look larger than they are",
                "above": "to the networks, the brain and a lesion look smaller than they are",
            },
        ),
        _line(
            "slice thickness", thickness, seen_thickness, seen_thickness, "mm",
            _log_distance(thickness, seen_thickness, seen_thickness, FACTOR_OF_SLICES), {
                "below": "less tissue is averaged in a slice than in training",
                "above": "more tissue is averaged in a slice than in training",
            },
        ),
    ]  # fmt: skip


def _snr(value: float | None, seen: Sequence[float] | None, wider: float) -> Line:
    low = None if seen is None else max(seen[LEAST] - ROUNDED, ROUNDED)
    words = {"below": "the spectra are noisier than those seen"}
    return _line("S/N", value, low, None, "", _log_distance(value, low, None, FACTOR, wider), words)


def _fwhm(value: float | None, seen: Sequence[float] | None, wider: float) -> Line:
    high = None if seen is None else seen[MOST] + LEAST_PPM
    words = {"above": "the spectral lines are broader than those seen"}
    return _line("FWHM", value, None, high, "ppm", _log_distance(value, None, high, FACTOR, wider), words)


def _sd(name: str, value: float | None, seen: Sequence[float] | None, wider: float) -> Line:
    high = None if seen is None else seen[MOST] + ROUNDED
    words = {"above": f"{name} is fitted with more uncertainty than was seen"}
    return _line(f"%SD of {name}", value, None, high, "%", _log_distance(value, None, high, FACTOR, wider), words)


def _ratio(name: str, reference: str, value: float | None, seen: Sequence[float] | None, wider: float) -> Line:
    low, high = (None, None) if seen is None else (seen[LEAST], seen[MOST])
    spread = math.sqrt(high / low) if low and high and low > 0 else 1
    distance = _log_distance(value, low, high, max(FACTOR, spread), wider)
    return _line(f"{name}/{reference}", value, low, high, "", distance, {
        side: f"the level of {name} against {reference} is {words} than was seen: check the fit, the metabolite's"
        " definition and the echo time" for side, words in (("below", "lower"), ("above", "higher"))
    })  # fmt: skip


def _holes(name: str, value: float, seen: Sequence[float] | None, wider: float) -> Line:
    percent, high = 100 * value, None if seen is None else 100 * seen[MOST]
    distance = None if high is None else max(0.0, percent - high) / (HOLES_PERCENT * wider)
    words = {"above": f"more of the brain has no trusted fit of {name} than was seen, and is filled from around it"}
    return _line(f"holes in {name}", percent, None, high, "% of the brain", distance, words)


def _log_distance(
    value: float | None, low: float | None, high: float | None, factor: float, wider: float = 1.0
) -> float | None:
    """Distance outside a range in tolerances, each a factor to the power of wider; None without a value or a range."""
    if value is None or (low is None and high is None):
        return None
    if value <= 0:
        return 0.0 if low is None else math.inf
    below = math.log(low / value) if low and low > 0 else 0.0
    above = math.log(value / high) if high and high > 0 else 0.0
    return max(0.0, below, above) / (wider * math.log(factor))


def _line(
    name: str, value: float | None, low: float | None, high: float | None, unit: str, distance: float | None,
    outside: Mapping[str, str],
) -> Line:  # fmt: skip
    """A line, with words for where the value lies. outside: what it means on either side of the range."""
    if distance is None:
        missing = "the scan has no value" if value is None else "the networks' folder has no range"
        return Line(name, value, low, high, unit, None, f"{_first_upper(name)}: not compared, {missing}.")
    line = Line(name, value, low, high, unit, round(2.0**-distance, 3), "")
    shown = f"{_first_upper(name)}: {line.shown}"
    if line.score == 1:
        return Line(**vars(line) | {"words": f"{shown}, as seen in training."})
    side = "below" if low is not None and value < low else "above"
    edge = low if side == "below" else high
    extent = f"{side} the {edge:.3g} seen"
    text = f"{shown}, {extent}; {outside[side]}." if line.warns else f"{shown}, slightly {extent}."
    return Line(**vars(line) | {"words": text})


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:] if text[1:2].islower() else text
