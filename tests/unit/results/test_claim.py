"""The newest run owns an output folder, and an older one writes nothing more there."""

import json
import os
import re
import time

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results import claim as claims
from mrsi_sr.results import files


def test_a_claim_says_who_works_and_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with claims.taken(tmp_path / "out") as claim:
        claim.beat(3, 8, "iterations")
        found = claims.read(tmp_path / "out")
        assert (found.done, found.total, found.what, found.slurm_job) == (3, 8, "iterations", "17")
        assert found.host == files.HOST and f"process {os.getpid()} on {files.HOST}, Slurm job 17" in str(found)
        os.utime(tmp_path / "out" / "claim", (time.time() - 100,) * 2)
        assert 100 <= claims.read(tmp_path / "out").age_seconds < 200
    assert claims.read(tmp_path / "out") is None


def test_a_folder_that_stays_empty_goes_with_its_claim_and_a_full_one_stays(tmp_path):
    for name, files_kept in (("empty", []), ("full", ["x"])):
        with claims.taken(tmp_path / name) as claim:
            for file in files_kept:
                (claim.folder / file).touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "x"]


def test_the_newer_run_owns_the_folder_and_the_older_writes_nothing_more(tmp_path):
    with claims.taken(tmp_path) as older:
        with claims.taken(tmp_path) as newer:
            message = re.escape(f"was taken over by process {os.getpid()} on {files.HOST}")
            with pytest.raises(UserError, match=message):
                older.check()
            with pytest.raises(UserError, match=message), older.writing(tmp_path / "result") as temporary:
                temporary.touch()
            with pytest.raises(UserError, match=message):
                older.beat(1, 2, "iterations")
            newer.check()
            with newer.writing(tmp_path / "result") as temporary:
                temporary.write_text("newer")
        assert (tmp_path / "result").read_text() == "newer"
        with pytest.raises(UserError, match="by another run, which is over"):
            older.check()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_an_older_run_neither_beats_over_nor_releases_a_newer_claim(tmp_path):
    """Also when the newer one comes between its check and its beat."""
    older, newer = claims.Held(tmp_path), claims.Held(tmp_path)
    older._write()
    older.release()
    newer.check()
    newer.release()
    assert not list(tmp_path.glob("*"))


def test_a_killed_runs_claim_is_no_obstacle(tmp_path, caplog):
    held = claims.Held(tmp_path)  # and never released
    with claims.taken(tmp_path) as claim:
        claim.check()
    assert f"is taken over from process {os.getpid()}" in caplog.text
    held.release()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"host": "x"})])
def test_what_is_no_claim_is_read_as_none(content, tmp_path):
    (tmp_path / "claim").write_text(content)
    assert claims.read(tmp_path) is None
