"""Findings of a probe, of several methods, folds and seeds: read, checked for agreement, and as a table of methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.probing import files, roc
from mrsi_sr.probing.files import Example
from mrsi_sr.probing.roc import Detection
from mrsi_sr.report.caption import cohort_in_words, counted, joined, upscaling_factor
from mrsi_sr.report.paired import bootstrap_interval
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.report import ProbeTableSettings

MAP = ["participant", "slice", "metabolite", "size"]
SAME = ("settings", "protocol", "low_resolution", "frame", "unit")  # keys of a record that all have in common
MEANS = (  # measures of which the table has the mean over maps or lesions: column, measure, kind of change
    ("dice", "dice", "lesion"),
    ("error", "error", "none"),
    ("error_measured", "error_measured", "none"),
    ("error_unmeasured", "error_unmeasured", "none"),
    ("sharpness", "sharpness", "none"),
    ("frc_beyond", "frc_beyond", "none"),
    ("leakage", "leakage", "foreign"),
    ("leakage_of_map", "leakage_of_map", "foreign"),
    ("foreign_edges", "foreign_edges", "foreign"),
    ("own_edges", "own_edges", "foreign"),
)
REMAINS = {"erased": "remaining", "erased_in_map": "remaining_in_map"}  # kind of change -> column


@dataclass(frozen=True)
class Probed:
    """Findings of a probe. rows: of all methods, with method, fold, seed and participant. records: by their folder."""

    settings: ProbeTableSettings
    rows: pd.DataFrame
    records: dict[Path, dict]

    @classmethod
    def read(cls, folders: Sequence[Path], settings: ProbeTableSettings) -> "Probed":
        """Findings in folders of probe.py. Raises UserError where one is missing, damaged or does not fit."""
        records = {folder: files.read_record(folder) for folder in folders}
        _check_same(records)
        _check_complete(records, settings)
        parts = []
        for folder, record in records.items():
            identity = {key: record[key] for key in ("method", "fold", "seed")}
            parts += [files.read_rows(folder / f"{name}.npz").assign(**identity) for name in record["participants"]]
        return cls(settings, pd.concat(parts, ignore_index=True), records)

    @property
    def methods(self) -> list[str]:
        """Methods, in the order shown."""
        found = list(dict.fromkeys(record["method"] for record in self.records.values()))
        return [name for name in self.settings.methods or found if name in found]

    @cached_property
    def sizes(self) -> list[int]:
        """Low-resolution sizes, from the smallest on."""
        return sorted(map(int, self.rows["size"].unique()))

    @cached_property
    def first(self) -> dict:
        """A record, for what all have in common."""
        return next(iter(self.records.values()))

    def label(self, method: str) -> str:
        """Name of a method in tables and figures."""
        return self.settings.labels.get(method, method)

    def factor(self, size: int) -> str:
        """Upscaling factor of a size, as printed."""
        return upscaling_factor(self.first["frame"], size)

    def of(self, method: str, size: int) -> pd.DataFrame:
        """Rows of a method at a size."""
        return self.rows[(self.rows.method == method) & (self.rows["size"] == size)]

    def frc(self, method: str, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies in 1/cm, and the Fourier ring correlation there as mean over maps."""
        rows = self.of(method, size)
        means = rows[rows.measure == "frc"].groupby("at").value.mean()
        return means.index.to_numpy(), means.to_numpy()

    def measured_band_per_cm(self, size: int) -> float:
        """Frequency in 1/cm up to which a size is measured along each axis."""
        frequency, _ = self.frc(self.methods[0], size)
        return float(frequency[0] * size / 2)

    def contrasts(self, method: str, size: int, kind: str = "lesion") -> pd.DataFrame:
        """Columns contrast_true and contrast_estimated: contrast of each lesion to the other hemisphere."""
        rows = self.of(method, size)
        rows = rows[(rows.kind == kind) & rows.measure.isin(["contrast_true", "contrast_estimated"])]
        keys = [*MAP, "fold", "seed", "number"]
        return rows.pivot_table(index=keys, columns="measure", values="value").dropna()

    def examples(self, method: str) -> list[Example]:
        """Examples of a method's first fold and seed, of all participants and sizes."""
        folder, record = next(each for each in self.records.items() if each[1]["method"] == method)
        return [each for name in record["participants"] for each in files.read_examples(folder / f"{name}.npz")]

    @cached_property
    def facts(self) -> dict[str, str | int | bool | None]:
        """Facts of the captions."""
        settings = self.settings
        folds, seeds = (sorted({record[key] for record in self.records.values()}) for key in ("fold", "seed"))
        lesions = self.rows[(self.rows.kind == "lesion") & (self.rows.measure == "score")]
        one = lesions[(lesions.method == self.methods[0]) & (lesions["size"] == self.sizes[0])]
        return {
            "experiment": settings.experiment, "cohort": settings.cohort, "phantom": settings.phantom,
            "protocol": self.first["protocol"], "seeds": joined(seeds),
            "folds": f"fold{'s' * (len(folds) > 1)} {joined(folds)} of {settings.folds_in_all or len(folds)}",
            "participants": int(one.participant.nunique()), "lesions": len(one),
            "device": joined(dict.fromkeys(record["sampling_device"] for record in self.records.values())),
            "configuration": fingerprint(
                *sorted([each["method"], each["fold"], each["seed"], origin_of(each)] for each in self.records.values())
            ),
        }  # fmt: skip

    @property
    def origin(self) -> str:
        """Sentences of a caption: experiment, protocol, cohort, folds, seeds, participants, lesions, configuration."""
        facts = self.facts
        on = "Results on phantoms, not on patients." if facts["phantom"] else ""
        experiment = f"Experiment {facts['experiment']}, protocol" if facts["experiment"] else "Protocol"
        return " ".join(filter(None, [
            f"{experiment} {facts['protocol']}; {self.first['low_resolution']} low-resolution scans;"
            f" cohort {cohort_in_words(facts['cohort'], facts['phantom'])};"
            f" {facts['folds']}; training seed {facts['seeds']}; {counted(facts['participants'], 'participant')},"
            f" {counted(facts['lesions'], 'planted lesion')} in maps of each size.", on,
            f"Configuration {facts['configuration']}.",
        ]))  # fmt: skip


