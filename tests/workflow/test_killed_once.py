"""A job that is killed once after a change: the same command again ends as if nothing had happened.

On one finished toy workflow, a row for each rule: what makes its result is changed, its job is killed as the memory
killer does, and the command is given again. Three rows by default, the others are slow.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from clone import Clone

# Python runs this before a script. The file that names the script lets it be killed once.
KILLER = """
import os, signal, sys
from pathlib import Path

order = Path(os.environ["KILL_ONCE"])
script = next((Path(word).stem for word in sys.orig_argv if "workflow/scripts/" in word), None)
if script and order.exists() and order.read_text() == script:
    order.unlink()
    os.kill(os.getpid(), signal.SIGKILL)
"""
COMMAND = ("--profile", "profiles/local", "--configfile", "changed.yaml")


def simulated(configuration):
    configuration["cohort"]["simulate"]["seed"] = 4


def flipped(configuration):
    configuration["cohort"]["ingest"] = {"flip": "x"}


def masked(configuration):
    configuration["cohort"]["quality"] = {"max_sd_percent": 15.0}


def fewer_slices(configuration):
    configuration["cohort"]["slices"]["max_slices"] = 3


def other_sizes(configuration):
    configuration["experiments"]["toy"]["evaluate_sizes"] = [4, 8, 16]


def other_folds(configuration):
    configuration["experiments"]["toy"]["folds"]["seed"] = 7


def trained_faster(configuration):
    configuration["networks"]["munet"]["learning_rate"] = 2.0e-3


def sampled_otherwise(configuration):
    configuration["methods"]["ddpm"]["sampler"]["variance"] = "beta"


def fewer_metrics(configuration):
    configuration["experiments"]["toy"]["metrics"] = ["nrmse", "psnr"]
    configuration["experiments"]["toy"]["tables"]["comparison"]["metrics"] = ["nrmse", "psnr"]


def titled(configuration):
    configuration["experiments"]["toy"]["tables"]["comparison"]["title"] = "Another title"


def another_metabolite(configuration):
    configuration["experiments"]["toy"]["figures"]["qualitative"]["maps"] = [{"metabolite": "NAA"}]


BY_DEFAULT = [("table", titled)]
SLOW = [
    ("simulate", simulated), ("ingest", flipped), ("mask", masked), ("montage", masked), ("slices", fewer_slices),
    ("truncate", other_sizes), ("inventory", flipped), ("cohort_summary", flipped), ("folds", other_folds),
    ("train", trained_faster), ("losses", trained_faster), ("sample", sampled_otherwise), ("evaluate", fewer_metrics),
    ("compare", fewer_metrics), ("shown_maps", another_metabolite), ("figure", another_metabolite),
    ("claim", fewer_metrics), ("cost", fewer_metrics), ("page", titled),
]  # fmt: skip
ROWS = [*BY_DEFAULT, *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW)]


@pytest.fixture(scope="module")
def changed_copy(finished, tmp_path_factory):
    """A copy of the finished workflow with a changed configuration, in a folder of its own."""

    def copy(change) -> Clone:
        made = Clone.__new__(Clone)
        made.folder = tmp_path_factory.mktemp(change.__name__) / "clone"
        shutil.copytree(finished.folder, made.folder, symlinks=True)
        (made.folder / "sitecustomize.py").write_text(KILLER)
        made.order = made.folder / "kill"
        made.environment = finished.environment | {"PYTHONPATH": f"src:{made.folder}", "KILL_ONCE": str(made.order)}
        configuration = yaml.safe_load((made.folder / "toy.yaml").read_text())
        change(configuration)
        (made.folder / "changed.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
        return made

    return copy


@pytest.fixture(scope="module")
def undisturbed(changed_copy):
    """Results of the changed configuration where no job was killed, made once for each change."""
    made = {}

    def results(change) -> dict:
        if change not in made:
            clone = changed_copy(change)
            done = clone.snakemake(*COMMAND)
            assert done.returncode == 0, done.stdout + done.stderr
            made[change] = contents(clone)
            shutil.rmtree(clone.folder)
        return made[change]

    return results


@pytest.mark.parametrize(("rule", "change"), ROWS)
def test_the_same_command_again_ends_as_if_nothing_had_happened(rule, change, changed_copy, undisturbed):
    clone = changed_copy(change)
    clone.order.write_text(rule)
    assert clone.snakemake(*COMMAND).returncode != 0 and not clone.order.exists()
    left = clone.planned(*COMMAND[2:])
    assert "all" in left and any(job.split()[0] == rule for job in left)
    assert not_fresh(clone) == {job.split()[-1] for job in left if job.startswith("evaluate")}
    done = clone.snakemake(*COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    assert clone.planned(*COMMAND[2:]) == set()
    assert_equal(contents(clone), undisturbed(change))


def not_fresh(clone: Clone) -> set[str]:
    """Methods that status does not call fresh."""
    done = clone.snakemake("status", "--quiet", "all", *COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = re.findall(r"^(zero_filled|munet|ddpm) +(\w+)", done.stdout, re.MULTILINE)
    assert len(cells) == 3, done.stdout
    return {method for method, word in cells if word != "fresh"}


def contents(clone: Clone) -> dict:
    """What the results say: arrays, scores, tables and texts by path, without what differs between equal runs."""
    found = {}
    for path in sorted((clone.folder / "results").rglob("*")):
        name = str(path.relative_to(clone.folder))
        # An inventory that was set aside lists what was lost when the job died.
        if "/.snakemake" in name or "provenance" in name or ".lost." in name or not path.is_file():
            continue
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                found[name] = {key: arrays[key] for key in arrays.files if key not in ("cost", "fingerprint")}
        elif path.suffix == ".parquet":
            found[name] = pd.read_parquet(path).to_dict("list")
        elif path.suffix in (".csv", ".md", ".tex"):
            found[name] = untimed(path)
        elif path.suffix in (".safetensors", ".png", ".gz"):
            found[name] = path.read_bytes()
    assert len(found) > 40
    return found


def untimed(path: Path) -> str:
    """A table without its seconds and checksums of files with times in them."""
    if path.name == "comparison.csv":
        return pd.read_csv(path).drop(columns=["seconds_per_slice", "training_hours"]).to_csv()
    if path.name == "costs.csv":
        return pd.read_csv(path)[["kind", "name", "fold", "used_by"]].to_csv()
    if path.name == "costs.md":
        return re.sub(r"[\d.]+(e-?\d+)?", "", path.read_text())
    if path.name.startswith("comparison") and path.suffix in (".md", ".tex"):
        return re.search(r"Configuration \w+", path.read_text())[0]
    return re.sub(r"[\d.e-]+(, [\d.e-]+)* h on", "h on", path.read_text())  # hours of training in claim.md


def assert_equal(results: dict, expected: dict) -> None:
    assert results.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, dict):
            assert value.keys() == results[name].keys(), name
            assert all(np.array_equal(value[key], results[name][key], equal_nan=False) for key in value), name
        else:
            assert results[name] == value, name
