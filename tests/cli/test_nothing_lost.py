"""Nothing is lost and nothing half-written counts: kill -9 at any moment, SIGTERM, a newer run, a full disk."""

import json
import os
import random
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import forked
import numpy as np
import pytest
import tiny_cohort
import torch
from damage import flip
from tiny_cohort import DENOISER

from mrsi_sr.results.outputs import MARK

GRID = Path(__file__).parents[1] / "data/lcmodel/grid"
NETWORK = (DENOISER | {"iterations": 6, "validate_every": 3}).plain()
MEASURED = {"provenance.json", "training.json", MARK}  # duration and time of day differ between equal runs


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = forked.Server(tmp_path_factory.mktemp("logs"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """One participant to train on, and two to test with."""
    folder = tmp_path_factory.mktemp("cohort")
    paths = tiny_cohort.write(folder)
    folds = folder / "two_to_test.csv"
    folds.write_text("participant,fold,part\nsub-1,1,train\nsub-2,1,test\nsub-3,1,test\n")
    return paths | {"two_to_test": folds}


class Script:
    """One of the scripts on its toy input, and what it leaves when nothing happens to it."""

    def __init__(self, server: forked.Server, name: str, arguments: list, whole: Path):
        self.server, self.name, self.arguments = server, name, arguments
        done = self.run(whole)
        assert done.code == 0, done.said
        self.moments, self.expected = done.moments, contents(whole)

    def start(self, out: Path, *changes, at: int | None = None, sends=signal.SIGKILL) -> forked.Running:
        words = [*self.arguments, "--out", out, *changes]  # argparse takes the last of a flag given twice
        return self.server.start(self.name, *words, out=out, at=at, sends=sends)

    def run(self, out: Path, *changes, **more) -> forked.Running:
        return self.start(out, *changes, **more).wait()

    def moment(self, change: str) -> int:
        """The first moment that is this change."""
        return self.moments.index(change)

    def check_whole(self, out: Path) -> None:
        """Just the files of the run that nothing happened to, of the same bits, and nothing beside them."""
        assert contents(out) == self.expected
        assert [path.name for path in out.parent.iterdir()] == [out.name]


def contents(folder: Path) -> dict:
    return {path.name: content(path) for path in folder.iterdir()}


def content(path: Path):
    if path.name in MEASURED:
        return "measured"
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name].tobytes() for name in arrays if name != "cost"}
    return path.read_bytes()


@pytest.fixture(scope="module")
def train(server, cohort, tmp_path_factory):
    arguments = [
        "--settings", json.dumps(NETWORK), "--slices", *cohort["slices"], "--folds", cohort["folds"], "--fold", 1,
        "--protocol", "clean", "--sizes", "4,8", "--checkpoint-every", 2, "--device", "cpu", "--threads", 1,
    ]  # fmt: skip
    return Script(server, "train", arguments, tmp_path_factory.mktemp("train") / "whole")


@pytest.fixture(scope="module")
def sample(server, cohort, tmp_path_factory):
    settings = {"sampler": {"kind": "zero_filled"}}
    arguments = [
        "--method", "zero_filled", "--settings", json.dumps(settings), "--slices", *cohort["slices"],
        "--low-resolution", *cohort["low_resolution"], "--folds", cohort["two_to_test"], "--fold", 1, "--protocol",
        "clean", "--sizes", "4,8", "--device", "cpu", "--threads", 1,
    ]  # fmt: skip
    return Script(server, "sample", arguments, tmp_path_factory.mktemp("sample") / "whole")


@pytest.fixture(scope="module")
def ingest(server, tmp_path_factory):
    arguments = [
        "--lcmodel", GRID, "--pattern", "multivoxel", "--matrix", 5, 6, 2, "--voxel-mm", 3.4, 3.4, 3.4,
        "--metabolites", "tCr,NAA",
    ]  # fmt: skip
    return Script(server, "ingest", arguments, tmp_path_factory.mktemp("ingest") / "whole")


SCRIPTS = ("train", "sample", "ingest")


