"""Snakemake's records of how each result was made, kept with the results, and the lock on the results folder."""

import base64
import contextlib
import csv
import fcntl
import getpass
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from mrsi_sr.cli import WHAT_TO_DO, UserError, log
from mrsi_sr.results.outputs import read_record

KEPT = Path("results/.snakemake")
MOVED = ("metadata", "incomplete")  # folders of .snakemake: parameters and inputs of each result; unfinished results

_open_locks = []  # the open lock file: the lock ends with the process, however that ends


def keep_with_results() -> None:
    """Link Snakemake's records to a folder in results/, so that copied results are recognised and not made again.

    Without its records Snakemake takes any file in results/ for the result of today's configuration.
    To be called when the Snakefile is read, before Snakemake makes its own folders.
    Raises UserError where results/ is a link to nowhere, or cannot be written and has no such folder.
    """
    for name in MOVED:
        with _in_results():
            (KEPT / name).mkdir(parents=True, exist_ok=True)
        link = Path(".snakemake") / name
        link.parent.mkdir(exist_ok=True)
        if link.is_dir() and not link.is_symlink():  # made before there was a link
            shutil.copytree(link, KEPT / name, dirs_exist_ok=True)
            shutil.rmtree(link)
        if not link.exists():
            with contextlib.suppress(FileExistsError):  # jobs that start at the same moment read the Snakefile too
                link.symlink_to(Path("..") / KEPT / name)


def recorded_parameters(path: str) -> list[str] | None:
    """Parameters that a result was made with, as Snakemake recorded them; None where it has no record of it."""
    key = base64.urlsafe_b64encode(path.encode()).decode()
    longest = os.pathconf(KEPT, "PC_NAME_MAX") - 1 if KEPT.exists() else 254
    parts = [key[start : start + longest] for start in range(0, len(key), longest)]
    record = read_record(KEPT.joinpath("metadata", *(f"@{part}" for part in parts[:-1]), parts[-1]))
    return record.get("params")


def set_aside_inventories_of_lost_files() -> None:
    """Rename inventories that list files which are not there any more to `inventory.lost.csv`.

    Trainings and samplings depend on an inventory in place of its hundreds of files. Where one of these was deleted,
    the inventory has to be made again, with that file, once something needs it. Nothing is done while another workflow
    writes to the results: files that it is making are not lost.
    """
    if _locked_by_another():
        return
    for inventory in KEPT.parent.glob("*/inventory.csv"):
        with contextlib.suppress(OSError, ValueError, csv.Error):  # read-only results; a damaged file
            with inventory.open(newline="") as stream:
                listed = [row["file"] for row in csv.DictReader(stream) if row.get("file")]
            if not all(map(os.path.exists, listed)):
                inventory.replace(inventory.with_name("inventory.lost.csv"))


def _locked_by_another() -> bool:
    with contextlib.suppress(OSError), (KEPT / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def lock_results() -> None:
    """Lock the results folder for this process.

    Raises UserError where another workflow holds the lock, and where the folder cannot be written.
    """
    with _in_results():
        file = (KEPT / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise UserError(
            f"another workflow is writing to {KEPT.parent.resolve()}: {file.read().strip()}\n"
            "  wait until it has ended, or stop it (Ctrl-C; it can be run again and resumes)"
        ) from None
    except OSError as error:
        log.warning("%s cannot be locked (%s): take care that no other workflow writes there", KEPT.parent, error)
    file.truncate(0)
    file.write(
        f"{getpass.getuser()} on {socket.gethostname()}, process {os.getpid()}, since {time.strftime('%F %T')}\n"
    )
    file.flush()
    _open_locks.append(file)


@contextlib.contextmanager
def _in_results() -> Iterator[None]:
    """A block that writes to the results folder. Raises UserError where that is not possible."""
    results = KEPT.parent
    try:
        yield
    except OSError as error:
        if results.is_symlink() and not results.exists():
            raise UserError(
                f"{results} is a link to {results.readlink()}, which is not there\n"
                f"  make that folder (mkdir -p {results.readlink()}), or remove the link to have the results made here"
            ) from None
        raise UserError(
            f"{error.filename} cannot be written: {error.strerror}\n  {WHAT_TO_DO.get(error.errno, 'mend that')}"
        ) from None
