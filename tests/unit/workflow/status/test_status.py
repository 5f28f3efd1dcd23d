"""The table of method x fold, the causes in few words and the costs, of plans made by hand."""

import json
from types import SimpleNamespace

import pytest

from mrsi_sr.results.ownership import Owner
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.status.report import DryRun, Job, Status, folds_in_words, in_words, seconds_of


@pytest.fixture
def configuration(raw) -> Configuration:
    raw["experiments"]["toy"]["folds"]["run"] = [1, 2]
    return Configuration.resolve(raw)


class Jobs:
    """Three jobs for each fold: train, sample and evaluate ddpm. `change` says how one differs from a fresh one."""

    def __init__(self):
        self.jobs = []
        for fold in ("1", "2"):
            for rule, named in (("train", "network"), ("sample", "method"), ("evaluate", "method")):
                wildcards = {"experiment": "toy", "fold": fold, named: "ddpm"}
                above = frozenset() if rule == "train" else frozenset([len(self.jobs) - 1])
                self.jobs.append(Job(rule, wildcards, needed=False, missing=False, above=above))

    def change(self, rule: str, fold: int, **facts) -> None:
        position = self.position(rule, fold)
        self.jobs[position] = Job(**vars(self.jobs[position]) | {"needed": True} | facts)

    def position(self, rule: str, fold: int) -> int:
        return next(k for k, job in enumerate(self.jobs) if (job.rule, job.wildcards["fold"]) == (rule, str(fold)))


@pytest.fixture
def planned():
    return Jobs()


def owner(age_seconds: float, done: int = 1200) -> Owner:
    return Owner(
        token="x", host="gpu07", pid=1, slurm_job="4711", started="2026-01-01 10:00:00", done=done, total=5000,
        what="iterations", age_seconds=age_seconds,
    )  # fmt: skip


def cells(configuration, planned, **facts) -> list[str]:
    """The row of ddpm."""
    table = Status(DryRun(configuration, planned.jobs), **facts).table("toy").splitlines()
    row = next(line for line in table if line.startswith("ddpm"))
    return [cell.strip() for cell in row.split("  ")[1:] if cell]


def test_what_is_up_to_date_is_fresh_and_a_method_without_jobs_is_not_planned(configuration, planned):
    status = Status(DryRun(configuration, planned.jobs))
    assert cells(configuration, planned) == ["fresh", "fresh"]
    assert "not planned" in next(line for line in status.table("toy").splitlines() if line.startswith("munet"))
    assert status.report().endswith("Everything is up to date.\n")


def test_where_nobody_is_tested_the_table_has_the_networks(raw, planned):
    raw["experiments"]["toy"] |= {"tables": {}, "figures": {}}
    raw["experiments"]["toy"]["folds"] |= {"run": [1, 2], "test": False}
    planned.jobs = [job for job in planned.jobs if job.rule == "train"]
    planned.change("train", 2)
    configuration = Configuration.resolve(raw)
    assert cells(configuration, planned) == ["fresh", "stale (train)"]
    assert "zero_filled" not in Status(DryRun(configuration, planned.jobs)).table("toy")


def test_a_cell_says_from_which_stage_on_scores_are_made_again_or_for_the_first_time(configuration, planned):
    for rule in ("train", "sample", "evaluate"):
        planned.change(rule, 1)
    planned.change("sample", 2, missing=True)
    planned.change("evaluate", 2, missing=True)
    assert cells(configuration, planned) == ["stale (train)", "missing (sample)"]


def test_scores_are_stale_not_missing_where_only_something_before_them_is_missing(configuration, planned):
    planned.change("sample", 1, missing=True)
    planned.change("evaluate", 1)
    assert cells(configuration, planned)[0] == "stale (sample)"


def test_a_run_that_is_heard_of_is_running_and_a_silent_one_interrupted(configuration, planned):
    for fold in (1, 2):
        for rule in ("train", "sample", "evaluate"):
            planned.change(rule, fold, missing=True)
    owners = {planned.position("train", 1): owner(12), planned.position("train", 2): owner(3600)}
    assert cells(configuration, planned, owners=owners) == ["running 1200/5000", "interrupted 1200/5000"]
    report = Status(DryRun(configuration, planned.jobs), owners=owners).report()
    assert "train ddpm, fold 1: 1200/5000 iterations, on gpu07, Slurm job 4711, last heard of 12 s ago" in report


def test_the_file_of_a_silent_run_beside_a_fresh_result_says_nothing(configuration, planned):
    assert cells(configuration, planned, owners={0: owner(3600)}) == ["fresh", "fresh"]


