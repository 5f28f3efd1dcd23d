"""The summary of failed jobs blames each participant for its own failure, in the words of its own log or of sbatch."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.jobs import GroupJob, Job
from snakemake.logging import logger

from mrsi_sr.workflow.failures import Failures

RULES = ("ingest", "mask", "montage", "slices", "truncate")
REFUSED = (
    "SLURM sbatch failed. The error message was 'sbatch: error: Batch job submission failed:"
    " Invalid account or account/partition combination specified'.\n"
    "    sbatch call:\n        sbatch --parsable --job-name 'x' --wrap=\"snakemake ...\"\n"
)


class OneJob:
    """A job as Snakemake logs it: the messages are Snakemake's own."""

    get_log_error_info, log_error = Job.get_log_error_info, Job.log_error
    input = output = ()
    conda_env = container_img = None
    shellcmd = "python workflow/scripts/x.py"

    def __init__(self, number: int, rule: str, *wildcards: str):
        workflow = SimpleNamespace(deployment_settings=SimpleNamespace(deployment_method=set()))
        self.jobid, self.rule = number, SimpleNamespace(name=rule)
        self.dag = SimpleNamespace(jobid=lambda job: job.jobid, workflow=workflow)
        self.wildcards_dict = dict(zip("abc", wildcards, strict=False))
        self.log = [f"logs/{'/'.join([rule, *wildcards])}.log"]

    def is_group(self) -> bool:
        return False


class Chain:
    """A participant's jobs as one group, whose name is that of every other participant's."""

    groupid = "participant"

    def __init__(self, first: int, participant: str):
        self.jobs = [OneJob(first + k, rule, participant) for k, rule in enumerate(RULES)]

    def is_group(self) -> bool:
        return True

    def log_error(self, *arguments, **facts) -> None:
        GroupJob.log_error(self, *arguments, **facts)


@pytest.fixture
def failures(tmp_path, monkeypatch):
    """The handler, listening; and what it says is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GroupJob, "log_error", GroupJob.log_error)  # so that it is put back
    handler = Failures()
    said: list[str] = []
    monkeypatch.setattr(logger, "error", _keeping(logger.error, said))
    handler.listen()
    handler.said = said
    yield handler
    logger.removeHandler(handler)


def _keeping(error, said: list[str]):
    def keep(message, *arguments, **more) -> None:
        said.append(str(message))
        error(message, *arguments, **more)

    return keep


def write(path: str, text: str, age_seconds: float = 0) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (file.stat().st_mtime - age_seconds,) * 2)


def summary_of(failures, *failed) -> dict[str, str]:
    """What the summary says of each job, by the first line about it."""
    failures.said.clear()
    failures.summarise(set(failed))
    parts = failures.said[-1].strip().split("\n\n")
    return {part.splitlines()[0]: part for part in parts[1:-1]}


def test_two_participants_that_fail_for_different_reasons_are_each_told_their_own(failures):
    one, other = Chain(1, "sub-01"), Chain(11, "sub-02")
    write("logs/ingest/sub-01.log", "no table for tCho\n", 5)
    write("logs/ingest/sub-02.log", "90 voxels\n", 9)
    write("logs/mask/sub-02.log", "no brain mask\n", 8)
    one.log_error("SLURM-job '7' failed, SLURM status is: 'FAILED'. ", aux_logs=["/logs/7.log"])
    other.log_error("SLURM-job '8' failed, SLURM status is: 'OUT_OF_MEMORY'. ", aux_logs=["/logs/8.log"])
    said = summary_of(failures, one, other)
    assert len(said) == 2
    for title, text in said.items():
        mine, others = ("no table for tCho", "no brain mask") if "sub-01" in title else ("no brain mask", "no table")
        assert mine in text and others not in text
        assert ("OUT_OF_MEMORY" in text) == ("sub-02" in title) and "/logs/" in text


def test_empty_logs_of_jobs_that_were_not_reached_do_not_hide_the_one_that_failed(failures):
    chain = Chain(1, "sub-01")
    write("logs/ingest/sub-01.log", "no table for tCho\n", 60)
    for rule in RULES[1:]:
        write(f"logs/{rule}/sub-01.log", "")
    chain.log_error("SLURM status is: 'FAILED'")
    (text,) = summary_of(failures, chain).values()
    assert "logs/ingest/sub-01.log" in text and "no table for tCho" in text


def test_of_several_attempts_the_last_is_told(failures):
    chain = Chain(1, "sub-01")
    write("logs/ingest/sub-01.log", "killed\n")
    chain.log_error("SLURM status is: 'FAILED'")
    write("logs/ingest/sub-01.log", "done\n", 5)
    write("logs/mask/sub-01.log", "no brain mask\n")
    chain.log_error("SLURM status is: 'TIMEOUT'")
    (text,) = summary_of(failures, chain).values()
    assert "no brain mask" in text and "TIMEOUT" in text and "killed" not in text and "FAILED" not in text


@pytest.mark.parametrize("job", [Chain(1, "sub-01"), OneJob(3, "ingest", "sub-01")], ids=["group", "job"])
def test_where_sbatch_refuses_its_own_words_are_quoted_and_no_earlier_log(failures, job):
    write("logs/ingest/sub-01.log", "all is well\n")
    job.log_error(REFUSED)
    (text,) = summary_of(failures, job).values()
    assert (
        "sbatch refused the job" in text and "  | sbatch: error: Batch job submission failed: Invalid account" in text
    )
    assert "all is well" not in text and "--parsable" not in text


def test_a_job_that_failed_here_is_told_by_its_log(failures):
    job = OneJob(3, "train", "toy", "munet")
    write("logs/train/toy/munet.log", "loss is nan\n")
    job.log_error()
    (text,) = summary_of(failures, job).values()
    assert text == "train toy munet\n  logs/train/toy/munet.log\n  | loss is nan"


def test_a_job_of_which_nothing_was_said_is_told_by_its_log_too(failures):
    chain = Chain(1, "sub-01")
    write("logs/slices/sub-01.log", "too few slices\n")
    (text,) = summary_of(failures, chain).values()
    assert "too few slices" in text


def test_what_was_stopped_by_hand_has_no_summary(failures):
    failures.summarise(set())
    assert failures.said == []
