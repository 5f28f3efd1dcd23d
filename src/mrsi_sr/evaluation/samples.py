"""Scoring of a method's samples against the ground truth: one row per map, sample, region and metric."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import BIAS, BIAS_REGION, FUNCTIONS, METRICS, in_region, intensity_bias, score
from mrsi_sr.evaluation.records import read_samples_record
from mrsi_sr.results.files import checksum
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.outputs import RECORD
from mrsi_sr.results.reading import reading
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.subset import usable
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.protocol import REGIONS

ARRAYS = {"maps": "f3", "slice": "iu1", "metabolite": "U1", "size": "iu1", "sample": "iu1", "point": "U1"}
IDENTITY = ("slice", "metabolite", "size", "sample", "point")  # arrays that identify a map
SHOWN = 5  # maximum number of maps listed in an error text
BLOCK = 128  # maps that are scored at once: memory does not grow with a participant's samples


@dataclass(frozen=True)
class Samples:
    """Samples of one participant by one method: maps [N, H, W] with what each is of, [N].

    That is its slice, metabolite, low-resolution size, sample number, and point of the method's sweep ("" without one).
    """

    path: Path
    participant: str
    maps: np.ndarray
    slice: np.ndarray
    metabolite: np.ndarray
    size: np.ndarray
    sample: np.ndarray
    point: np.ndarray

    @classmethod
    def load(cls, path: str | Path) -> "Samples":
        """Samples in a file PARTICIPANT.npz of sample.py. Raises UserError for any other file."""
        path, what, to_do = Path(path), "a file of samples", "run sample.py again"
        content = read_npz(path, ARRAYS, what, to_do)
        with reading(path, what, to_do):
            lengths = {name: len(array) for name, array in content.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"its arrays differ in length: {lengths}")
        return cls(path, path.stem, **content)

    def __getitem__(self, chosen: slice) -> "Samples":
        """A part of the samples."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in ARRAYS})

    def name(self, i: int) -> str:
        """Description of the i-th map, for error texts."""
        return (
            f"{self.participant}, slice {self.slice[i]}, {self.metabolite[i]}, size {self.size[i]}, "
            f"sample {self.sample[i]}" + (f", point {self.point[i]}" if self.point[i] else "")
        )


def sample_files(folder: str | Path) -> tuple[dict[str, Path], dict]:
    """Files of samples in a folder by participant, in the order of names, and the folder's provenance.

    Raises UserError where the folder does not have just the participants that its provenance names.
    """
    folder, record = Path(folder), samples_record(folder)
    present, named = {file.stem for file in folder.glob("*.npz")}, record["participants"]
    if present != set(named) or len(set(named)) != len(named):
        raise UserError(
            f"{folder} has samples of {', '.join(sorted(present)) or 'nobody'}, its provenance names "
            f"{', '.join(named) or 'nobody'}\n  run sample.py again, and move files elsewhere that it did not write"
        )
    return {name: folder / f"{name}.npz" for name in sorted(named)}, record


def samples_record(folder: str | Path) -> dict:
    """Provenance of a folder of samples. Raises UserError where provenance or samples are missing."""
    folder = Path(folder)
    if not (folder / RECORD).exists() or not any(folder.glob("*.npz")):
        raise UserError(
            f"no samples in {folder}\n  expected PARTICIPANT.npz files and provenance.json: run sample.py first"
        )
    return read_samples_record(folder / RECORD)


def check_sampled_from(record: dict, folder: Path, slices: Iterable[Path]) -> None:
    """Raise UserError unless the samples in a folder, with this record, were made from these files of slices."""
    for path in slices:
        if checksum(path) not in record["inputs_sha256"].values():
            raise UserError(
                f"the samples in {folder} were not made from {path}, or that has changed since\n"
                "  run sample.py again with these slices, or give the slices that it was run with"
            )


def check_complete(samples: Samples, truth: ParticipantSlices, record: dict) -> None:
    """Raise UserError unless each map that the method samples is there once for each size, point and repetition.

    record: provenance of the samples.
    """
    with reading(samples.path.with_name(RECORD), "a record of samples", "run sample.py again"):
        settings = MethodSettings.checked(record["settings"])
    used, _ = usable(truth, record["protocol"], settings.subset)
    maps = [(int(truth.slices[s]), truth.metabolites[m]) for s, m in np.argwhere(used)]
    each_size = [
        (size, sample, point)
        for size in record["sizes"]
        for point in settings.points_at(size)
        for sample in range(settings.samples)
    ]
    expected = {(*each, *further) for each in maps for further in each_size}
    found = Counter(zip(*(getattr(samples, name).tolist() for name in IDENTITY), strict=True))
    wrong = {
        "are missing": expected - found.keys(),
        "are not expected": found.keys() - expected,
        "are there more than once": {each for each, number in found.items() if number > 1},
    }
    for what, keys in wrong.items():
        if keys:
            shown = [
                f"  slice {k}, {name}, size {size}, sample {sample}" + (f", point {point}" if point else "")
                for k, name, size, sample, point in sorted(keys)
            ]
            raise UserError(
                f"{len(keys)} maps of {samples.participant} {what} in {samples.path}:\n"
                + "\n".join(shown[:SHOWN])
                + "\n  run sample.py again with these slices"
            )


