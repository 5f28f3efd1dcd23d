"""`snakemake status` and `estimate` beside what a dry run says, in a finished toy workflow."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLD = "results/toy/fold-2"


def by_snakemake(clone, configuration, *options, target="status"):
    """What `snakemake status` prints on standard output."""
    done = clone.snakemake(target, "--profile", "profiles/local", *options, "--configfile", configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cell(text, method):
    """The method's state on the only fold."""
    row = next(line for line in text.splitlines() if line.startswith(f"{method} "))
    return row.removeprefix(method).strip()


def by_hand(clone, configuration="toy.yaml"):
    """The finished process of status.py, run in a clone as a person would."""
    return subprocess.run(
        [clone.python, "workflow/scripts/status.py", "--config", configuration],
        cwd=clone.folder, env=os.environ | clone.environment, capture_output=True, text=True,
    )  # fmt: skip


def status(clone, configuration="toy.yaml"):
    done = by_hand(clone, configuration)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment():
    """This environment's Python first, and the package of the clone that one works in."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": "src"}


@contextmanager
def put_aside(path):
    kept = path.with_name(path.name + ".aside")
    shutil.copy2(path, kept)
    try:
        yield
    finally:
        kept.replace(path)


def test_a_finished_workflow_is_fresh_everywhere(finished):
    text = by_snakemake(finished, "toy.yaml")
    assert {cell(text, method) for method in ("zero_filled", "munet", "ddpm")} == {"fresh"}
    assert "Everything is up to date." in text


def test_a_changed_learning_rate_is_named_with_both_values_and_costs_what_it_cost_before(finished):
    toy = (finished.folder / "toy.yaml").read_text()
    (finished.folder / "changed.yaml").write_text(toy.replace("learning_rate: 1.0e-3", "learning_rate: 2.0e-3", 1))
    text = status(finished, "changed.yaml")
    assert cell(text, "munet") == "stale (train)"
    assert cell(text, "ddpm") == "fresh"
    assert "networks.munet.learning_rate: 0.001 -> 0.002  (train munet, fold 2)" in text
    costs = text.split("To do, from earlier timings\n")[1]
    assert "train     1 job" in costs
    assert "unknown" not in costs


def test_an_edited_module_is_named_where_it_strikes_first(finished):
    module = finished.folder / "src" / "mrsi_sr" / "evaluation" / "samples.py"
    with put_aside(module):
        module.write_text(module.read_text() + "\nEDITED = 1\n")
        text = status(finished)
    assert {cell(text, method) for method in ("zero_filled", "munet", "ddpm")} == {"stale (evaluate)"}
    assert text.count("src/mrsi_sr/evaluation/samples.py changed  (evaluate ") == 1


def test_a_removed_result_is_missing_and_what_is_left_is_used(finished):
    metrics = finished.folder / FOLD / "metrics" / "munet.parquet"
    table = finished.folder / "results/toy/tables/comparison.csv"
    with put_aside(metrics), put_aside(table):
        metrics.unlink()
        table.unlink()
        assert cell(status(finished), "munet") == "missing (evaluate)"


def test_a_new_participant_is_named(finished):
    table = finished.folder / "toy_participants.tsv"
    with put_aside(table):
        finished.participants("toy_participants.tsv", 4)
        text = status(finished)
    assert "participants: sub-04 is new" in text
    assert cell(text, "ddpm") == "stale (train)"


@pytest.mark.parametrize(("seconds", "state"), [(5, "running 2/4"), (3600, "interrupted 2/4")])
def test_an_owner_is_running_until_it_has_been_silent_for_long(finished, seconds, state):
    folder = finished.folder / FOLD / "networks" / "munet"
    record = folder / "provenance.json"
    owner = folder / "owner"
    told = {"token": "x", "host": "gpu07", "pid": 1, "slurm_job": "4711", "started": "2026-01-01 10:00:00"}
    owner.write_text(json.dumps(told | {"done": 2, "total": 4, "what": "iterations"}))
    os.utime(owner, (time.time() - seconds,) * 2)
    toy = (finished.folder / "toy.yaml").read_text()
    (finished.folder / "changed.yaml").write_text(toy.replace("learning_rate: 1.0e-3", "learning_rate: 2.0e-3", 1))
    try:
        with put_aside(record):
            text = status(finished, "changed.yaml")
    finally:
        owner.unlink()
    assert cell(text, "munet") == state
    assert "train munet, fold 2: 2/4 iterations, on gpu07, Slurm job 4711" in text


def test_keys_given_on_snakemakes_command_line_count(finished):
    text = by_snakemake(finished, "toy.yaml", "--config", "cohort={unit: mmol}")
    assert "cohort.unit: mM -> mmol" in text


@pytest.mark.slow
def test_estimate_says_what_would_run_from_earlier_timings_and_changes_nothing(finished):
    before = files_of(finished)
    text = by_snakemake(finished, "toy.yaml", "--config", "cohort={unit: mmol}", target="estimate")
    lines = {tuple(line.split()[:2]): line for line in text.splitlines()}
    assert "earlier of munet" in lines["train", "munet"] and "earlier of" in lines["sample", "ddpm"]
    assert "wall time with" in text and "arithmetic" not in text
    assert files_of(finished) == before
    nothing = by_snakemake(finished, "toy.yaml", target="estimate")
    assert "Everything is up to date: nothing would be run." in nothing


def files_of(clone) -> dict[Path, int]:
    """Time of each file of the results, but for Snakemake's own records."""
    paths = (clone.folder / "results").rglob("*")
    return {path: path.stat().st_mtime_ns for path in paths if path.is_file() and ".snakemake" not in path.parts}


def test_without_results_all_is_missing_and_costs_are_unknown(clone):
    text = status(clone, "config/demo.yaml")
    assert cell(text, "ddpm") == "missing (train)"
    assert "train     6 jobs  6 of unknown length" in text


def test_a_scans_missing_file_is_named_and_ends_with_code_2(clone):
    demo = (clone.folder / "config" / "demo_participants.tsv").read_text()
    place = "results/simulated/sub-01/t1.nii.gz"
    assert place in demo
    (clone.folder / "config" / "demo_participants.tsv").write_text(demo.replace(place, "data/absent.nii.gz"))
    done = by_hand(clone, "config/demo.yaml")
    assert done.returncode == 2
    assert "1 file is not there" in done.stderr
    assert "sub-01: t1 data/absent.nii.gz" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_answers_while_a_workflow_runs_in_the_same_folder(clone):
    command = [sys.executable, "-m", "snakemake", "cohort", "--profile", "profiles/local"]
    with subprocess.Popen(
        [*command, "--configfile", "config/demo.yaml"], cwd=clone.folder, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        try:
            while not (clone.folder / "logs" / "simulate").exists():
                assert running.poll() is None
                time.sleep(0.2)
            text = by_snakemake(clone, "config/demo.yaml")
            assert running.poll() is None
        finally:
            os.killpg(running.pid, signal.SIGKILL)
    assert cell(text, "ddpm") == "missing (train)"
