"""Images of a reader study: which slices there are in folders of samples, and what readers see of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.samples import ARRAYS, Samples, check_sampled_from, samples_record
from mrsi_sr.reader_study.design import Candidate, Case
from mrsi_sr.reader_study.scale import ROLES
from mrsi_sr.report.figures import axial
from mrsi_sr.results.npz import read_npz
from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices, files_of
from mrsi_sr.settings.reader_study import ReaderStudy

MIDDLE = 1  # index of the middle one of the three MRI slices in a map's slice
PERCENTILE = 99.5  # of the true map's valid voxels: end of the window of all images of a metabolite in a slice
GREYS = 254  # steps of an image's values above its first; 0 is a voxel without a value


@dataclass(frozen=True)
class Sources:
    """Folders of samples by role and participant, files of slices by participant, and the folders' records."""

    folders: dict[str, dict[str, Path]]
    slices: dict[str, Path]
    records: dict[Path, dict] = field(repr=False)

    @property
    def protocol(self) -> str:
        return next(iter(self.records.values()))["protocol"]

    def fold_of(self, participant: str) -> int:
        return self.records[self.folders["super_resolved"][participant]]["fold"]

    def samples(self, role: str, participant: str) -> Path:
        """File of a participant's samples by the method of a role."""
        return self.folders[role][participant] / f"{participant}.npz"


@dataclass(frozen=True)
class Picture:
    """Images of one metabolite in one slice as readers see them, uint8 [rows, columns], 0 where there is no value.

    high: concentration that the largest value 255 stands for, in the unit of the maps; 1 stands for zero.
    """

    metabolite: str
    high: float
    truth: np.ndarray
    by_role: dict[str, np.ndarray]


@dataclass(frozen=True)
class CaseImages:
    """All that readers see of a slice. t1, flair: uint8 [3 rows, 3 columns]. side: of the head, at the left edge."""

    pictures: list[Picture]
    t1: np.ndarray
    flair: np.ndarray
    side: str
    unit: str


def sources(folders: Iterable[Path], slices: Sequence[str | Path], settings: ReaderStudy) -> Sources:
    """Samples of the study's two methods, in the folders of all folds.

    Raises UserError where a method has no samples, folders differ in protocol, sizes are missing, two folders have one
    participant, or the samples were not made from these slices.
    """
    methods = {getattr(settings, role): role for role in ROLES}
    found: dict[str, dict[str, Path]] = {role: {} for role in ROLES}
    records = {Path(folder): samples_record(folder) for folder in folders}
    for folder, record in records.items():
        if record["method"] not in methods:
            raise UserError(
                f"{folder} has samples of {record['method']}, the study compares {' and '.join(methods)}\n"
                "  give folders of these two methods alone"
            )
        _check_sizes(record, folder, settings)
        by_participant = found[methods[record["method"]]]
        for name in record["participants"]:
            if other := by_participant.get(name):
                raise UserError(f"{other} and {folder} both have samples of {name}\n  give each fold once")
            by_participant[name] = folder
    if missing := [name for name, role in methods.items() if not found[role]]:
        raise UserError(f"no samples of method {', '.join(missing)}\n  sample.py makes them, for each fold")
    if len(protocols := {record["protocol"] for record in records.values()}) > 1:
        raise UserError(f"the samples are of the protocols {' and '.join(sorted(protocols))}: give those of one")
    common = sorted(set.intersection(*map(set, found.values())))
    files = files_of(common, slices)
    for folder, record in records.items():
        own = [files[name] for name in record["participants"] if name in files]
        check_sampled_from(record, folder, own)
    return Sources(found, files, records)


def candidates(given: Sources, settings: ReaderStudy) -> list[Candidate]:
    """Slices with every metabolite at every size of the study, by both methods."""
    found = []
    for participant, path in given.slices.items():
        truth = ParticipantSlices.load(path)
        used, _ = truth.usable(given.protocol)
        sampled = set.intersection(*(_sampled(given.samples(role, participant)) for role in ROLES))
        for s, k in enumerate(truth.slices.tolist()):
            wanted = {(k, name, size) for name in truth.metabolites for size in settings.sizes}
            if used[s].all() and wanted <= sampled:
                found.append(Candidate(participant, k, bool(truth.lesion[s].any())))
    return found