def truth_of(samples: Samples, truth: ParticipantSlices) -> tuple[np.ndarray, np.ndarray]:
    """True maps and valid voxels [N, H, W] of samples, matched by slice and metabolite.

    Raises UserError where a sample's slice or metabolite is not in the truth, or the frames differ.
    """
    if samples.maps.shape[1:] != truth.maps.shape[2:]:
        raise UserError(
            f"{samples.path} has maps of {_by(samples.maps.shape[1:])} voxels, the truth of {samples.participant} "
            f"has {_by(truth.maps.shape[2:])}\n  run sample.py again with these slices"
        )
    rows = {int(k): i for i, k in enumerate(truth.slices)}
    columns = {str(name): i for i, name in enumerate(truth.metabolites)}
    where = zip(samples.slice.tolist(), samples.metabolite.tolist(), strict=True)
    unknown = [i for i, (k, name) in enumerate(where) if k not in rows or name not in columns]
    if unknown:
        raise UserError(
            f"{samples.path} has maps that are not in the slices of {samples.participant}:\n"
            f"{_descriptions(samples, unknown)}\n  the truth has slices {', '.join(map(str, rows))} and metabolites "
            f"{', '.join(columns)}: run sample.py again with these slices"
        )
    row = [rows[k] for k in samples.slice.tolist()]
    column = [columns[name] for name in samples.metabolite.tolist()]
    return truth.maps[row, column], truth.valid[row, column]


def evaluate(
    samples: Samples, truth: ParticipantSlices, protocol: str, metrics: list[str], lpips: dict
) -> pd.DataFrame:
    """Scores of one participant's samples, and their intensity bias.

    Columns: participant, slice, metabolite, size, sample, point, region, metric, value.
    lpips: metric -> a callable such as lpips.Lpips; values of an LPIPS metric that is not among them are missing.
    Raises UserError with the maps whose voxels or scores are not finite.
    """
    bad = [i for i, x in enumerate(samples.maps) if not np.isfinite(x).all()]
    if bad:
        raise UserError(
            f"{len(bad)} of {len(samples.maps)} maps in {samples.path} have values that are not finite:\n"
            f"{_descriptions(samples, bad)}\n  run sample.py again; if they return, look at the network's loss curve"
        )
    blocks = [samples[start : start + BLOCK] for start in range(0, max(1, len(samples.maps)), BLOCK)]
    return pd.concat([_scores(block, truth, protocol, metrics, lpips) for block in blocks], ignore_index=True)


def _scores(
    samples: Samples, truth: ParticipantSlices, protocol: str, metrics: list[str], lpips: dict
) -> pd.DataFrame:  # fmt: skip
    """Scores of a block of samples."""
    maps, valid = truth_of(samples, truth)
    identity = {"participant": samples.participant} | {name: getattr(samples, name) for name in IDENTITY}
    bias = intensity_bias(samples.maps, maps, valid)
    _check_finite(samples, bias)
    perceptual = _lpips_by_region(lpips, samples.maps, maps, valid, protocol)
    parts = []
    for region in REGIONS[protocol]:
        values = score(samples.maps, maps, valid, region)
        _check_finite(samples, values)
        for metric in metrics:
            value = (values | perceptual[region]).get(metric, np.full(len(maps), np.nan))
            parts.append(pd.DataFrame({**identity, "region": region, "metric": metric, "value": value}))
    parts += [pd.DataFrame({**identity, "region": BIAS_REGION, "metric": k, "value": v}) for k, v in bias.items()]
    return pd.concat(parts, ignore_index=True)


def _lpips_by_region(
    lpips: dict, estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray, protocol: str
) -> dict[str, dict[str, np.ndarray]]:
    """Values [N] of LPIPS metrics in each region: {region: {metric: values}}.

    All regions go into one call: the true maps are the same in each, and LPIPS computes their features once.
    """
    regions = REGIONS[protocol]
    pairs = [in_region(estimate, truth, valid, region)[:2] for region in regions]
    together = [np.concatenate(maps) for maps in zip(*pairs, strict=True)]
    values = {name: np.split(distance(*together), len(regions)) for name, distance in lpips.items()}
    return {region: {name: parts[i] for name, parts in values.items()} for i, region in enumerate(regions)}


def _check_finite(samples: Samples, values: dict[str, np.ndarray]) -> None:
    finite = np.all([np.isfinite(value) for value in values.values()], axis=0)
    if not finite.all():
        raise UserError(
            f"the metrics of {np.sum(~finite)} maps in {samples.path} are not finite:\n"
            f"{_descriptions(samples, np.flatnonzero(~finite))}\n  the true map is zero or constant, or the sample is "
            "the truth itself: look at the slices and the samples of these maps"
        )


def check_metrics(names: Iterable[str]) -> None:
    """Raise a UserError for an unknown metric, and for those of the bias, which is scored in any case."""
    known = [name for name in METRICS if name not in BIAS]
    for name in names:
        if name not in known:
            raise UserError(f"unknown metric '{name}'\n  choose from: {', '.join(known)}")


def not_available(metrics: Iterable[str], lpips: dict) -> list[str]:
    """Metrics that cannot be computed: LPIPS without weights."""
    return [name for name in metrics if name not in FUNCTIONS and name not in lpips]


def _descriptions(samples: Samples, indices: Iterable[int]) -> str:
    indices = list(indices)
    more = [f"  and {len(indices) - SHOWN} more"] if len(indices) > SHOWN else []
    return "\n".join([f"  {samples.name(i)}" for i in indices[:SHOWN]] + more)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
