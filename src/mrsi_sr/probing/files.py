"""Files of a probe: PARTICIPANT.npz with the rows and examples of a participant, and the provenance of their folder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, FiniteFloat, NonNegativeInt, PositiveInt

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.records import RunCost, SamplingSettings
from mrsi_sr.probing.measures import Row
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.outputs import RECORD
from mrsi_sr.results.reading import read_json, reading, shaped

WHAT, TO_DO = "a file of a probe", "run probe.py again"
TYPES = {int: "iu1", str: "U1", float: "f1"}  # kinds and axes of an array, by the type of a row's field
COLUMNS = {name: TYPES[kind] for name, kind in Row.__annotations__.items()}
EXAMPLES = {"example_maps": "f4", "example_row": "iu1", "brain": "b3", "affine": "f2"}
TRUTH, LOW, ESTIMATE, WITHOUT, PROFILE = range(5)  # order of an example's maps


@dataclass(frozen=True)
class Example:
    """A map with a planted lesion. row: a measure of the lesion. maps [5, X, Y]: in the order above.

    They are the truth with the lesion, its low resolution, estimates with and without the lesion, the lesion's profile.
    brain: bool [X, Y] of its slice.
    """

    participant: str
    row: Row
    maps: np.ndarray
    brain: np.ndarray
    affine: np.ndarray

    @property
    def planted(self) -> np.ndarray:
        """Voxels of the planted lesion, bool [X, Y]."""
        return self.maps[PROFILE] > 0.5


class ProbeRecord(BaseModel):
    """Provenance of a folder of a probe, which probe.py wrote."""

    method: str
    fold: PositiveInt
    seed: NonNegativeInt
    protocol: str
    sizes: list[PositiveInt]
    low_resolution: str
    participants: list[str]
    settings: dict[str, Any]
    sampling_settings: SamplingSettings
    networks: dict[str, dict[str, Any]]
    code: dict[str, str]
    made_from: dict[str, str]
    inputs_sha256: dict[str, str]
    outputs_sha256: dict[str, str]
    maps: NonNegativeInt
    nfe: FiniteFloat
    seconds_per_slice: FiniteFloat
    frame: PositiveInt
    unit: str
    sampling_device: str
    run: RunCost = RunCost()


def arrays_of(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Columns of the rows, as a file has them."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    types = {"iu1": np.int32, "U1": str, "f1": np.float64}
    return {name: np.array(list(each), types[COLUMNS[name]]) for name, each in zip(COLUMNS, columns, strict=True)}


def read_rows(file: Path) -> pd.DataFrame:
    """Rows in a participant's file. Raises UserError for any other file."""
    content = read_npz(file, COLUMNS, WHAT, TO_DO)
    with reading(file, WHAT, TO_DO):
        if len({len(each) for each in content.values()}) > 1:
            raise ValueError("its columns differ in length")
    return pd.DataFrame(content).assign(participant=file.stem)


def read_examples(file: Path) -> Iterable[Example]:
    """Examples in a participant's file, one for each size. Raises UserError for any other file."""
    content = read_npz(file, COLUMNS | EXAMPLES, WHAT, TO_DO)
    for k, index in enumerate(content["example_row"]):
        row = Row(*(content[name][index] for name in COLUMNS))
        yield Example(file.stem, row, content["example_maps"][k], content["brain"][k], content["affine"])


def read_record(folder: Path) -> dict:
    """Provenance of a folder of a probe, with the keys of ProbeRecord.

    Raises UserError for any other folder, and where its files are not those of its participants.
    """
    path, to_do = folder / RECORD, "expected a provenance.json of probe.py: run it again"
    if not path.exists():
        raise UserError(f"no findings of a probe in {folder}\n  probe.py --out writes them")
    content = read_json(path, "a record of a probe", to_do)
    with reading(path, "a record of a probe", to_do):
        shaped(ProbeRecord, content)
    present = {file.stem for file in folder.glob("*.npz")}
    if present != set(content["participants"]):
        raise UserError(
            f"{folder} has files of {', '.join(sorted(present)) or 'nobody'}, its provenance names"
            f" {', '.join(content['participants'])}\n  {TO_DO}"
        )
    return content
