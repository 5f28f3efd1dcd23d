"""Snakemake's records lie with the results, and two workflows do not write there at once."""

import subprocess
import sys

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import records

HOLD = "from mrsi_sr.workflow.records import *; keep_with_results(); lock_results(); print('held', flush=True); input()"


def test_records_written_where_snakemake_writes_them_lie_in_the_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        records.keep_with_results()
    (tmp_path / ".snakemake/metadata/x").write_text("record")
    assert (tmp_path / "results/.snakemake/metadata/x").read_text() == "record"
    (tmp_path / "results").rename(tmp_path / "elsewhere")
    records.keep_with_results()  # results thrown away: new ones are begun
    assert list((tmp_path / ".snakemake/metadata").iterdir()) == []


@pytest.fixture
def other_workflow(tmp_path):
    """A process that holds the results of tmp_path/first."""
    (tmp_path / "first").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=tmp_path / "first", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_results_shared_by_two_clones_have_one_workflow_at_a_time(other_workflow, tmp_path, monkeypatch):
    (tmp_path / "second").mkdir()
    (tmp_path / "second/results").symlink_to(tmp_path / "first/results")
    monkeypatch.chdir(tmp_path / "second")
    records.keep_with_results()
    with pytest.raises(UserError, match=rf"another workflow is writing .*process {other_workflow.pid}, since"):
        records.lock_results()
    other_workflow.kill()
    other_workflow.wait()
    records.lock_results()  # a killed workflow leaves no lock behind
    records._open_locks.pop().close()


def test_results_that_are_a_link_to_an_emptied_disk_are_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to("scratch/mine")
    with pytest.raises(UserError, match=r"results is a link to scratch/mine, which is not there\n  make that folder"):
        records.keep_with_results()
    assert not (tmp_path / ".snakemake").exists()
    (tmp_path / "scratch/mine").mkdir(parents=True)
    records.keep_with_results()
    assert (tmp_path / "scratch/mine/.snakemake/metadata").is_dir()


def test_results_that_cannot_be_written_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").write_text("no folder")
    with pytest.raises(UserError, match=r"results/\.snakemake/metadata cannot be written|results cannot be written"):
        records.keep_with_results()
    (tmp_path / "results").unlink()
    (tmp_path / "results/.snakemake/lock").mkdir(parents=True)
    with pytest.raises(UserError, match=r"results/\.snakemake/lock cannot be written"):
        records.lock_results()
