"""Cost of an experiment: hours, energy and memory of its trainings and samplings, by method and fold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.records import read_scores_record, read_training_record
from mrsi_sr.report.agreement import FoldScores, check_shared
from mrsi_sr.report.presence import absent_scores, refuse
from mrsi_sr.results.provenance import cost_of_record
from mrsi_sr.settings.costs import CostsSettings

HOUR, KWH = 3600, 3.6e6  # seconds; joules
SUMMED = ("gpu_hours", "cpu_hours", "kwh")
PEAKS = {"host": "peak_host_mb", "gpu": "peak_gpu_mb", "gpu_reserved": "peak_gpu_reserved_mb"}


@dataclass(frozen=True)
class Job:
    """A training (kind train) or a sampling (kind sample), and what it used, as records.RunCost has it."""

    kind: str
    name: str
    fold: int
    seed: int
    device: str | None
    run: dict
    seconds_per_slice: float | None = None

    def row(self) -> dict:
        """The job's row of the table; None for what was not recorded or, of energy, not measured."""
        seconds, joules, gpu = self.run.get("seconds"), self.run.get("energy_joules"), self.run.get("gpu")
        processor, peaks = self.run.get("processor_seconds"), self.run.get("peak_memory_mb", {})
        return {
            "kind": self.kind, "name": self.name, "fold": self.fold, "seed": self.seed, "device": self.device,
            "hours": None if seconds is None else seconds / HOUR,
            "gpu_hours": None if seconds is None else gpu * seconds / HOUR,
            "cpu_hours": None if processor is None else (not gpu) * processor / HOUR,
            "kwh": None if joules is None else joules / KWH,
            "energy_note": self.run.get("energy_note", ""),
            "seconds_per_slice": self.seconds_per_slice,
            **{column: peaks.get(key) for key, column in PEAKS.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """Costs of an experiment.

    jobs: a row for each training and sampling, with the columns of Job.row and used_by, the methods that use it. Each
    is there once, so that a column's sum is the experiment's. networks: of each method, in each fold and seed.
    """

    settings: CostsSettings
    jobs: pd.DataFrame
    networks: dict[tuple[str, int, int], list[str]]

    def of_method(self, method: str, fold: int, seed: int, kind: str) -> pd.DataFrame:
        """Jobs of a kind, train or sample, that a method's fold takes."""
        place = (self.jobs.kind == kind) & (self.jobs.fold == fold) & (self.jobs.seed == seed)
        names = [method] if kind == "sample" else self.networks[method, fold, seed]
        return self.jobs[place & self.jobs.name.isin(names)]

    def label(self, method: str) -> str:
        """Name of a method in tables."""
        return self.settings.labels.get(method, method)


def costs_of(scores: Sequence[Path], trainings: Sequence[Path], settings: CostsSettings) -> Costs:
    """Costs from the records of scores, and of networks that no score tells of.

    scores: provenance.json of metrics files. trainings: provenance.json of networks, in folders of their names.
    Raises UserError for a file that is no such record, where scores are missing or of other settings than expected, and
    where two methods use different networks of one name.
    """
    found = _fold_scores(scores)
    methods = settings.methods or sorted({each.method for each in found})
    if found and (absent := absent_scores(found, methods, settings)):
        refuse(absent, "costs")
    check_shared(found)
    found = sorted((each for each in found if each.method in methods), key=lambda each: methods.index(each.method))
    jobs = [*_trainings(trainings), *(job for each in found for job in _jobs_of(each))]
    if not jobs:
        raise UserError("there is no record to tell costs of\n  give --provenance, --networks or both")
    networks = {
        (each.method, each.fold, each.seed): list(dict.fromkeys(each.record["sampling_settings"]["networks"].values()))
        for each in found
    }
    unique = {(job.kind, job.name, job.fold, job.seed): job for job in jobs}
    rows = [job.row() | {"used_by": ", ".join(_users(job, networks, methods))} for job in unique.values()]
    return Costs(settings, pd.DataFrame(rows), networks)


def total(jobs: pd.DataFrame) -> dict:
    """Sums of hours and energy; of one that a job does not know, None."""
    return {key: None if jobs[key].isna().any() else float(jobs[key].sum()) for key in SUMMED}


def csv(costs: Costs) -> pd.DataFrame:
    """All rows as CSV data: of jobs (kind train and sample), of methods by fold (method), and of all (total)."""
    rows = costs.jobs.to_dict("records")
    for method, fold, seed in costs.networks:
        own = pd.concat([costs.of_method(method, fold, seed, kind) for kind in ("train", "sample")])
        rows.append({"kind": "method", "name": method, "fold": fold, "seed": seed, **_joined(own)})
    whole = _joined(costs.jobs) | {"seconds_per_slice": None}
    rows.append({"kind": "total", "name": costs.settings.experiment or "", **whole})
    return pd.DataFrame(rows, columns=costs.jobs.columns)


def _joined(jobs: pd.DataFrame) -> dict:
    peaks = {column: jobs[column].max() for column in PEAKS.values()}
    devices = ", ".join(dict.fromkeys(filter(None, jobs.device)))
    return total(jobs) | peaks | {"device": devices, "seconds_per_slice": jobs.seconds_per_slice.max()}


def _fold_scores(paths: Iterable[Path]) -> list[FoldScores]:
    """Records of scores, by method, fold and seed. Raises UserError for two of one."""
    found: dict[tuple, FoldScores] = {}
    for path in paths:
        record = read_scores_record(path)
        key = (record["method"], record["fold"], record["seed"])
        file = str(path).removesuffix(".provenance.json") + ".parquet"
        if key in found:
            raise UserError(f"{found[key].file} and {file} are both of {key[0]}, fold {key[1]}\n  give one of them")
        found[key] = FoldScores(*key, file, record)
    return [found[key] for key in sorted(found)]


def _jobs_of(scores: FoldScores) -> list[Job]:
    """The sampling of scores, and the trainings of its networks."""
    record, place = scores.record, (scores.fold, scores.seed)
    trained = [
        Job("train", name, *place, each["device"], each.get("run", {})) for name, each in record["training"].items()
    ]
    run = record.get("sampling_run", {})
    sampled = Job("sample", scores.method, *place, record["sampling_device"], run, record["seconds_per_slice"])
    return [*trained, sampled]


def _trainings(paths: Iterable[Path]) -> list[Job]:
    records = {path: read_training_record(path) for path in paths}
    return [
        Job("train", path.parent.name, each["fold"], each["seed"], each["device"], cost_of_record(each))
        for path, each in records.items()
    ]


def _users(job: Job, networks: dict[tuple[str, int, int], list[str]], methods: Sequence[str]) -> list[str]:
    """Methods that use a training in its fold, or whose sampling it is."""
    if job.kind == "sample":
        return [job.name]
    return [name for name in methods if job.name in networks.get((name, job.fold, job.seed), [])]
