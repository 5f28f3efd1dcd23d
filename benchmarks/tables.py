"""Time of an experiment's tables and tests from metrics files of synthetic scores, as many as the papers' study has.

By default all tables of FTDDM: 25 participants with 91 maps each in one of five folds, all sizes that are scored. Each
table and its tests are made as the workflow makes them, one program after the other; the aim is 60 s on two cores.

python benchmarks/tables.py [--experiment ftddm] [--participants 25] [--out FOLDER]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.metrics import BIAS
from mrsi_sr.results.files import checksum
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.protocol import REGIONS
from mrsi_sr.settings.text import as_json
from mrsi_sr.workflow.configuration import Configuration

REPOSITORY = Path(__file__).parents[1]
METABOLITES = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"]
SLICES = 13  # of a participant: 25 participants have 2,275 maps of seven metabolites


def main(arguments: argparse.Namespace) -> None:
    """Write the metrics files, make every table, print the seconds."""
    experiment = Configuration.read(REPOSITORY / "config" / "config.yaml").experiment(arguments.experiment)
    tables = {name: table.methods or experiment.methods for name, table in experiment.tables.items()}
    folder = Path(arguments.out or tempfile.mkdtemp())
    methods = sorted({method for methods in tables.values() for method in methods})
    files = write(folder, experiment, methods, arguments.participants)
    size_mb = sum(file.stat().st_size for file in files.values()) / 1e6
    print(f"{len(files)} metrics files, {size_mb:.0f} MB, in {folder}; seconds, in brackets of the processor")
    totals = np.zeros(2)
    for name, methods in tables.items():
        chosen = {split_point(method)[0] for method in methods}
        own = [file for (method, _), file in files.items() if method in chosen]
        table, tests = (seconds(script, name, own, experiment, folder) for script in ("table", "compare"))
        totals += table + tests
        print(f"{name:20} {len(methods):3} methods   table {_shown(table)}   tests {_shown(tests)}", flush=True)
    print(f"all tables and tests of {arguments.experiment}: {_shown(totals)}")


def _shown(seconds: np.ndarray) -> str:
    return f"{seconds[0]:5.1f} ({seconds[1]:.1f})"


def seconds(script: str, name: str, files: list[Path], experiment: ExperimentSettings, folder: Path) -> np.ndarray:
    """Wall and processor seconds that a script takes for a table."""
    settings = experiment.tables[name].plain() | {"experiment": "synthetic", "protocol": experiment.protocol}
    outs = [word for end in ("csv", "md", "tex") for word in (f"--out-{end}", folder / f"{name}.{script}.{end}")]
    records = [file.with_suffix(".provenance.json") for file in files]
    command = [sys.executable, REPOSITORY / "workflow" / "scripts" / f"{script}.py", "--settings", as_json(settings)]
    before, started = processor_s(), time.perf_counter()
    subprocess.run([*command, "--metrics", *files, "--provenance", *records, *outs], check=True, capture_output=True)
    return np.array([time.perf_counter() - started, processor_s() - before])


def processor_s() -> float:
    """Processor seconds of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(
    folder: Path, experiment: ExperimentSettings, methods: list[str], participants: int
) -> dict[tuple[str, int], Path]:
    """Metrics file and record of each method and fold; points of a sweep share a file."""
    random, files = np.random.default_rng(1), {}
    for fold in experiment.folds.run:
        tested = range(fold - 1, participants, experiment.folds.number)
        maps = pd.MultiIndex.from_product(
            [[f"sub-{k + 1:02d}" for k in tested], range(SLICES), METABOLITES, experiment.evaluate_sizes],
            names=scores.MAP,
        ).to_frame(index=False)
        for method in sorted({split_point(name)[0] for name in methods}):
            points = [name for name in methods if split_point(name)[0] == method]
            path = folder / f"fold-{fold}-{method}.parquet"
            table = pd.concat([scored(maps, experiment, random).assign(method=point) for point in points])
            table = table.assign(fold=fold, seed=1, sample=0, protocol=experiment.protocol)
            scores.write(table, path, protocol=experiment.protocol, experiment="synthetic")
            path.with_suffix(".provenance.json").write_text(json.dumps(record(method, fold, path)))
            files[method, fold] = path
    return files


def scored(maps: pd.DataFrame, experiment: ExperimentSettings, random: np.random.Generator) -> pd.DataFrame:
    """Random scores of each map in every metric and region."""
    columns = [(region, metric) for region in REGIONS[experiment.protocol] for metric in experiment.metrics]
    columns += [("mask", metric) for metric in BIAS]
    return pd.concat(
        [
            maps.assign(region=region, metric=metric, value=random.normal(1, 0.1, len(maps)))
            for region, metric in columns
        ]
    )


def record(method: str, fold: int, path: Path) -> dict:
    """Record of a metrics file, as evaluate.py writes it."""
    return {
        "method": method, "fold": fold, "seed": 1, "settings": {"lpips_weights": {}, "lpips_reason": ""}, "code": {},
        "inputs_sha256": {}, "made_from": {}, "outputs_sha256": {path.name: checksum(path)}, "script": "evaluate.py",
        "sampling_settings": {"sampler": {"kind": "zero_filled"}, "networks": {}, "samples": 1}, "networks": {},
        "sampling_device": "none", "nfe": 1, "seconds_per_slice": 0.1, "parameters": 0, "training": {}, "frame": 64,
    }  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Flags of this program."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--experiment", default="ftddm", help="experiment whose tables are made")
    p.add_argument("--participants", type=int, default=25, help="number of participants")
    p.add_argument("--out", help="folder for the files; default: a temporary one")
    return p


if __name__ == "__main__":
    main(parser().parse_args())
