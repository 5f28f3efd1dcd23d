"""The newest run owns an output folder, and an older one writes nothing more there."""

import errno
import json
import os
import re
import time
from pathlib import Path

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results import files, ownership
from mrsi_sr.results.ownership import Owner, Ownership


def test_the_owner_of_a_folder_and_its_progress_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with Ownership(tmp_path / "out") as owned:
        owned.tell(3, 8, "iterations")
        found = Owner.of(tmp_path / "out")
        assert (found.done, found.total, found.what, found.slurm_job) == (3, 8, "iterations", "17")
        assert found.host == files.HOST and f"process {os.getpid()} on {files.HOST}, Slurm job 17" in str(found)
        os.utime(tmp_path / "out" / "owner", (time.time() - 100,) * 2)
        assert 100 <= Owner.of(tmp_path / "out").age_seconds < 200
    assert Owner.of(tmp_path / "out") is None


def test_progress_is_told_every_ten_seconds_and_shorter_words_replace_longer_ones(tmp_path, monkeypatch):
    with Ownership(tmp_path) as owned:
        owned.tell(1, 8, "iterations of a network")
        owned.tell(2, 8, "maps")
        assert Owner.of(tmp_path).done == 1
        monkeypatch.setattr(ownership, "SECONDS_BETWEEN_LINES", 0)
        owned.tell(3, 8, "maps")
        assert (Owner.of(tmp_path).done, Owner.of(tmp_path).what) == (3, "maps")


def test_a_folder_that_stays_empty_is_removed_and_a_full_one_stays(tmp_path):
    for name, files_kept in (("empty", []), ("full", ["x"])):
        with Ownership(tmp_path / name) as owned:
            for file in files_kept:
                (owned.folder / file).touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".result.json", "full", "x"]


def test_the_newer_run_owns_the_folder_and_the_older_writes_nothing_more(tmp_path):
    with Ownership(tmp_path) as older:
        with Ownership(tmp_path) as newer:
            message = re.escape(f"was taken over by process {os.getpid()} on {files.HOST}")
            with pytest.raises(UserError, match=message):
                older.check()
            with pytest.raises(UserError, match=message), older.writing(tmp_path / "result") as temporary:
                temporary.touch()
            with pytest.raises(UserError, match=message):
                older.tell(1, 2, "iterations")
            newer.check()
            with newer.writing(tmp_path / "result") as temporary:
                temporary.write_text("newer")
        assert (tmp_path / "result").read_text() == "newer"
        with pytest.raises(UserError, match="by another run, which is over"):
            older.check()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".result.json", "result"]


def test_an_older_run_neither_overwrites_nor_removes_what_a_newer_one_tells(tmp_path):
    """Also when the newer one comes between its check and its writing."""
    older, newer = Ownership(tmp_path).__enter__(), Ownership(tmp_path).__enter__()
    older._write()
    older.__exit__()
    newer.check()
    newer.__exit__()
    assert not list(tmp_path.glob("*"))


def test_a_killed_run_is_no_obstacle(tmp_path, caplog):
    killed = Ownership(tmp_path).__enter__()  # and never left
    with Ownership(tmp_path) as owned:
        owned.check()
    assert f"is taken over from process {os.getpid()}" in caplog.text
    killed.__exit__()


def test_a_run_shows_signs_of_life_through_a_long_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(ownership, "SECONDS_BETWEEN_SIGNS", 0.05)
    with Ownership(tmp_path):
        os.utime(tmp_path / "owner", (0, 0))
        deadline = time.monotonic() + 10
        while Owner.of(tmp_path).age_seconds > 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_owner_that_cannot_be_read_for_a_moment_is_still_the_owner(tmp_path, monkeypatch):
    def away(*_, **__):
        raise OSError(errno.EIO, "away")

    with Ownership(tmp_path) as owned:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", away)
            patched.setattr(Path, "stat", away)
            owned.check()
        (tmp_path / "owner").unlink()
        with pytest.raises(UserError, match="taken over by another run"):
            owned.check()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"host": "x"})])
def test_what_is_no_owners_file_is_read_as_none(content, tmp_path):
    (tmp_path / "owner").write_text(content)
    assert Owner.of(tmp_path) is None
