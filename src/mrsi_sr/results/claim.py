"""Which run owns an output folder: the newest. An older one stops as soon as it sees that it was taken over.

A job that Slurm has given up may still run when the same is started again, and two workflows may share a results
folder. A run says in the file `claim` who it is and how far it is; the file is rewritten while the run works, so that
its age tells whether it still does. A killed run's claim stays, and the next run takes its place.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from mrsi_sr.cli import SECONDS_BETWEEN_LINES, UserError, log
from mrsi_sr.results import files

NAME = "claim"
SECONDS_BETWEEN_SIGNS = 60  # of life, whether or not a run has come further
_BYTES = 1024  # of the file, filled up with spaces: rewriting it leaves nothing of a longer text before


@dataclass(frozen=True)
class Claim:
    """What a run says of itself: where it runs, since when (local time), how far it is: done of total `what`."""

    token: str
    host: str
    pid: int
    slurm_job: str | None
    started: str
    done: int
    total: int
    what: str
    age_seconds: float  # since it last said so

    def __str__(self) -> str:
        job = f", Slurm job {self.slurm_job}" if self.slurm_job else ""
        return f"process {self.pid} on {self.host}{job}, started {self.started}"


def read(folder: Path) -> Claim | None:
    """The claim on a folder, None where there is none that can be read."""
    try:
        with (folder / NAME).open("rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            return Claim(**json.loads(file.read()), age_seconds=age)
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def taken(folder: Path) -> Iterator["Held"]:
    """Own a folder, which is made where there is none, for as long as the block takes.

    Whoever owned it before stops at its next check. A folder that the block has left empty is removed.
    """
    before = read(folder)
    if before:
        log.warning("%s is taken over from %s", folder, before)
    held = Held(folder)
    try:
        yield held
    finally:
        held.release()


class Held:
    """A claim of this process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._claim = {
            "token": uuid4().hex, "host": files.HOST, "pid": os.getpid(), "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"), "done": 0, "total": 0, "what": "",
        }  # fmt: skip
        self._last_beat = float("-inf")
        self._over = Event()
        with files.writing(folder / NAME) as temporary:
            self._file = temporary.open("wb", buffering=0)
            self._write()
        Thread(target=self._live, daemon=True).start()

    def check(self) -> None:
        """Raise UserError where the folder is another run's by now."""
        if self._is_own():
            return
        other = read(self.folder)
        raise UserError(
            f"{self.folder} was taken over by {other or 'another run, which is over,'}\n"
            "  this older run stops, and writes nothing more there"
        )

    def beat(self, done: int, total: int, what: str) -> None:
        """Say how far the run is, at most every ten seconds. Raises UserError as check does."""
        now = time.monotonic()
        if now - self._last_beat < SECONDS_BETWEEN_LINES:
            return
        self._last_beat = now
        self.check()
        self._claim |= {"done": done, "total": total, "what": what}
        with suppress(OSError):  # a sign of life is no reason to stop
            self._write()

    @contextmanager
    def writing(self, path: str | Path) -> Iterator[Path]:
        """As files.writing, but the file does not appear where the folder is another run's by then."""
        with files.writing(path) as temporary:
            yield temporary
            self.check()

    def release(self) -> None:
        """Give the folder up: the claim goes, unless it is another run's."""
        self._over.set()
        if self._is_own():
            (self.folder / NAME).unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                self.folder.rmdir()
        self._file.close()

    def _live(self) -> None:
        """Show that the process lives, also through an hour's batch or validation between two beats."""
        while not self._over.wait(SECONDS_BETWEEN_SIGNS):
            with suppress(OSError, ValueError):  # ValueError: released just now
                os.utime(self._file.fileno())

    def _is_own(self) -> bool:
        """Whether the claim that lies there is this one. One that cannot be read just now counts as such."""
        found = read(self.folder)
        if found:
            return found.token == self._claim["token"]
        try:
            (self.folder / NAME).stat()
        except FileNotFoundError:
            return False
        except OSError:  # a file system that is away for a moment
            pass
        return True

    def _write(self) -> None:
        # Into the file that is open, not into whatever has its name now: that may be a newer run's.
        os.pwrite(self._file.fileno(), json.dumps(self._claim).ljust(_BYTES).encode(), 0)
