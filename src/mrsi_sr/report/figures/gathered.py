"""Gathering of what a figure shows from samples, slices, k-space and scores: the work of shown_maps.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import score
from mrsi_sr.evaluation.samples import Samples, check_sampled_from, samples_record
from mrsi_sr.report.agreement import read_records
from mrsi_sr.report.figures.choice import MapKey, choose
from mrsi_sr.report.figures.shown import MEASURED, Facts, Shown, ShownMap, ShownSlice
from mrsi_sr.results.files import checksum
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.outputs import check_made_from
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import Anatomy, ParticipantSlices, files_of
from mrsi_sr.scan.windows import zero_filled as zero_filled_map
from mrsi_sr.settings.figure import Qualitative
from mrsi_sr.settings.method import at_point, split_point
from mrsi_sr.settings.protocol import REGIONS
from mrsi_sr.settings.report import FigureSettings

MIDDLE = 1  # index of the middle one of the three MRI slices in a slice of a map
OF_A_MAP = {"slice": "iu1", "metabolite": "U1", "size": "iu1", "point": "U1"}


@dataclass(frozen=True)
class Sampled:
    """Folder of a method's samples, its provenance, and that of its scores."""

    folder: Path
    record: dict
    scored: dict

    def maps(self) -> dict[str, set[MapKey]]:
        """Maps that there are samples of, by method and point."""
        found: dict[str, set[MapKey]] = {}
        for name in self.record["participants"]:
            each = read_npz(self.folder / f"{name}.npz", OF_A_MAP, "a file of samples", "run sample.py again")
            for k, metabolite, size, point in zip(*(each[key].tolist() for key in OF_A_MAP), strict=True):
                found.setdefault(at_point(self.record["method"], point), set()).add(MapKey(name, k, metabolite, size))
        return found

    def samples_of(self, participant: str) -> Samples:
        """Samples of a participant. Raises UserError where the scores are not theirs."""
        samples = Samples.load(self.folder / f"{participant}.npz")
        if checksum(samples.path) not in self.scored["inputs_sha256"].values():
            raise UserError(
                f"the scores of {self.record['method']} were not made from {samples.path}\n  run evaluate.py again"
            )
        return samples


def gather(
    folders: Sequence[Path], metrics: Sequence[str], provenance: Sequence[Path], slices: Sequence[str],
    measured: Sequence[str], settings: FigureSettings,
) -> Shown:  # fmt: skip
    """Content of a figure.

    folders: of samples, all of one fold. metrics, provenance: their scores, and the records of those. slices, measured:
    files of slices and of k-space, at least of the participants with samples.
    Raises UserError where they are not of one protocol and fold, not of the expected settings or do not belong
    together, and where a method or a map that the settings ask for is not there.
    """
    figure, sampled = settings.figure, _sampled(folders, read_records(provenance, metrics), settings)
    maps = {name: keys for each in sampled.values() for name, keys in each.maps().items()}
    columns = (figure.methods or list(maps)) if isinstance(figure, Qualitative) else figure.all_methods
    methods = list(dict.fromkeys([*columns, *figure.all_methods]))
    if missing := [name for name in methods if name not in maps]:
        raise UserError(f"no samples of method {', '.join(missing)}\n  available: {', '.join(maps)}")
    used = {name: sampled[split_point(name)[0]] for name in methods}
    available = set.intersection(*(maps[name] for name in methods))
    files = files_of(sorted({key.participant for key in available}), slices)
    keys = choose(figure, available, {name: Anatomy.load(path) for name, path in files.items()})
    truths = {name: ParticipantSlices.load(files[name]) for name in {key.participant: None for key in keys}}
    for each in used.values():
        check_sampled_from(each.record, each.folder, {files[key.participant] for key in keys})
    zero_filled = next((name for name in columns if used[name].record["sampler"]["kind"] == "zero_filled"), None)
    shown = _maps(keys, truths, files, measured, settings.protocol)
    _add_samples(shown, used)
    _add_scores(shown, scores.read(metrics, settings.protocol, settings.experiment), methods, settings)
    return Shown(
        maps=list(shown.values()),
        methods=[name for name in columns if name != zero_filled],
        unit=truths[keys[0].participant].unit,
        facts=_facts(used, zero_filled, settings),
    )


def _sampled(folders: Sequence[Path], scored: Sequence[dict], settings: FigureSettings) -> dict[str, Sampled]:
    """Samples by method. Raises UserError for another protocol, fold or settings, two of a method, and no scores."""
    found: dict[str, Sampled] = {}
    records = {(record["method"], record["fold"]): record for record in scored}
    for folder in folders:
        record = samples_record(folder)
        method, fold = record["method"], record["fold"]
        if method in found:
            raise UserError(f"two folders of samples of {method}: {found[method].folder} and {folder}\n  give one")
        if (method, fold) not in records:
            raise UserError(f"no scores of {method}, fold {fold}\n  give its metrics file and the record of it")
        first = next(iter(found.values()), None)
        _check_asked(folder, record, settings, first.record["fold"] if first else fold)
        found[method] = Sampled(folder, record, records[method, fold])
    return found


