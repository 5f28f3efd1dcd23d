"""Provenance records of samples and of scores: reading, with every key that is used checked for its type."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, FiniteFloat, NonNegativeInt, PositiveInt

from mrsi_sr.results.names import check_name
from mrsi_sr.results.reading import read_json, reading, shaped


class Kind(BaseModel):
    """Sampler of a method, by its kind."""

    kind: str


class SamplingSettings(BaseModel):
    """Settings of a method: its sampler, its networks by role, whom and how often it samples."""

    sampler: dict[str, Any]
    networks: dict[str, str]
    samples: PositiveInt
    draws: PositiveInt
    part: str


class RunCost(BaseModel):
    """What the run of a training or sampling used, over all its sessions; all null where there is no record of it.

    seconds: of wall time. processor_seconds: of all cores. energy_joules: of the GPU, null with a reason in
    energy_note. gpu: whether it was made on a GPU.
    """

    gpu: bool | None = None
    seconds: FiniteFloat | None = None
    processor_seconds: FiniteFloat | None = None
    peak_memory_mb: dict[str, FiniteFloat] = {}
    energy_joules: FiniteFloat | None = None
    energy_note: str = ""


class Training(BaseModel):
    """Cost of the training of a network; null where its record was missing. seconds: of its iterations alone."""

    seconds: FiniteFloat | None
    device: str | None
    run: RunCost = RunCost()


class SamplesRecord(BaseModel):
    """Provenance of a folder of samples, which sample.py wrote."""

    method: str
    fold: PositiveInt
    protocol: str
    sizes: list[PositiveInt]
    participants: list[str]
    maps: NonNegativeInt
    sampler: Kind
    settings: SamplingSettings
    networks: dict[str, dict[str, Any]]
    nfe: FiniteFloat
    seconds_per_slice: FiniteFloat
    parameters: NonNegativeInt
    training: dict[str, Training]
    device: str
    inputs_sha256: dict[str, str]
    outputs_sha256: dict[str, str]


class TrainingRecord(BaseModel):
    """Provenance of a trained network, which train.py wrote."""

    fold: PositiveInt
    seed: NonNegativeInt
    device: str
    training_seconds: FiniteFloat


class ScoringSettings(BaseModel):
    """Settings of a scoring: SHA-256 of the LPIPS weights by metric, and why other LPIPS metrics are not available."""

    lpips_weights: dict[str, str]
    lpips_reason: str


class ScoresRecord(BaseModel):
    """Provenance of a metrics file, which evaluate.py wrote."""

    method: str
    fold: PositiveInt
    seed: NonNegativeInt
    settings: ScoringSettings
    code: dict[str, str]
    inputs_sha256: dict[str, str]
    made_from: dict[str, str]
    outputs_sha256: dict[str, str]
    sampling_settings: SamplingSettings
    networks: dict[str, dict[str, Any]]
    sampling_device: str
    sampling_run: RunCost = RunCost()
    nfe: FiniteFloat
    seconds_per_slice: FiniteFloat
    parameters: NonNegativeInt
    training: dict[str, Training]
    cohort: dict[str, dict[str, Any] | None] = {}
    frame: PositiveInt


def read_samples_record(path: Path) -> dict:
    """Provenance of a folder of samples, with the keys of SamplesRecord. Raises UserError for any other file."""
    record = _read(path, SamplesRecord, "a record of samples", "expected a provenance.json of sample.py: run it again")
    for participant in record["participants"]:
        check_name(participant, f"a participant in {path}")
    return record


def read_scores_record(path: Path) -> dict:
    """Provenance of a metrics file, with the keys of ScoresRecord. Raises UserError for any other file."""
    return _read(path, ScoresRecord, "a record of scores", "expected a provenance.json of evaluate.py: run it again")


def read_training_record(path: Path) -> dict:
    """Provenance of a network, with the keys of TrainingRecord. Raises UserError for any other file."""
    what, to_do = "a record of a training", "expected a provenance.json of train.py: run it again"
    content = read_json(path, what, to_do)
    with reading(path, what, to_do):
        shaped(TrainingRecord, content)
    return content


def _read(path: Path, kind: type, what: str, to_do: str) -> dict:
    content = read_json(path, what, to_do)
    with reading(path, what, to_do):
        record = shaped(kind, content)
        roles = getattr(record, "sampling_settings", None) or record.settings
        if missing := sorted(set(roles.networks) - set(record.networks)):
            raise ValueError(f"networks has no settings of the role {', '.join(missing)}")
    return content
