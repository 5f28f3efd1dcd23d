"""A method's samples against the truth: one row per map, sample, region and metric."""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import FUNCTIONS, METRICS, in_region, score
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.experiment import REGIONS

SHOWN = 5  # bad or missing maps that a message lists


@dataclass(frozen=True)
class Samples:
    """One participant's maps by one method: maps [N, H, W], and for each its slice, metabolite, size and sample [N]."""

    path: Path
    participant: str
    maps: np.ndarray
    slice: np.ndarray
    metabolite: np.ndarray
    size: np.ndarray
    sample: np.ndarray

    @classmethod
    def load(cls, path: str | Path) -> "Samples":
        """Read PARTICIPANT.npz. Raises UserError where it is no such file."""
        path = Path(path)
        names = ("maps", "slice", "metabolite", "size", "sample")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in names}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path} is not a file of samples: {error}\n  expected the arrays {', '.join(names)}: sample again"
            ) from error
        return cls(path, path.stem, **arrays)

    def name(self, i: int) -> str:
        """The i-th map in words."""
        return (
            f"{self.participant}, slice {self.slice[i]}, {self.metabolite[i]}, size {self.size[i]}, "
            f"sample {self.sample[i]}"
        )


def load_samples(folder: str | Path) -> tuple[list[Samples], dict]:
    """All participants' samples in a folder, in the order of their names, and the folder's provenance."""
    record = samples_record(folder)
    return [Samples.load(file) for file in sorted(Path(folder).glob("*.npz"))], record


def samples_record(folder: str | Path) -> dict:
    """The provenance of a folder of samples. Raises UserError where there is none, or no samples beside it."""
    folder = Path(folder)
    record = folder / "provenance.json"
    if not record.is_file() or not any(folder.glob("*.npz")):
        raise UserError(
            f"no samples in {folder}\n  expected PARTICIPANT.npz files and provenance.json there: run sample.py first"
        )
    return json.loads(record.read_text())


def truth_of(samples: Samples, truth: ParticipantSlices) -> tuple[np.ndarray, np.ndarray]:
    """The true maps and valid voxels [N, H, W] that belong to the samples, by slice and metabolite.

    Raises UserError where a sample's slice or metabolite is not in the truth, or its frame is another.
    """
    if samples.maps.shape[1:] != truth.maps.shape[2:]:
        raise UserError(
            f"{samples.path} has maps of {_by(samples.maps.shape[1:])} voxels, the truth of {samples.participant} "
            f"has {_by(truth.maps.shape[2:])}\n  sample again from the slices that are compared with"
        )
    rows = {int(k): i for i, k in enumerate(truth.slices)}
    columns = {str(name): i for i, name in enumerate(truth.metabolites)}
    where = zip(samples.slice.tolist(), samples.metabolite.tolist(), strict=True)
    unknown = [i for i, (k, name) in enumerate(where) if k not in rows or name not in columns]
    if unknown:
        raise UserError(
            f"{samples.path} has maps that the slices of {samples.participant} have not:\n"
            f"{_listed(samples, unknown)}\n  the truth has slices {', '.join(map(str, rows))} and metabolites "
            f"{', '.join(columns)}: sample again from these slices"
        )
    row = [rows[k] for k in samples.slice.tolist()]
    column = [columns[name] for name in samples.metabolite.tolist()]
    return truth.maps[row, column], truth.valid[row, column]


def evaluate(
    samples: Samples, truth: ParticipantSlices, protocol: str, metrics: list[str], lpips: dict
) -> pd.DataFrame:
    """Score one participant's samples: columns participant, slice, metabolite, size, sample, region, metric,
    value.

    lpips: metric -> a callable such as lpips_metric.Lpips; an LPIPS metric asked for and not there has missing values.
    Raises UserError that lists maps which hold or give values that are not finite.
    """
    bad = [i for i, x in enumerate(samples.maps) if not np.isfinite(x).all()]
    if bad:
        raise UserError(
            f"{len(bad)} of {len(samples.maps)} maps in {samples.path} hold values that are not finite:\n"
            f"{_listed(samples, bad)}\n  sample again; if they come back, look at the network's loss curve"
        )
    maps, valid = truth_of(samples, truth)
    identity = {"participant": samples.participant} | {
        name: getattr(samples, name) for name in ("slice", "metabolite", "size", "sample")
    }
    parts = []
    for region in REGIONS[protocol]:
        values = score(samples.maps, maps, valid, region)
        _check_finite(samples, values)
        for metric in metrics:
            if metric in lpips:
                values[metric] = lpips[metric](*in_region(samples.maps, maps, valid, region)[:2])
            value = values.get(metric, np.full(len(maps), np.nan))
            parts.append(pd.DataFrame({**identity, "region": region, "metric": metric, "value": value}))
    return pd.concat(parts, ignore_index=True)


def _check_finite(samples: Samples, values: dict[str, np.ndarray]) -> None:
    finite = np.all([np.isfinite(value) for value in values.values()], axis=0)
    if not finite.all():
        raise UserError(
            f"the metrics of {np.sum(~finite)} maps in {samples.path} are not finite:\n"
            f"{_listed(samples, np.flatnonzero(~finite))}\n  the true map is zero or constant there, or the sample is "
            "the truth itself: look at the slices and the samples of these maps"
        )


def check_metrics(names: Iterable[str]) -> None:
    """Raise a UserError unless every metric is known."""
    for name in names:
        if name not in METRICS:
            raise UserError(f"unknown metric '{name}'\n  choose from: {', '.join(METRICS)}")


def not_available(metrics: Iterable[str], lpips: dict) -> list[str]:
    """The metrics asked for that cannot be computed: LPIPS without weights."""
    return [name for name in metrics if name not in FUNCTIONS and name not in lpips]


def _listed(samples: Samples, which: Iterable[int]) -> str:
    which = list(which)
    more = [f"  and {len(which) - SHOWN} more"] if len(which) > SHOWN else []
    return "\n".join([f"  {samples.name(i)}" for i in which[:SHOWN]] + more)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
