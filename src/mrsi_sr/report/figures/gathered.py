"""Gathering of what a figure shows from samples, slices, k-space and scores: the work of shown_maps.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import score
from mrsi_sr.evaluation.samples import Samples, check_sampled_from, samples_record
from mrsi_sr.kspace import Truncation
from mrsi_sr.report.agreement import read_records
from mrsi_sr.report.figures.choice import MapKey, choose
from mrsi_sr.report.figures.shown import MEASURED, Facts, Shown, ShownMap, ShownSlice
from mrsi_sr.results.files import checksum
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.outputs import check_made_from
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import ParticipantSlices, files_of
from mrsi_sr.settings.experiment import REGIONS, FigureSettings
from mrsi_sr.settings.figure import Qualitative
from mrsi_sr.settings.method import at_point, split_point

MIDDLE = 1  # index of the middle one of the three MRI slices in a map's slice
OF_A_MAP = {"slice": "iu1", "metabolite": "U1", "size": "iu1", "point": "U1"}


@dataclass(frozen=True)
class Sampled:
    """Folder of a method's samples, and its provenance."""

    folder: Path
    record: dict

    @property
    def method(self) -> str:
        return self.record["method"]

    def maps(self) -> dict[str, set[MapKey]]:
        """Maps that there are samples of, by method and point."""
        found: dict[str, set[MapKey]] = {}
        for name in self.record["participants"]:
            each = read_npz(self.folder / f"{name}.npz", OF_A_MAP, "a file of samples", "run sample.py again")
            for k, metabolite, size, point in zip(*(each[key].tolist() for key in OF_A_MAP), strict=True):
                found.setdefault(at_point(self.method, point), set()).add(MapKey(name, k, metabolite, size))
        return found


def gather(
    folders: Sequence[Path], metrics: Sequence[str], provenance: Sequence[Path], slices: Sequence[str],
    measured: Sequence[str], settings: FigureSettings,
) -> Shown:  # fmt: skip
    """Content of a figure.

    folders: of samples, all of one fold. metrics, provenance: their scores, and the records of those. slices, measured:
    files of slices and of k-space of the test participants.
    Raises UserError where they are not of one protocol, fold, and the expected settings, or do not belong together, and
    where a map that the settings ask for is not there.
    """
    sampled = {each.method: each for each in _sampled(folders, settings)}
    records = {record["method"]: record for record in read_records(provenance, metrics)}
    maps = {name: keys for each in sampled.values() for name, keys in each.maps().items()}
    methods = list(settings.figure.all_methods) or list(maps)
    if missing := [name for name in methods if name not in maps]:
        raise UserError(f"no samples of method {', '.join(missing)}\n  available: {', '.join(maps)}")
    available = set.intersection(*(maps[name] for name in methods))
    files = files_of(sorted({key.participant for key in available}), slices)
    truths = {name: ParticipantSlices.load(path) for name, path in files.items()}
    keys = choose(settings.figure, available, truths)
    names = {split_point(name)[0]: None for name in methods}
    table = _scores(metrics, keys, settings)
    for name in names:
        _check_belongs(sampled[name], records, {files[key.participant] for key in keys}, keys)
    samples = _samples(keys, methods, sampled)
    zero_filled = next((name for name in methods if sampled[split_point(name)[0]].record["sampler"]["kind"] == "zero_filled"), None)
    shown = _maps(keys, truths, files, measured, settings)
    return Shown(
        maps=[_with_samples(each, samples[key], table, key, methods, zero_filled, settings) for key, each in zip(keys, shown, strict=True)],
        methods=[name for name in _in_columns(settings, methods) if name != zero_filled],
        unit=truths[keys[0].participant].unit,
        facts=Facts(
            kind=settings.figure.kind, protocol=settings.protocol, fold=next(iter(sampled.values())).record["fold"],
            seed=_seed(table), zero_filled=zero_filled,
            configuration=fingerprint(*sorted([name, records[name]["fold"], origin_of(records[name])] for name in names)),
        ),
    )  # fmt: skip
