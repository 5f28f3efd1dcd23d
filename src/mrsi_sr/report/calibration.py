"""Calibration of an experiment's methods over its folds: scores of participants, and the facts of the captions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.calibration.fold import INTERVALS, MAPS, SCORES, TEST
from mrsi_sr.calibration.maps import RAW, metric_columns
from mrsi_sr.calibration.tissue import ALL
from mrsi_sr.cli import UserError
from mrsi_sr.report.caption import cohort_in_words, counted, joined, upscaling_factor
from mrsi_sr.results.outputs import RECORD, check_whole
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.results.reading import read_json, reading
from mrsi_sr.settings.calibration_report import CalibrationSettings

WHAT, TO_DO = "a calibration", "expected a folder that calibrate.py wrote: run it again"
FACTS = (
    "method", "fold", "seed", "protocol", "experiment", "unit", "frame", "factors", "members", "nfe", "settings",
    "sampling_settings", "seconds_per_slice",
)  # fmt: skip
OF_MAP = ["method", "fold", "seed", "participant", "part", "slice", "metabolite", "size"]  # columns that identify one
GROUP = ["method", "size", "scaling", "tissue"]  # columns of a summary


@dataclass(frozen=True)
class Calibrations:
    """Calibrations of several methods and folds.

    maps: rows of calibration.maps.rows_of. scores, intervals: of calibration.fold. records: provenance of each folder.
    """

    settings: CalibrationSettings
    maps: pd.DataFrame
    scores: pd.DataFrame
    intervals: pd.DataFrame
    records: list[dict]

    @property
    def methods(self) -> list[str]:
        """Methods in the order of the settings."""
        return list(self.settings.methods)

    @cached_property
    def sizes(self) -> list[int]:
        return sorted(map(int, self.maps["size"].unique()))

    def label(self, method: str) -> str:
        return self.settings.labels.get(method, method)

    def factor(self, size: int) -> str:
        """Upscaling factor of a low-resolution size, as printed."""
        return upscaling_factor(self.records[0]["frame"], size)

    def records_of(self, method: str) -> list[dict]:
        return [record for record in self.records if record["method"] == method]

    def members(self, method: str) -> int:
        """Number of samples of each map."""
        return self.records_of(method)[0]["members"]

    @cached_property
    def participants(self) -> pd.DataFrame:
        """Scores of each test participant, one row per method, size, scaling, tissue and participant.

        Voxelwise scores are means over all its voxels of that tissue, energy and metrics means over its maps, both over
        seeds too. crps, energy, spread and skill are parts of the true map's root mean square (of its norm, energy),
        and of spread and skill the mean squares.
        """
        return of_participants(self.maps[self.maps.part == TEST])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over participants, by method, size, scaling and tissue; spread and skill are root mean squares here."""
        means = self.participants.groupby(GROUP).mean()
        means[["spread", "skill"]] = np.sqrt(means[["spread", "skill"]])
        return means

    @cached_property
    def origin(self) -> str:
        """Sentences of a caption: experiment, protocol, cohort, folds, seeds, participants and configuration."""
        settings = self.settings
        folds, seeds = (sorted({record[key] for record in self.records}) for key in ("fold", "seed"))
        tested = self.maps[self.maps.part == TEST].participant.nunique()
        maps = self.maps[self.maps.part == TEST].drop_duplicates(["method", "participant", "slice", "metabolite"])
        fewest, most = (int(each) for each in maps.groupby("method").size().agg(["min", "max"]))
        number = counted(most, "map") if fewest == most else f"{fewest:,} to {most:,} maps of a method"
        configuration = fingerprint(sorted(origin_of(record) for record in self.records))
        return (
            f"Experiment {settings.experiment}, protocol {settings.protocol}; cohort"
            f" {cohort_in_words(settings.cohort, settings.phantom)};"
            f" fold{'s' * (len(folds) > 1)} {joined(folds)} of {settings.folds_in_all or len(folds)}; training"
            f" seed{'s' * (len(seeds) > 1)} {joined(seeds)}; {counted(tested, 'test participant')},"
            f" {number} at each size. Configuration {configuration}."
        )


