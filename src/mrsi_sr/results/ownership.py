"""Ownership of an output folder. The most recent run owns it; an earlier one that still runs stops at its next check.

A job that Slurm has given up may still run when the same is started again, and two workflows may share a results
folder. The file `owner` in the folder names the run and its progress, and is rewritten as long as the run is alive: its
age is the time since the last sign of life. The file of a killed run stays, until the next run takes the folder over.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from mrsi_sr.cli import SECONDS_BETWEEN_LINES, UserError, log
from mrsi_sr.results import files, outputs
from mrsi_sr.results.reading import UNREADABLE, check_is_file

NAME = "owner"
SECONDS_BETWEEN_SIGNS = 60  # of life, whether or not a run has come further
BYTES = 1024  # of the file, filled up with spaces: rewriting it leaves nothing of a longer text before


@dataclass(frozen=True)
class Owner:
    """Run that owns a folder: where it runs, since when (local time), and its progress: done of total `what`."""

    token: str
    host: str
    pid: int
    slurm_job: str | None
    started: str
    done: int = 0
    total: int = 0
    what: str = ""
    age_seconds: float = 0  # time since its last sign of life

    @classmethod
    def of(cls, folder: Path) -> "Owner | None":
        """The owner of a folder, None where its file is absent or cannot be read."""
        try:
            check_is_file(folder / NAME)
            with (folder / NAME).open("rb") as file:
                age = time.time() - os.fstat(file.fileno()).st_mtime
                owner = cls(**json.loads(file.read()) | {"age_seconds": age})
        except (UserError, *UNREADABLE):
            return None
        return owner if all(isinstance(number, int) for number in (owner.pid, owner.done, owner.total)) else None

    def __str__(self) -> str:
        job = f", Slurm job {self.slurm_job}" if self.slurm_job else ""
        return f"process {self.pid} on {self.host}{job}, started {self.started}"


class Ownership:
    """This process's ownership of a folder, for the length of a `with` block: `with Ownership(folder) as ownership`.

    The folder is made where there is none, and removed at the end where it is empty. It is marked as a result of the
    script that runs (see outputs): `with` raises UserError for a folder that is neither empty nor such a result.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._run = Owner(
            uuid4().hex, files.HOST, os.getpid(), os.environ.get("SLURM_JOB_ID"), time.strftime("%Y-%m-%d %H:%M:%S")
        )
        self._told = float("-inf")  # when the run last told its progress
        self._over = Event()

    def __enter__(self) -> "Ownership":
        outputs.check_outputs([self.folder])
        if not (self.folder / outputs.MARK).exists():
            outputs.write_mark(self.folder, outputs.checksums_in(self.folder))
        if before := Owner.of(self.folder):
            log.warning("%s is taken over from %s", self.folder, before)
        with files.writing(self.folder / NAME) as temporary:
            self._file = temporary.open("wb", buffering=0)
            self._write()
        self._thread = Thread(target=self._show_life, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()
        self._file.close()
        if self._holds():
            (self.folder / NAME).unlink(missing_ok=True)
            if [place.name for place in self.folder.iterdir()] == [outputs.MARK]:
                (self.folder / outputs.MARK).unlink()
                self.folder.rmdir()

    def check(self) -> None:
        """Raise UserError where a later run owns the folder."""
        if not self._holds():
            raise UserError(
                f"{self.folder} was taken over by {Owner.of(self.folder) or 'another run, which is over,'}\n"
                "  this older run stops, and writes nothing more there"
            )

    def tell(self, done: int, total: int, what: str) -> None:
        """Show the progress of the run, at most every ten seconds. Raises UserError as check does."""
        if time.monotonic() - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = time.monotonic()
        self.check()
        self._run = replace(self._run, done=done, total=total, what=what)
        with suppress(OSError):  # a sign of life is no reason to stop
            self._write()

    @contextmanager
    def writing(self, path: str | Path) -> Iterator[Path]:
        """As files.writing, but the file does not appear where a later run owns the folder by then."""
        with files.writing(path) as temporary:
            yield temporary
            self.check()

    @contextmanager
    def output(self, path: Path) -> Iterator[Path]:
        """As writing, for a file of the result: the folder's mark has its checksum before the file has its name."""
        with self.writing(path) as temporary:
            yield temporary
            self.check()
            known = outputs.checksums_in(self.folder)
            outputs.write_mark(self.folder, known | {path.name: files.checksum(temporary)})

    def checksums(self, names: Iterable[str]) -> dict[str, str]:
        """Checksums of the result's files, when all are written: the folder's mark forgets any other."""
        found = outputs.checksums_of([self.folder / name for name in names], self.folder)
        if found != outputs.checksums_in(self.folder):
            outputs.write_mark(self.folder, found)
        return found

    def _holds(self) -> bool:
        """Whether the file names this run. One that cannot be read for the moment counts as such."""
        if owner := Owner.of(self.folder):
            return owner.token == self._run.token
        try:
            return (self.folder / NAME).exists()
        except OSError:
            return True

    def _show_life(self) -> None:
        """Rewrite the file through an hour's batch or validation, too."""
        while not self._over.wait(SECONDS_BETWEEN_SIGNS):
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        # Into the file that is open, not into the one that has its name now: that may be a later run's.
        os.pwrite(self._file.fileno(), json.dumps(asdict(self._run)).ljust(BYTES).encode(), 0)
