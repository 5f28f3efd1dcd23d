"""A site whose sinfo does not answer is told at the start, where a partition is needed."""

from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.slurm import check_partition


def job(rule: str, partition: str = "", local: bool = False) -> SimpleNamespace:
    resources = {"slurm_partition": partition} if partition else {}
    return SimpleNamespace(rule=SimpleNamespace(name=rule), is_local=local, resources=resources)


@pytest.fixture
def sinfo(tmp_path, monkeypatch):
    """A function that puts a program of that name into the only folder of PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def install(script: str) -> None:
        program = tmp_path / "sinfo"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1", "Unable to contact"),
        ("exit 3", "exit code 3"),
        ("exec sleep 60", "no answer within 0.2 seconds"),
    ],
)
def test_without_a_partition_a_sinfo_that_fails_ends_the_start_with_what_to_set(sinfo, script, said):
    sinfo(script)
    with pytest.raises(UserError, match="no partition is set for ingest, and sinfo") as error:
        check_partition([job("ingest"), job("train", "gpu"), job("folds", local=True)], 0.2)
    assert said in str(error.value) and "slurm_partition" in str(error.value)


def test_jobs_with_a_partition_and_jobs_that_run_here_need_no_sinfo(sinfo):
    sinfo("exit 1")
    check_partition([job("ingest", "cpu"), job("folds", local=True)])
    check_partition([])


def test_a_sinfo_that_answers_is_enough(sinfo):
    sinfo("echo PARTITION; echo 'cpu*'")
    check_partition([job("ingest")])
