"""Runs scripts as processes that are forked from one with the imports done, and kills or stops them at any moment.

A moment is a change that a script is about to make to its output: a file opened to be written, renamed or removed, a
folder made or removed. At the moment asked for the process sends itself a signal: SIGKILL, or SIGSTOP to be let go on.
"""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
SECONDS_TO_HANG = 60


class Server:
    """The process with the imports done."""

    def __init__(self, folder: Path):
        """folder: for what the scripts log."""
        self.folder, self.number = folder, 0
        path = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests/support")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import forked; forked.serve()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip

    def start(self, script: str, *arguments, out: Path, at: int | None = None, sends=signal.SIGKILL) -> "Running":
        """Start workflow/scripts/SCRIPT.py; at the moment `at` of its changes to `out` it sends itself the signal."""
        self.number += 1
        log = self.folder / f"{self.number}-{script}.log"
        words = [str(word) for word in arguments]
        pid = self._ask(script=script, arguments=words, log=str(log), out=str(out), at=at, sends=int(sends))
        return Running(self, pid, log)

    def run(self, *arguments, **more) -> "Running":
        """Start a script and wait for its end."""
        running = self.start(*arguments, **more)
        running.wait()
        return running

    def wait(self, pid: int, stopped: bool = False) -> int:
        """Wait for a process's end, or until it has stopped itself; its exit code, negative for a signal."""
        return self._ask(wait=pid, stopped=stopped)

    def close(self) -> None:
        """End the server and every process that it still has."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _ask(self, **request) -> int:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@dataclass
class Running:
    """A script that was started. code: how it ended."""

    server: Server
    pid: int
    log: Path
    code: int | None = field(default=None, init=False)

    def wait(self, stopped: bool = False) -> "Running":
        self.code = self.server.wait(self.pid, stopped)
        return self

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def moments(self) -> list[str]:
        """Its changes to the output so far: what and the name."""
        return self.log.with_suffix(".moments").read_text().splitlines()


def serve() -> None:
    """Answer requests, a line of JSON each, until standard input ends."""
    import nibabel  # noqa: F401
    import torch._dynamo  # noqa: F401  (the optimizers do)

    from mrsi_sr.lcmodel import scans  # noqa: F401
    from mrsi_sr.training import fold  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], os.WUNTRACED if request["stopped"] else 0)
            answer = -os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                _become(**request)
        print(answer, flush=True)


def _become(script: str, arguments: list[str], log: str, out: str, at: int | None, sends: int) -> None:
    """Turn this process into the script's."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        os.dup2(os.open(log if number else os.devnull, mode | os.O_CREAT | os.O_APPEND), number)
    signal.alarm(SECONDS_TO_HANG)
    trace, count = os.open(str(Path(log).with_suffix(".moments")), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 0

    def watch(event: str, given: tuple) -> None:
        nonlocal count
        changes = event in CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & WRITING)
        if not changes or not str(given[0]).startswith((out, _beside(out))):
            return
        name = Path(str(given[1] if event == "os.rename" else given[0])).name
        name = re.sub("^checkpoint-.*", "checkpoint", name)  # of whatever fingerprint
        os.write(trace, f"{event} {name}\n".encode())
        count += 1
        if count - 1 == at:
            os.kill(os.getpid(), sends)

    sys.addaudithook(watch)
    sys.argv = [f"{script}.py", *arguments]
    code = 0
    try:
        runpy.run_path(str(REPOSITORY / "workflow" / "scripts" / f"{script}.py"), run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    finally:
        os._exit(code)


def _beside(out: str) -> str:
    """How the temporary folders beside an output begin."""
    return f"{Path(out).parent}/."