def table(probed: Probed) -> pd.DataFrame:
    """Table of a probe: a row for each size and method. docs/trust.md explains the columns."""
    rows = [
        {"method": method, "label": probed.label(method), "size": size, "upscaling_factor": probed.factor(size)}
        | _detection(probed, method, size) | _contrast(probed, method, size) | _means(probed, method, size)
        | {"nfe": max(each["nfe"] for each in probed.records.values() if each["method"] == method)}
        for size in probed.sizes
        for method in probed.methods
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _detection(probed: Probed, method: str, size: int) -> dict[str, float]:
    """Detection of lesions that MRI shows and that it does not show, and false lesions at equal detection."""
    rows, settings = probed.of(method, size), probed.settings
    detection, hidden, mri = (Detection.of(rows, kind) for kind in ("lesion", "hidden", "mri_only"))
    low, high = _interval_of_auc(rows)
    rate = settings.false_positive_rate
    return {
        "lesions": len(detection.positive), "auc": detection.auc, "auc_low": low, "auc_high": high,
        "sensitivity": roc.sensitivity_at(detection.positive, detection.negative, rate),
        "auc_hidden": hidden.auc,
        "sensitivity_hidden": roc.sensitivity_at(hidden.positive, hidden.negative, rate),
        "mri_only_detected": roc.sensitivity_at(mri.positive, mri.negative, rate),
        "threshold": detection.threshold_at(settings.detection),
        "false_per_100_ml": detection.false_at(settings.detection),
    }  # fmt: skip


def _interval_of_auc(rows: pd.DataFrame) -> tuple[float, float]:
    """Bootstrap interval of 95 % over participants; NaN for too few of them."""
    scores = rows[rows.measure == "score"].groupby(["fold", "participant"])
    parts = [Detection.of(part) for _, part in scores]

    def of_drawn(drawn: np.ndarray) -> float:
        chosen = [parts[k] for k in drawn.astype(int)]
        return roc.auc(*(np.concatenate([getattr(each, name) for each in chosen]) for name in ("positive", "negative")))

    return bootstrap_interval(
        np.arange(len(parts), dtype=float), lambda drawn: np.array([of_drawn(each) for each in drawn])
    )


def _contrast(probed: Probed, method: str, size: int) -> dict[str, float]:
    """Bias of the contrast of planted lesions, its limits of agreement, and the slope of estimated on true contrast."""
    pairs = probed.contrasts(method, size)
    true, estimated = pairs.contrast_true.to_numpy(), pairs.contrast_estimated.to_numpy()
    bias, low, high = roc.bias_and_limits(true, estimated)
    slope = np.polyfit(true, estimated, 1)[0] if len(true) > 2 and np.ptp(true) > 0 else np.nan
    return {"bias": bias, "limit_low": low, "limit_high": high, "slope": float(slope)}


def _means(probed: Probed, method: str, size: int) -> dict[str, float]:
    """Means over maps or lesions, medians of what remains of erased lesions, and the resolution."""
    rows = probed.of(method, size)
    values = rows.groupby(["measure", "kind"]).value
    means, medians = values.mean(), values.median()
    frequency, correlation = probed.frc(method, size)
    return (
        {column: float(means.get((measure, kind), np.nan)) for column, measure, kind in MEANS}
        | {column: float(medians.get(("remaining", kind), np.nan)) for kind, column in REMAINS.items()}
        | {"resolution_mm": roc.resolution_mm(frequency, correlation, probed.settings.frc_threshold)}
    )


def _check_same(records: dict[Path, dict]) -> None:
    """Raise UserError where findings are of different probes, protocols, frames or units, or one is there twice."""
    if not records:
        raise UserError("no folder of a probe is given\n  probe.py --out writes one")
    seen: dict[tuple, Path] = {}
    first_folder, first = next(iter(records.items()))
    for folder, record in records.items():
        for key in SAME:
            if record[key] != first[key]:
                raise UserError(
                    f"{folder} and {first_folder} differ in {key}: {record[key]} and {first[key]}\n"
                    "  probe all methods with the same settings"
                )
        before = seen.setdefault((record["method"], record["fold"], record["seed"]), folder)
        if before != folder:
            raise UserError(f"{before} and {folder} are of the same method, fold and seed\n  give one of them only")


def _check_complete(records: dict[Path, dict], settings: ProbeTableSettings) -> None:
    """Raise UserError where a method, fold or seed lacks findings, or methods were probed at different sizes."""
    found = {(record["method"], record["fold"], record["seed"]) for record in records.values()}
    methods = settings.methods or sorted({method for method, _, _ in found})
    folds, seeds = settings.folds or sorted({f for _, f, _ in found}), settings.seeds or sorted({s for *_, s in found})
    lacking = [
        f"{method}, fold {fold}, seed {seed}" for method in methods for fold in folds for seed in seeds
        if (method, fold, seed) not in found
    ]  # fmt: skip
    if lacking:
        raise UserError(f"no findings of {'; '.join(lacking)}\n  run probe.py for them")
    sizes = {tuple(record["sizes"]): folder for folder, record in records.items()}
    if len(sizes) > 1:
        words = "; ".join(f"{folder} has {joined(each)}" for each, folder in sizes.items())
        raise UserError(f"methods were probed at different sizes: {words}\n  probe all at the same sizes")