def read(folders: Iterable[Path], settings: CalibrationSettings) -> Calibrations:
    """Calibrations in folders of calibrate.py.

    Raises UserError for a folder that is none, of another protocol, experiment or other levels than the settings, and
    for a method that has no folder.
    """
    folders = list(folders)
    records = [_record(folder) for folder in folders]
    for folder, record in zip(folders, records, strict=True):
        wanted = {"protocol": settings.protocol, "experiment": settings.experiment or record["experiment"]}
        found = {name: record[name] for name in wanted}
        wanted["levels"], found["levels"] = settings.levels, record["settings"].get("levels")
        if found != wanted:
            raise UserError(f"{folder} is of {found}, expected {wanted}\n  run calibrate.py again with these settings")
    missing = sorted(set(settings.methods) - {record["method"] for record in records})
    if missing:
        raise UserError(f"no calibration of {joined(missing)} is given\n  run calibrate.py for it")
    maps, scores, intervals = (
        _joined([_table(folder / name) for folder in folders]) for name in (MAPS, SCORES, INTERVALS)
    )
    chosen = [each[each.method.isin(settings.methods)] for each in (maps, scores, intervals)]
    return Calibrations(settings, *chosen, [each for each in records if each["method"] in settings.methods])


def of_participants(maps: pd.DataFrame) -> pd.DataFrame:
    """As Calibrations.participants, of rows of maps."""
    maps = maps.copy()
    maps["crps"] /= maps.truth_rms
    maps["energy"] /= maps.truth_rms * np.sqrt(maps.voxels)
    for name in ("spread", "skill"):
        maps[name] = (maps[name] / maps.truth_rms) ** 2 if name in maps else np.nan
    sums = [name for name in maps if name.split("_")[0] in ("spread", "variance", "error") and name.count("_")]
    shares = [
        "crps",
        "spread",
        "skill",
        *(name for name in maps if name.split("_")[0] in ("coverage", "normal", "rank")),
    ]
    keys = [*GROUP, "participant"]
    weighted = maps[shares].mul(maps.voxels, axis=0).assign(**maps[[*keys, "voxels", *sums]])
    grouped = weighted.groupby(keys)
    means = grouped[shares].sum(min_count=1).div(grouped.voxels.sum(), axis=0)
    plain = maps.groupby(keys)[["energy", *metric_columns(maps)]].mean()
    return pd.concat([means, grouped[["voxels", *sums]].sum(), plain], axis=1)


def ratio(summary: pd.DataFrame | pd.Series):
    """Spread divided by skill: 1 of an ideal ensemble, less where it is too sure."""
    return summary.spread / summary.skill


def whole(summary: pd.DataFrame, method: str, size: int, scaling: str = RAW, tissue: str = ALL) -> pd.Series | None:
    """Row of a summary; None where there is none, as of a method that is not rescaled."""
    key = (method, size, scaling, tissue)
    return summary.loc[key] if key in summary.index else None


def rank_columns(members: int) -> list[str]:
    return [f"rank_{rank}" for rank in range(members + 1)]


def _record(folder: Path) -> dict:
    record = read_json(folder / RECORD, WHAT, TO_DO)
    with reading(folder / RECORD, WHAT, TO_DO):
        if lacking := [key for key in FACTS if key not in record]:
            raise ValueError(f"it lacks {joined(lacking)}")
    return record


def _table(path: Path) -> pd.DataFrame:
    with reading(path, WHAT, TO_DO):
        check_whole(path)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=True).fillna({"metabolite": ""})


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One table of several, of which some may have no rows."""
    return pd.concat([each for each in tables if len(each)] or tables[:1], ignore_index=True)
