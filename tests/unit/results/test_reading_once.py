"""Ten thousand voxel files on a slow file system: each is opened once, by one process, and an archive is streamed."""

import collections
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from clone import REPOSITORY

from mrsi_sr.lcmodel import archives
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan

GRID = REPOSITORY / "tests/data/lcmodel/grid"
SHAPE = (5, 6, 2)

# Writes what the script opened, and every process that it started, when it ends.
WATCHED = """
import json, os, runpy, sys, atexit
out, script, *sys.argv[1:] = sys.argv[1:]
opened, started = [], []
def watch(event, given):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(given[0], str):
        opened.append(f"{event} {given[0]}")
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn"):
        started.append(str(given[0]))
sys.addaudithook(watch)
sys.argv[0] = script
try:
    runpy.run_path(script, run_name="__main__")
finally:
    with open(out, "w") as file:
        json.dump({"opened": opened, "started": started}, file)
"""


def test_ingest_opens_every_voxel_file_once_in_one_process(tmp_path):
    scan = tmp_path / "scan"
    shutil.copytree(GRID, scan)
    files = sorted(scan.rglob("*.table"))
    for file in files[:3]:  # a spectrum beside a good table is not opened, beside a missing one it is
        file.with_suffix(".coord").write_bytes(file.read_bytes())
    missing = files[0]
    missing.unlink()
    words = [
        "--lcmodel", scan, "--pattern", "multivoxel", "--matrix", *SHAPE, "--voxel-mm", 3.4, 3.4, 3.4,
        "--metabolites", "tCr,NAA", "--out", tmp_path / "out",
    ]  # fmt: skip
    script = REPOSITORY / "workflow/scripts/ingest.py"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, tmp_path / "seen.json", script, *map(str, words)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    counts = collections.Counter(place for place in seen["opened"] if str(scan) in place)
    expected = [*files[1:], missing.with_suffix(".coord")]
    listed = [scan, *(path for path in scan.rglob("*") if path.is_dir())]
    assert counts == collections.Counter(
        [*(f"os.scandir {folder}" for folder in listed), *(f"open {file}" for file in expected)]
    )
    assert set(map(os.path.basename, seen["started"])) <= {"git", "uname"}  # for the record: revision and processor


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_an_archive_is_read_in_one_pass_from_start_to_end(ending, tmp_path, monkeypatch):
    path = tmp_path / f"scan{ending}"
    with tarfile.open(path, "w:gz" if ending.endswith("gz") else "w") as archive:
        archive.add(GRID, "grid")
    opened = []

    class Pipe:
        """In place of the path: opens it so that it can only be read on, as a pipe is, and counts the bytes."""

        def __init__(self, path):
            self.path = path

        def open(self, mode, buffering):
            opened.append(file := OnwardOnly(self.path))
            return archives.io.BufferedReader(file, buffering)

    class OnwardOnly(archives.io.FileIO):
        taken = 0

        def readinto(self, buffer):
            read = super().readinto(buffer)
            self.taken += read
            return read

        def seekable(self):
            return False

        def seek(self, *_):
            raise AssertionError("an archive is read on, never back")

    with monkeypatch.context() as patched:
        patched.setattr(archives, "Path", Pipe)
        fits = read_scan(path, voxel_names("multivoxel", SHAPE, ""), ["tCr"], np.eye(4))[0]
    assert [file.taken for file in opened] == [Path(path).stat().st_size]
    folder = read_scan(GRID, voxel_names("multivoxel", SHAPE, ""), ["tCr"], np.eye(4))[0]
    assert np.array_equal(fits.concentration["tCr"], folder.concentration["tCr"], equal_nan=True)