def images_of(cases: Iterable[Case], given: Sources) -> dict[Case, CaseImages]:
    """What readers see of each case; the files of a participant are read once."""
    by_participant: dict[str, list[Case]] = {}
    for case in cases:
        by_participant.setdefault(case.participant, []).append(case)
    found = {}
    for participant, own in by_participant.items():
        truth = ParticipantSlices.load(given.slices[participant])
        samples = {role: Samples.load(given.samples(role, participant)) for role in ROLES}
        found |= {case: _images(case, truth, samples, given.protocol) for case in own}
    return found


def _images(case: Case, truth: ParticipantSlices, samples: Mapping[str, Samples], protocol: str) -> CaseImages:
    s = truth.slices.tolist().index(case.slice)
    valid = truth.usable(protocol)[1][s]
    part = axial.window(truth.brain[s] | valid.any(axis=0))
    pictures = []
    for m, name in enumerate(truth.metabolites):
        true_map = truth.maps[s, m]
        high = _high(true_map[valid[m]])
        maps = {role: _map_of(each, case, name) for role, each in samples.items()}
        truth_image, *others = (
            _upright(_greys(each, valid[m], high), part, truth.affine) for each in (true_map, *maps.values())
        )
        pictures.append(Picture(name, high, truth_image, dict(zip(maps, others, strict=True))))
    t1, flair = (
        _upright(np.round(255 * slab[s, MIDDLE].clip(0, 1)).astype(np.uint8), part, truth.affine, MRI_FACTOR)
        for slab in (truth.t1, truth.flair)
    )
    return CaseImages(pictures, t1, flair, axial.left_side(truth.affine), truth.unit)


def _map_of(samples: Samples, case: Case, metabolite: str) -> np.ndarray:
    """First sample of a map."""
    found = (samples.slice == case.slice) & (samples.metabolite == metabolite) & (samples.size == case.size)
    return samples.maps[np.flatnonzero(found)[np.argmin(samples.sample[found])]]


def _high(values: np.ndarray) -> float:
    """End of the window, from the valid voxels of the true map."""
    high = float(np.percentile(values, PERCENTILE))
    return high if high > 0 else float(values.max())


def _greys(values: np.ndarray, valid: np.ndarray, high: float) -> np.ndarray:
    """A map [x, y] as integers: 0 where it is not valid, 1 to 255 from zero to the end of the window."""
    return np.where(valid, 1 + np.round(GREYS * (values / high).clip(0, 1)), 0).astype(np.uint8)


def _upright(image: np.ndarray, part: tuple[slice, slice], affine: np.ndarray, factor: int = 1) -> np.ndarray:
    """Shown part of an image [x, y] as rows from top to bottom, anterior up."""
    return np.ascontiguousarray(axial.shown(image, part, affine, factor).T[::-1])


def _check_sizes(record: dict, folder: Path, settings: ReaderStudy) -> None:
    if missing := [size for size in settings.sizes if size not in record["sizes"]]:
        raise UserError(
            f"{folder} has samples at the sizes {', '.join(map(str, record['sizes']))}, and the study needs"
            f" {', '.join(map(str, missing))} as well\n"
            f"  sample {record['method']} at these sizes too, or set the study's sizes to those that there are"
        )


def _sampled(path: Path) -> set[tuple[int, str, int]]:
    """Slice, metabolite and size of each map in a file of samples."""
    names = ("slice", "metabolite", "size")
    arrays = {name: ARRAYS[name] for name in names}
    content = read_npz(path, arrays, "a file of samples", "run sample.py again", whole=False)
    return set(zip(*(content[name].tolist() for name in names), strict=True))
