"""How a script ends: one message and an exit code, whatever the system does."""

import os
import signal
import subprocess
import sys

import pytest

from mrsi_sr.cli import UserError, stop_noted, whole_numbers

START = """
import argparse, errno, os, signal
from mrsi_sr.cli import log, run
def main(arguments):
    {body}
run(main, argparse.ArgumentParser(prog="x.py"))
"""


def script(body: str, **how) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", START.format(body=body), *how.pop("flags", [])], text=True, **how)


@pytest.mark.parametrize(
    ("number", "to_do"),
    [
        ("ENOSPC", "the disk is full: make room, and run the same again"),
        ("EDQUOT", "your quota is used up: make room, and run the same again"),
        ("EACCES", "look at the permissions of the file and of the folders above it, and run the same again"),
        ("EISDIR", "mend that, and run the same again"),
    ],
)
def test_what_the_system_refuses_is_one_message_with_what_to_do(number, to_do):
    done = script(f"raise OSError(errno.{number}, os.strerror(errno.{number}), 'some/file')", capture_output=True)
    assert done.returncode == 2
    assert done.stderr.startswith("x.py: some/file: ") and done.stderr.endswith(f"\n  {to_do}\n")


def test_a_mistyped_option_is_named_with_the_nearest_before_the_one_that_is_missing():
    body = """pass
parser = argparse.ArgumentParser(prog="x.py")
parser.add_argument("--settings", required=True)
run(main, parser)
import sys; sys.exit(0)
"""
    done = script(body, flags=["--setings", "{}"], capture_output=True)
    assert done.returncode == 2
    assert done.stderr.endswith("x.py: error: unknown argument --setings: did you mean --settings?\n")


KILL = "os.kill(os.getpid(), signal.SIGTERM); raise AssertionError('not reached')"


def test_sigterm_is_said_and_ends_with_143():
    done = script(KILL, capture_output=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr == "x.py: stopped by SIGTERM; the same again goes on with what is finished\n"


def test_the_exit_code_is_the_same_where_nobody_reads_the_log():
    """Slurm ends all processes of a job at once, also the `tee` that a rule's output goes through."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = script(f"log.info('to nobody'); {KILL}", stdout=writer, stderr=writer)
    finally:
        os.close(writer)
    assert done.returncode == 128 + signal.SIGTERM


def test_a_noted_sigterm_stops_nothing_and_the_next_one_is_as_before():
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append("outside"))
    try:
        with stop_noted() as stop:
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop() and not came
        os.kill(os.getpid(), signal.SIGTERM)
        assert came == ["outside"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_whole_numbers_are_read_in_order_and_other_words_refused():
    assert whole_numbers("--sizes", "32,8,16,8") == [8, 16, 32]
    for bad in ("8,x", "", "8.0"):
        with pytest.raises(UserError, match=f"--sizes is '{bad}'"):
            whole_numbers("--sizes", bad)