def _check_asked(folder: Path, record: dict, settings: FigureSettings, fold: int) -> None:
    """Raise UserError for samples of another protocol, fold or settings. fold: of the samples before."""
    asked = {"protocol": settings.protocol, "fold": settings.figure.fold or (settings.folds or [fold])[0]}
    for fact, value in asked.items():
        if record[fact] != value:
            raise UserError(
                f"{folder} was sampled in the {fact} '{record[fact]}', the figure is of '{value}'\n"
                f"  give samples of one {fact} only"
            )
    own = fingerprint(record["settings"], record["networks"])
    for name, by_fold in (settings.expected or {}).items():
        if split_point(name)[0] == record["method"] and by_fold.get(str(record["fold"]), own) != own:
            raise UserError(
                f"{folder} was made with other settings than the configuration has for {record['method']} in fold"
                f" {record['fold']}\n  run the workflow again with this configuration, or with the --configfile that it"
                " was made with"
            )


def _maps(
    keys: Sequence[MapKey], truths: Mapping[str, ParticipantSlices], files: Mapping[str, Path],
    measured: Sequence[str], protocol: str,
) -> dict[MapKey, ShownMap]:  # fmt: skip
    """Maps without samples and scores: anatomy, ground truth, and the zero-filled map of the measured k-space."""
    kspace, slices, shown = files_of(sorted({key.participant for key in keys}), measured), {}, {}
    for participant, path in kspace.items():
        check_made_from(path, files[participant])
    for key in keys:
        truth = truths[key.participant]
        s, m = truth.slices.tolist().index(key.slice), truth.metabolites.index(key.metabolite)
        place = key.participant, key.slice
        slices[place] = slices.get(place) or ShownSlice(
            *place, truth.t1[s, MIDDLE], truth.flair[s, MIDDLE], truth.brain[s], truth.lesion[s], truth.affine
        )
        valid = truth.usable(protocol)[1][s, m]
        window = low_resolution.read(kspace[key.participant], truth, protocol, [key.size])[key.size][s, m]
        shown[key] = ShownMap(
            slices[place], key.metabolite, key.size, np.where(valid, truth.maps[s, m], 0), valid,
            zero_filled_map(window, protocol) * valid, samples={}, scores={},
        )  # fmt: skip
    return shown


def _add_samples(shown: Mapping[MapKey, ShownMap], used: Mapping[str, Sampled]) -> None:
    """Add all samples of each map. used: samples by method and point."""
    for name, sampled in used.items():
        for participant in {key.participant: None for key in shown}:
            samples = sampled.samples_of(participant)
            for key, each in shown.items():
                found = (samples.slice == key.slice) & (samples.metabolite == key.metabolite)
                found &= (samples.size == key.size) & (samples.point == split_point(name)[1])
                if key.participant == participant:
                    order = np.argsort(samples.sample[found], kind="stable")
                    each.samples[name] = samples.maps[found][order].astype(np.float32)


def _add_scores(
    shown: Mapping[MapKey, ShownMap], table: pd.DataFrame, methods: Sequence[str], settings: FigureSettings
) -> None:
    """Add the scores of each method's first sample, from the metrics files, and those of the zero-filled map."""
    region = settings.region or REGIONS[settings.protocol][0]
    table = table[table.method.isin(methods) & (table.region == region)]
    table = table[table["sample"] == table.groupby(["method", *scores.MAP], observed=True)["sample"].transform("min")]
    by_map = dict(list(table.groupby(scores.MAP, observed=True)))
    for key, each in shown.items():
        rows = by_map.get(tuple(key), table[:0])
        each.scores.update(zip(zip(rows.method, rows.metric, strict=True), rows.value, strict=True))
        images = (image[None] for image in (each.zero_filled, each.truth, each.valid))
        own = score(*images, region)
        each.scores.update({(MEASURED, metric): float(value[0]) for metric, value in own.items()})


def _facts(used: Mapping[str, Sampled], zero_filled: str | None, settings: FigureSettings) -> Facts:
    scored = {each.scored["method"]: each.scored for each in used.values()}
    made = sorted([name, record["fold"], origin_of(record)] for name, record in scored.items())
    first = next(iter(scored.values()))
    return Facts(
        kind=settings.figure.kind, protocol=settings.protocol, fold=first["fold"], seed=first["seed"],
        configuration=fingerprint(*made), zero_filled=zero_filled,
    )  # fmt: skip
