"""Files and folders appear whole or not at all."""

import errno
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results import files
from mrsi_sr.results.files import checksum, writing, writing_folder

GONE = 2**22 + 1  # above the largest number that Linux gives a process


def test_a_file_that_fails_half_way_does_not_appear(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "x.csv") as path:
        path.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_the_endings(tmp_path):
    with writing(tmp_path / "x.nii.gz") as path:
        assert path.name.endswith(".nii.gz")
        path.write_text("")


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(RuntimeError), writing_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
        raise RuntimeError
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("first", "second"):
        with writing_folder(tmp_path / "out") as folder:
            (folder / name).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_a_checksum_sees_contents_and_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = checksum(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert checksum(tmp_path / "a") != first


def test_the_working_directory_is_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").touch()
    for folder in (".", "..", tmp_path):
        with pytest.raises(UserError, match="working directory"), writing_folder(folder):
            pass
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("write", [writing, writing_folder])
def test_what_killed_processes_left_is_removed_and_what_others_are_writing_is_not(write, tmp_path):
    stale = [f".{files.HOST}.{GONE}.out", ".other-host.7.out"]
    fresh = [f".{files.HOST}.{os.getppid()}.out", f".another-host.{GONE}.out", f".{files.HOST}.{GONE}.other"]
    for name in stale + fresh:
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    two_days_ago = time.time() - 2 * files.SECONDS_TO_STALE
    os.utime(tmp_path / ".other-host.7.out", (two_days_ago, two_days_ago))
    with write(tmp_path / "out") as place:
        if write is writing:
            place.touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*fresh, "out"])


def test_between_an_old_folder_and_a_new_one_there_is_none(tmp_path, monkeypatch):
    """A kill then leaves nothing that counts as whole."""
    (tmp_path / "out").mkdir()
    for name in ("provenance.json", "old"):
        (tmp_path / "out" / name).touch()
    seen = []
    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda place, **_: seen.append(str(place)) or remove(place))
    with writing_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert not any(place.endswith("/out") for place in seen)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


def test_the_folder_of_another_process_that_was_faster_is_replaced_too(tmp_path, monkeypatch):
    replace, faster = Path.replace, iter([True, False])

    def slower(place: Path, target: Path) -> Path:
        if place.name == "new" and next(faster):
            target.mkdir()
            (target / "other").touch()
        return replace(place, target)

    monkeypatch.setattr(Path, "replace", slower)
    with writing_folder(tmp_path / "out") as folder:
        (folder / "mine").touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/mine"]


@pytest.mark.parametrize("write", [writing, writing_folder])
def test_an_error_of_the_system_names_the_file_that_a_person_knows(write, tmp_path):
    for error in (OSError(errno.ENOSPC, "No space left"), None):
        with (
            pytest.raises(OSError, match=re.escape(f"{tmp_path / 'out'}'")) as raised,
            write(tmp_path / "out") as place,
        ):
            if error:
                raise error
            (place / "no folder" / "file").open("w")
        assert str(os.getpid()) not in str(raised.value)
    with pytest.raises(OSError, match=r"input\.csv"), write(tmp_path / "out"):
        (tmp_path / "input.csv").read_text()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [writing, writing_folder])
def test_what_is_named_is_on_the_disk_before(write, tmp_path, monkeypatch):
    """A node that goes down leaves no file that is named and empty."""
    synced, replace = [], Path.replace

    def named(place: Path, target: Path) -> Path:
        assert synced == [7]
        return replace(place, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with write(tmp_path / "out") as place:
        (place / "file" if write is writing_folder else place).write_text("content")
        monkeypatch.setattr(Path, "replace", named)
    assert synced == [7]


def test_a_process_of_somebody_else_is_running(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    others = tmp_path / f".{files.HOST}.{GONE}.out"
    others.touch()
    with writing(tmp_path / "out") as place:
        place.touch()
    assert others.exists()


def test_what_a_process_with_the_same_number_left_is_not_in_a_new_folder(tmp_path):
    left = tmp_path / f".{files.HOST}.{os.getpid()}.out" / "new"
    left.mkdir(parents=True)
    (left / "half").touch()
    with writing_folder(tmp_path / "out") as folder:
        (folder / "whole").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]
