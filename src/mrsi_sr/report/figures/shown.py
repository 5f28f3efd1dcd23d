"""Content of a figure of maps, and the small file that keeps it: figures are drawn again from that file alone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, PositiveInt

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.reading import reading, shaped
from mrsi_sr.scan.slices import MRI_FACTOR

WHAT, TO_DO = "content of a figure of maps", "run shown_maps.py again"
MEASURED = ""  # name in `scores` of the zero-filled map that no method has sampled
OF_SLICES = {
    "participant": "U1", "slice": "iu1", "t1": "f3", "flair": "f3", "brain": "b3", "lesion": "b3", "affine": "f3",
}  # fmt: skip
OF_MAPS = {"of_slice": "iu1", "metabolite": "U1", "size": "iu1", "truth": "f3", "valid": "b3", "zero_filled": "f3"}
OF_SAMPLES = {"sample_of": "iu1", "sample_method": "U1", "sample": "f3"}
OF_SCORES = {"score_of": "iu1", "score_method": "U1", "score_metric": "U1", "score": "f1"}
TABLES = (OF_SLICES, OF_MAPS, OF_SAMPLES, OF_SCORES)  # arrays of equal length
ALONE = {"methods": "U1", "unit": "U0", "facts": "U0"}


class Facts(BaseModel):
    """Facts of a figure's caption.

    kind: of the figure that the maps were chosen for. fold, seed: of the networks. configuration: fingerprint of what
    made the maps. zero_filled: method whose maps are the zero-filled ones; null: those are of the measured k-space.
    """

    kind: str
    protocol: str
    fold: PositiveInt
    seed: int
    configuration: str
    zero_filled: str | None


@dataclass(frozen=True)
class ShownSlice:
    """Anatomy of a slice. t1, flair: middle MRI slice [3H, 3W] in [0, 1]. brain, lesion: bool [H, W].

    affine [4, 4]: of the scan's grid.
    """

    participant: str
    slice: int
    t1: np.ndarray
    flair: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    affine: np.ndarray


@dataclass(frozen=True)
class ShownMap:
    """One map: ground truth (zero where invalid), valid voxels and zero-filled map [H, W]; samples [K, H, W] by method.

    scores: of each method's first sample, by method and metric. They are NaN where a metric is not available.
    """

    of_slice: ShownSlice
    metabolite: str
    size: int
    truth: np.ndarray
    valid: np.ndarray
    zero_filled: np.ndarray
    samples: dict[str, np.ndarray]
    scores: dict[tuple[str, str], float]

    @property
    def name(self) -> str:
        """Participant, slice and metabolite in words."""
        return f"{self.of_slice.participant}, slice {self.of_slice.slice}, {self.metabolite}"

    @property
    def inside(self) -> np.ndarray:
        """Voxels [H, W] of the brain or with a valid value."""
        return self.of_slice.brain | self.valid

    def samples_of(self, method: str) -> np.ndarray:
        """Samples [K, H, W] of a method, or of a point of its sweep. Raises UserError where it has none."""
        if method not in self.samples:
            raise UserError(
                f"the figure's content has no samples of {method} for {self.name}\n"
                "  run shown_maps.py again with the settings of this figure"
            )
        return self.samples[method]


@dataclass(frozen=True)
class Shown:
    """Content of a figure: its maps in order, its methods in order (without zero-filling), unit and facts."""

    maps: list[ShownMap]
    methods: list[str]
    unit: str
    facts: Facts


def write(content: Shown, path: str | Path) -> None:
    """Write the content of a figure as NPZ; an interrupted write leaves no file."""
    slices = list({id(each.of_slice): each.of_slice for each in content.maps}.values())
    places = [next(i for i, known in enumerate(slices) if known is each.of_slice) for each in content.maps]
    samples = [
        (i, name, one) for i, each in enumerate(content.maps) for name, all_ in each.samples.items() for one in all_
    ]
    scores = [(i, *key, value) for i, each in enumerate(content.maps) for key, value in each.scores.items()]
    frame = content.maps[0].truth.shape
    arrays = {key: np.array([getattr(each, key) for each in slices]) for key in OF_SLICES}
    arrays |= {key: np.array([getattr(each, key) for each in content.maps]) for key in OF_MAPS if key != "of_slice"}
    arrays |= {"of_slice": np.array(places)}
    arrays |= {
        "sample_of": np.array([i for i, *_ in samples], int),
        "sample_method": np.array([name for _, name, _ in samples], str),
        "sample": np.array([one for *_, one in samples], np.float32).reshape(-1, *frame),
        "score_of": np.array([i for i, *_ in scores], int),
        "score_method": np.array([method for _, method, *_ in scores], str),
        "score_metric": np.array([metric for *_, metric, _ in scores], str),
        "score": np.array([value for *_, value in scores], float),
        "methods": np.array(content.methods, str),
        "unit": np.array(content.unit),
        "facts": np.array(content.facts.model_dump_json()),
    }
    with writing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read(path: str | Path) -> Shown:
    """Content of a figure in a file that `write` wrote. Raises UserError for any other file."""
    kinds = {name: kind for table in TABLES for name, kind in table.items()} | ALONE
    arrays = read_npz(path, kinds, WHAT, TO_DO)
    with reading(path, WHAT, TO_DO):
        _check_shapes(arrays)
        facts = shaped(Facts, json.loads(str(arrays["facts"])))
        slices = [ShownSlice(**_row(arrays, OF_SLICES, i)) for i in range(len(arrays["slice"]))]
        maps = [_map(arrays, i, slices) for i in range(len(arrays["size"]))]
        return Shown(maps, arrays["methods"].tolist(), str(arrays["unit"]), facts)


def _map(arrays: dict, i: int, slices: list[ShownSlice]) -> ShownMap:
    own = arrays["sample_of"] == i
    names = arrays["sample_method"][own]
    samples = {str(name): arrays["sample"][own][names == name] for name in dict.fromkeys(names.tolist())}
    scores = {
        (str(arrays["score_method"][k]), str(arrays["score_metric"][k])): float(arrays["score"][k])
        for k in np.flatnonzero(arrays["score_of"] == i)
    }
    row = _row(arrays, OF_MAPS, i)
    return ShownMap(**row | {"of_slice": slices[row["of_slice"]]}, samples=samples, scores=scores)


def _row(arrays: dict, table: dict, i: int) -> dict:
    return {name: arrays[name][i].item() if arrays[name].ndim == 1 else arrays[name][i] for name in table}


def _check_shapes(arrays: dict) -> None:
    """Raise ValueError unless arrays of one table are of equal length, and images of one frame."""
    for table in TABLES:
        lengths = {name: len(arrays[name]) for name in table}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"its arrays differ in length: {lengths}")
    if not len(arrays["size"]):
        raise ValueError("it has no maps")
    frame = arrays["truth"].shape[1:]
    mri = tuple(MRI_FACTOR * size for size in frame)
    shapes = dict.fromkeys(("brain", "lesion", "valid", "zero_filled", "sample"), frame)
    for name, shape in (shapes | {"t1": mri, "flair": mri, "affine": (4, 4)}).items():
        if arrays[name].shape[1:] != shape:
            raise ValueError(f"{name} is {arrays[name].shape[1:]}, expected {shape}")
    for name, table in (("of_slice", "slice"), ("sample_of", "size"), ("score_of", "size")):
        if not np.isin(arrays[name], np.arange(len(arrays[table]))).all():
            raise ValueError(f"{name} names what is not there")