def test_one_cause_is_one_line_with_all_its_folds(configuration, planned):
    for fold in (1, 2):
        planned.change("train", fold, causes=("networks.ddpm.learning_rate: 1 -> 2",))
    assert Status(DryRun(configuration, planned.jobs)).causes() == [
        "networks.ddpm.learning_rate: 1 -> 2  (train ddpm, folds 1-2)"
    ]


def test_a_cause_is_not_said_again_of_what_follows(configuration, planned):
    planned.change("train", 1, causes=("src/a.py changed",))
    planned.change("sample", 1, causes=("src/a.py changed", "src/b.py changed"))
    assert Status(DryRun(configuration, planned.jobs)).causes() == [
        "src/a.py changed  (train ddpm, fold 1)",
        "src/b.py changed  (sample ddpm, fold 1)",
    ]


def test_modules_that_strike_the_same_jobs_share_a_line(configuration, planned):
    planned.change("sample", 1, causes=("src/a.py changed", "src/b.py changed"))
    assert Status(DryRun(configuration, planned.jobs)).causes() == [
        "src/a.py, src/b.py changed  (sample ddpm, fold 1)",
    ]


def test_many_jobs_are_counted_not_named(configuration, planned):
    names = ("a", "b", "c", "d", "e")
    jobs = [Job("ingest", {"participant": name}, needed=True, missing=False) for name in names]
    assert Status(DryRun(configuration, planned.jobs)).called(jobs) == "ingest (5 jobs)"
    assert Status(DryRun(configuration, planned.jobs)).called(jobs[:2]) == "ingest a, b"


def test_a_cost_is_the_jobs_own_time_else_the_mean_of_the_other_folds_else_unknown(configuration, planned):
    planned.change("train", 1)
    status = Status(DryRun(configuration, planned.jobs), seconds={planned.position("train", 2): 600.0})
    assert status.expected_seconds(planned.position("train", 1)) == 600
    assert status.expected_seconds(planned.position("sample", 1)) is None
    status.seconds[planned.position("train", 1)] = 300.0
    assert status.expected_seconds(planned.position("train", 1)) == 300


def test_of_an_interrupted_training_only_the_rest_is_to_do(configuration, planned):
    position = planned.position("train", 1)
    planned.change("train", 1)
    status = Status(
        DryRun(configuration, planned.jobs), owners={position: owner(3600, done=4000)}, seconds={position: 1000.0}
    )
    assert status.expected_seconds(position) == pytest.approx(200)


def test_the_costs_count_what_is_unknown(configuration, planned):
    for rule in ("train", "sample"):
        planned.change(rule, 1)
    status = Status(DryRun(configuration, planned.jobs), seconds={planned.position("train", 1): 7200.0})
    assert status.costs() == [
        "train   1 job  2.0 h",
        "sample  1 job  1 of unknown length",
        "one after the other: 2.0 h and 1 of unknown length",
    ]


def test_timings_come_from_provenance_and_an_unreadable_one_is_named(configuration, planned, tmp_path):
    record = tmp_path / "provenance.json"
    planned.change("train", 1, needed=False, outputs=(str(record),))
    position = planned.position("train", 1)
    plan = DryRun(configuration, planned.jobs)

    assert Status.read(plan).seconds == {}
    record.write_text(json.dumps({"training_seconds": 90, "seconds": 5, "settings": {"iterations": 4}}))
    assert Status.read(plan).seconds == {position: 90}
    record.write_text("{")
    report = Status.read(plan).report()
    assert "Provenance that cannot be read" in report
    assert str(record) in report
    for text in ("[]", "{}", '{"seconds": null}'):
        record.write_text(text)
        with pytest.raises(ValueError, match="how many seconds"):
            seconds_of(record)


@pytest.mark.parametrize("key", ["iterations", "epochs"])
def test_a_training_made_ten_times_as_long_is_expected_to_take_ten_times_as_long(key, tmp_path):
    record = tmp_path / "provenance.json"
    record.write_text(json.dumps({"training_seconds": 90, "settings": {key: 4}}))
    network = SimpleNamespace(**{"iterations": None, "epochs": None} | {key: 40})
    assert seconds_of(record, network) == 900


@pytest.mark.parametrize(
    ("folds", "words"),
    [([], ""), ([3], "fold 3"), ([1, 2, 3, 5], "folds 1-3,5"), ([5, 1], "folds 1,5"), ([9, 10], "folds 9-10")],
)
def test_folds_in_words(folds, words):
    assert folds_in_words(folds) == words


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (2100, "35 min"), (19080, "5.3 h")])
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words
