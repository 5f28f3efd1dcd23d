"""Tables from metrics alone: without networks, samples, ingested data and scans they are made, and nothing is mixed."""

import shutil

import pandas as pd
import pytest
import yaml
from clone import Clone

KEPT = ("metrics", ".snakemake", "tables")  # of the results, beside the inventory and folds of the experiment
CHANGED = ("--configfile", "changed.yaml")


@pytest.fixture
def archived(finished, tmp_path) -> Clone:
    """A clone with the metrics, the tables and Snakemake's records of the finished workflow, and nothing else of it."""
    made = {str(finished.folder): {"results", ".snakemake"}}
    clone = shutil.copytree(
        finished.folder, tmp_path / "clone", symlinks=True, ignore=lambda folder, names: made.get(folder, set())
    )
    for path in sorted((finished.folder / "results").rglob("*")):
        part = path.relative_to(finished.folder)
        if path.is_file() and set(KEPT) & set(part.parts):
            (clone / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, clone / part)
    copy = Clone.__new__(Clone)
    copy.folder, copy.environment = clone, finished.environment
    return copy


def configured(clone: Clone, change) -> None:
    """Write the toy configuration with a change as changed.yaml."""
    configuration = yaml.safe_load((clone.folder / "toy.yaml").read_text())
    change(configuration)
    (clone.folder / "changed.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))


def another_table(configuration):
    table = configuration["experiments"]["toy"]["tables"]["comparison"]
    table |= {"title": "Without anything but scores", "metrics": ["psnr", "slope"], "reference": "munet"}


def test_a_changed_table_is_made_of_the_metrics_alone(archived):
    assert not [path for path in archived.folder.glob("results/**/*") if path.suffix in (".safetensors", ".npz")]
    configured(archived, another_table)
    done = archived.snakemake("--profile", "profiles/local", "tables", *CHANGED)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    table = pd.read_csv(archived.folder / "results/toy/tables/comparison.csv")
    assert {"psnr_mean", "slope_mean"} < set(table) and "nrmse_mean" not in table
    tests = pd.read_csv(archived.folder / "results/toy/tables/comparison.tests.csv")
    assert set(tests.method_b) == {"munet"}
    assert not (archived.folder / "results/cohorts").exists() and not (archived.folder / "results/simulated").exists()


def test_scores_of_a_network_with_another_setting_are_made_again_and_not_mixed(archived):
    def change(configuration):
        configuration["networks"]["munet"]["learning_rate"] = 2.0e-3

    configured(archived, change)
    planned = archived.planned("tables", *CHANGED)
    assert {"train toy 2 munet", "evaluate toy 2 munet", "table toy comparison", "slices toy sub-01"} <= planned
    assert not {"train toy 2 ddpm", "sample toy 2 ddpm", "evaluate toy 2 zero_filled"} & planned


def test_a_partial_table_asks_for_no_scores_that_are_missing(archived):
    def change(configuration):
        another_table(configuration)
        configuration["experiments"]["toy"]["tables"]["comparison"]["allow_partial"] = True

    for end in ("parquet", "provenance.json"):
        (archived.folder / f"results/toy/fold-2/metrics/ddpm.{end}").unlink()
    configured(archived, change)
    assert archived.planned("tables", *CHANGED) - {"tables"} == {"table toy comparison", "compare toy comparison"}
