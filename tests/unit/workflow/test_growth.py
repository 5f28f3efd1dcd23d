"""Law of the plan: its work grows in proportion to the participants."""

import copy
import sys
from types import SimpleNamespace

from mrsi_sr.workflow import participants, start
from mrsi_sr.workflow.plan import Plan

OF_A_PARTICIPANT = ("ingest", "mask", "montage", "slices", "truncate")


def planned(raw: dict, rows: list[dict[str, str]]) -> None:
    """What Snakemake asks the plan for: targets, and files and parameters of each job."""
    plan = Plan(raw, rows)
    start.absent(plan)
    plan.check_against_cohort()
    for targets in (plan.tables, plan.all_slices, plan.montages, plan.checks):
        targets()
    for name in plan.scans:
        job = SimpleNamespace(cohort=plan.cohort.name, participant=name)
        for rule in OF_A_PARTICIPANT:
            plan.lineage(rule)(job)
            plan.code_hash(rule)(job)
        for asked in (plan.scan_files, plan.ingest_flags, plan.cohort_sizes, plan.files("t1", "flair")):
            asked(job)
    for name, experiment in plan.configuration.experiments.items():
        for method in experiment.methods:
            job = SimpleNamespace(experiment=name, fold="1", method=method)
            for asked in (plan.slices, plan.low_resolution, plan.lineage("sample"), plan.lineage("evaluate")):
                asked(job)


def calls(raw: dict, number: int) -> int:
    """Number of function calls of a plan for so many participants."""
    rows = [
        participants.EMPTY
        | {"participant": f"p{k:03d}", "lcmodel": f"{k}/lcmodel", "t1": f"{k}/t1", "flair": f"{k}/fl"}
        for k in range(number)
    ]
    count = 0

    def counted(frame, event: str, argument) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        planned(copy.deepcopy(raw), rows)
    finally:
        sys.setprofile(None)
    return count


def test_the_work_of_a_plan_grows_in_proportion_to_the_participants(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw["cohort"] = {"name": "mine", "participants": "participants.tsv"}
    calls(raw, 5)  # what is computed once per process
    few, more, most = (calls(raw, number) for number in (5, 10, 20))
    assert most - more <= 2.1 * (more - few)