@pytest.fixture
def script(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("script", SCRIPTS, indirect=True)
def test_killed_at_any_change_it_makes_a_script_ends_with_the_same_bits(script, tmp_path):
    """Twice in a row, at moments drawn at random, then left alone."""
    draw = random.Random(1)
    for first in sorted(draw.sample(range(len(script.moments)), min(10, len(script.moments)))):
        out = tmp_path / f"{first}" / "out"
        for moment in (first, draw.randrange(len(script.moments))):
            if script.run(out, at=moment).code != -signal.SIGKILL:
                break  # less was left to do than that many changes
            if (out / "provenance.json").exists():
                assert contents(out).items() >= script.expected.items()
        done = script.run(out)
        assert done.code == 0, done.said
        script.check_whole(out)


def test_killed_at_any_time_training_ends_with_the_same_bits(train, tmp_path):
    draw = random.Random(2)
    for _ in range(3):
        running = train.start(tmp_path / "out")
        time.sleep(draw.uniform(0.1, 0.4))
        os.kill(running.pid, signal.SIGKILL)  # where it has ended by itself: it is not waited for yet
        running.wait()
    assert train.run(tmp_path / "out").code == 0
    train.check_whole(tmp_path / "out")


@pytest.mark.parametrize("script", ["train", "sample"], indirect=True)
def test_what_is_there_is_not_computed_again(script, tmp_path):
    out = tmp_path / "out"
    assert script.run(out).code == 0
    (out / "provenance.json").unlink()  # as Snakemake does before it runs a job
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    done = script.run(out)
    assert done.code == 0
    assert (
        "already contains this trained network; skipping" in done.said
        or done.said.count("is sampled already; skipping") == 2
    )
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times
    script.check_whole(out)
    changes = {"train": ["--seed", 9], "sample": ["--sizes", "4"]}
    assert script.run(out, *changes[script.name]).code == 0
    assert contents(out) != script.expected


@pytest.mark.parametrize("name", ["training.json", "best.safetensors", "sub-2.npz"])
def test_what_is_there_and_damaged_is_computed_again(name, request, tmp_path):
    """Where Snakemake has deleted the record before it runs the job again, too."""
    script, out = request.getfixturevalue("sample" if name.endswith(".npz") else "train"), tmp_path / "out"
    assert script.run(out).code == 0
    for with_record in (True, False):
        flip(out / name, 0.9 if name.endswith(".safetensors") else 0.5, bit=0)
        if not with_record:
            (out / "provenance.json").unlink()
        done = script.run(out)
        assert done.code == 0 and f"{name} is damaged, or was changed" in done.said and "again" in done.said
        script.check_whole(out)


def test_a_damaged_checkpoint_is_not_resumed(train, tmp_path):
    """Where its ZIP archive can still be read and torch, which looks at no CRC, would take it."""
    out = tmp_path / "out"
    assert train.run(out, at=train.moment("os.rename checkpoint") + 1).code == -signal.SIGKILL
    (checkpoint,) = out.glob("checkpoint-*")
    with zipfile.ZipFile(checkpoint) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    flip(checkpoint, (largest.header_offset + 500) / checkpoint.stat().st_size)
    done = train.run(out)
    assert "training starts anew" in done.said and "is damaged" in done.said
    train.check_whole(out)


@pytest.mark.parametrize("change", ["nothing", "iteration", "moments", "best"])
def test_a_checkpoint_of_other_content_is_one_message(change, train, tmp_path):
    """The right fingerprint, and not a state of this training."""
    out = tmp_path / "out"
    assert train.run(out, at=train.moment("os.rename checkpoint") + 1).code == -signal.SIGKILL
    (checkpoint,) = out.glob("checkpoint-*")
    state = torch.load(checkpoint, weights_only=True)
    run = state["run"]
    match change:
        case "nothing":
            run.clear()
        case "iteration":
            run["iteration"] = 7
        case "moments":
            run["optimizer"][0]["exp_avg"] = torch.zeros(3)
        case "best":
            run["best"] = {"loss": 1.0, "iteration": 2, "weights": {"other": torch.zeros(3)}}
    torch.save(state, checkpoint)
    done = train.run(out)
    assert done.code == 2 and "Traceback" not in done.said
    assert "cannot be read as the checkpoint of this training" in done.said and "delete it" in done.said


def test_results_that_are_being_replaced_count_no_more(train, tmp_path):
    """Killed between any two of its files, a run leaves nothing that another configuration takes for its own."""
    other = ["--seed", 9]
    for name in ("losses.csv", "training.json", "best.safetensors", "last.safetensors"):
        out = tmp_path / name / "out"
        assert train.run(out, *other).code == 0
        before = contents(out)
        assert train.run(out, at=train.moment(f"os.rename {name}") + 1).code == -signal.SIGKILL
        assert "provenance.json" not in contents(out)
        assert train.run(out, *other).code == 0
        assert contents_of(out) == before


def test_a_second_run_of_the_same_training_takes_over(train, tmp_path):
    out = tmp_path / "out"
    older = train.start(out, at=train.moment("os.rename checkpoint") + 1, sends=signal.SIGSTOP).wait(stopped=True)
    newer = train.run(out)
    assert newer.code == 0 and f"taken over from process {older.pid}" in newer.said
    assert "resuming at iteration 2 of 6" in newer.said
    os.kill(older.pid, signal.SIGCONT)
    assert older.wait().code == 2
    assert "was taken over by another run" in older.said and "Traceback" not in older.said
    train.check_whole(out)


@pytest.mark.parametrize("change", ["os.rename checkpoint", "os.rename losses.csv", "os.rename last.safetensors"])
def test_a_newer_run_of_another_configuration_wins_wherever_the_older_one_is(change, train, tmp_path):
    out = tmp_path / "out"
    at = train.moment(change) - 1  # the name is about to be given
    older = train.start(out, "--seed", 9, at=at, sends=signal.SIGSTOP).wait(stopped=True)
    at = train.moment("os.rename checkpoint") + 1
    newer = train.start(out, at=at, sends=signal.SIGSTOP).wait(stopped=True)
    os.kill(older.pid, signal.SIGCONT)
    assert older.wait().code == 2
    assert f"was taken over by process {newer.pid}" in older.said
    os.kill(newer.pid, signal.SIGCONT)
    assert newer.wait().code == 0
    assert contents_of(out) == train.expected


def test_an_interrupted_run_resumes_after_another_configuration_had_its_turn(train, tmp_path):
    out, other = tmp_path / "out", ["--seed", 9]
    assert train.run(out, at=train.moment("os.rename checkpoint") + 1).code == -signal.SIGKILL
    assert "is kept for those" in train.run(out, *other).said
    again = train.run(out)
    assert "resuming at iteration 2 of 6" in again.said
    train.check_whole(out)


def test_an_older_sampling_adds_nothing_to_a_newer_ones_folder(sample, tmp_path):
    out, at = tmp_path / "out", sample.moment("os.rename sub-3.npz") - 1
    older = sample.start(out, "--sizes", "4", at=at, sends=signal.SIGSTOP).wait(stopped=True)
    assert sample.run(out).code == 0
    os.kill(older.pid, signal.SIGCONT)
    assert older.wait().code == 2 and "was taken over by another run" in older.said
    sample.check_whole(out)


def test_sigterm_saves_the_checkpoint_of_the_running_iteration(train, tmp_path):
    out = tmp_path / "out"
    running = train.start(out, at=train.moment("os.rename checkpoint"), sends=signal.SIGSTOP).wait(stopped=True)
    os.kill(running.pid, signal.SIGTERM)
    os.kill(running.pid, signal.SIGCONT)
    assert running.wait().code == 128 + signal.SIGTERM
    assert f"stopped by SIGTERM after iteration 3 of 6\n  the same again resumes from {out}/checkpoint" in running.said
    assert sorted(path.name.split("-")[0] for path in out.iterdir()) == [MARK, "checkpoint"]
    again = train.run(out)
    assert again.code == 0 and "resuming at iteration 3 of 6" in again.said
    train.check_whole(out)


def test_sigterm_keeps_the_participants_that_are_sampled(sample, tmp_path):
    out = tmp_path / "out"
    running = sample.start(out, at=sample.moment("os.rename sub-3.npz"), sends=signal.SIGSTOP).wait(stopped=True)
    os.kill(running.pid, signal.SIGTERM)
    os.kill(running.pid, signal.SIGCONT)
    assert running.wait().code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in running.said and "Traceback" not in running.said
    assert "sub-2.npz" in contents(out) and "provenance.json" not in contents(out)
    again = sample.run(out)
    assert again.code == 0 and "sub-2 is sampled already; skipping" in again.said
    sample.check_whole(out)


@pytest.fixture
def disk(tmp_path):
    """A file system of two pages, which `resize` makes larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system of a chosen size can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("script", SCRIPTS, indirect=True)
def test_a_full_disk_is_one_message_and_with_room_the_same_again_succeeds(script, disk):
    out, fails = disk / "out", 0
    for kilobytes in (8, 24, 120, 250, 400, 1000, 4000):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)
        done = script.run(out)
        if done.code == 0:
            break
        fails += 1
        assert done.code == 2 and "Traceback" not in done.said, done.said
        assert "No space left on device\n  the disk is full: make room, and run the same again" in done.said
        assert str(out) in done.said
        assert not list(disk.rglob("provenance.json")) and {path.name for path in disk.rglob(".*")} <= {MARK}
        assert {name: held for name, held in script.expected.items() if name in contents_of(out)} == contents_of(out)
    assert fails and done.code == 0, done.said
    script.check_whole(out)


def contents_of(out: Path) -> dict:
    """What lies there but for checkpoints; nothing where there is no folder."""
    found = contents(out) if out.exists() else {}
    return {name: held for name, held in found.items() if not name.startswith("checkpoint")}


def test_a_folder_that_may_not_be_written_is_named(ingest, tmp_path):
    (tmp_path / "file").touch()
    done = ingest.run(tmp_path / "file" / "out")
    assert done.code == 2 and "Traceback" not in done.said
    assert f"{tmp_path}/file: File exists\n  mend that, and run the same again" in done.said
