"""Snapshot of the configuration at start, so that running jobs ignore later edits."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.settings.text import read_yaml
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.layers import layered

VARIABLE = "MRSI_SR_STARTED_WITH"  # in the jobs' environment: the file
FOLDER = Path(".snakemake/started")


Rows = list[dict[str, str]]


def started_with(user: dict, files: Iterable[str | Path] = ()) -> tuple[dict, Rows, Rows]:
    """The whole raw configuration that this workflow's main process was started with, and the rows of two tables.

    These are the participants' and the new scans', which are none where the configuration has no section `scans`.

    user: content of the user's configuration files, as Snakemake has read them. files: these files, which are read once
    more: of a key that is given twice Snakemake takes the last. The main process writes the snapshot; its jobs, hours
    later on their nodes, read it. So no result is recorded under a configuration that was edited while its job waited
    in the queue.
    Raises UserError for a configuration or participants table that cannot be used, and where the snapshot is gone.
    """
    if VARIABLE in os.environ:
        file = Path(os.environ[VARIABLE])
        if not file.is_file():
            raise UserError(f"{file} is gone, with the configuration of this workflow\n  start the workflow again")
    else:
        for file in files:
            read_yaml(file, "the configuration")
        raw = layered(user)
        # A cohort that cannot be used is refused by its own message.
        table = raw["cohort"].get("participants") if isinstance(raw.get("cohort"), dict) else None
        rows = participants.read(table) if isinstance(table, str) else []
        scans = participants.read_scans(raw["scans"]) if isinstance(raw.get("scans"), dict) else []
        text = json.dumps({"configuration": raw, "participants": rows, "scans": scans}, default=str)
        file = (FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json").resolve()
        with writing(file) as temporary:
            temporary.write_text(text)
        os.environ[VARIABLE] = str(file)
    held = json.loads(file.read_text())
    return held["configuration"], held["participants"], held["scans"]
