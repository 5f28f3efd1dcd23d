"""Metrics files of chosen values and their records, as evaluate.py leaves them, for figures and tables."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mrsi_sr.evaluation import scores
from mrsi_sr.results.files import checksum
from mrsi_sr.settings.method import at_point

FRAME = 64
ONCE = {"samples": 1, "draws": 1, "part": "test"}


class Map(NamedTuple):
    """A scored map: what its value may depend on."""

    method: str
    point: str
    fold: int
    participant: str
    slice: int
    metabolite: str
    size: int
    metric: str


def write(
    folder: Path, methods: dict[str, dict], value: Callable[[Map], float], *, folds: Iterable[int] = (1, 2),
    participants: int = 2, sizes: Iterable[int] = (8, 16), metabolites: Iterable[str] = ("tCr", "NAA"),
    metrics: Iterable[str] = ("nrmse", "psnr", "ssim"), protocol: str = "clean",
) -> tuple[list[Path], list[Path]]:  # fmt: skip
    """Write a metrics file and its record for each method and fold; returns their paths.

    methods: by name, with points (of a sweep), nfe, and changes of the sampling settings. value: of a map, None where
    the method does not sample it.
    """
    files, records = [], []
    for method, own in methods.items():
        for fold in folds:
            maps = [
                Map(method, point, fold, f"sub-{fold}{i}", 7, metabolite, size, metric)
                for point in own.get("points", [""]) for i in range(participants) for metabolite in metabolites
                for size in sizes for metric in metrics
            ]  # fmt: skip
            rows = [each._asdict() | {"value": value(each)} for each in maps if value(each) is not None]
            table = pd.DataFrame(rows).assign(
                sample=0, seed=1, protocol=protocol, value=lambda t: t.value.astype(float)
            )
            table["method"] = [at_point(method, point) for point in table.pop("point")]
            table = table.assign(region="frame" if protocol == "paper" else "mask")
            files.append(folder / f"fold-{fold}-{method}.parquet")
            scores.write(table, files[-1], protocol=protocol, experiment="demo")
            records.append(files[-1].with_suffix(".provenance.json"))
            records[-1].write_text(json.dumps(record(method, fold, files[-1], **own)))
    return files, records


def record(method: str, fold: int, file: Path, *, nfe: float = 1, points=None, **settings) -> dict:
    """Record of a metrics file. settings: changes of the sampling settings."""
    return {
        "method": method, "fold": fold, "seed": 1, "networks": {}, "training": {}, "nfe": nfe, "parameters": 0,
        "settings": {"lpips_weights": {}, "lpips_reason": "no weights are given"}, "code": {}, "inputs_sha256": {},
        "made_from": {}, "outputs_sha256": {file.name: checksum(file)}, "frame": FRAME, "sampling_device": "a CPU",
        "sampling_settings": {"sampler": {"kind": "any"}, "networks": {}} | ONCE | settings,
        "seconds_per_slice": 0.1,
    }  # fmt: skip
