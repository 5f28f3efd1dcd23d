"""What a workflow was started with: its jobs take that, whatever has become of the files since."""

import hashlib
import json
import os
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.workflow import participants

VARIABLE = "MRSI_SR_STARTED_WITH"  # in the jobs' environment: the file
FOLDER = Path(".snakemake/started")


def started_with(raw: dict) -> tuple[dict, list[dict[str, str]]]:
    """The raw configuration and the participants' rows that this workflow's main process was started with.

    The main process writes them down and its jobs, hours later on their nodes, read that. So a configuration that is
    edited while jobs wait in the queue gives no result that is recorded as one of another configuration.
    Raises UserError for a participants table that cannot be used, or what was written down is gone.
    """
    if VARIABLE in os.environ:
        file = Path(os.environ[VARIABLE])
        if not file.is_file():
            raise UserError(f"{file} is gone, with the configuration of this workflow\n  start the workflow again")
    else:
        # A configuration that cannot be resolved is refused by its own message.
        table = raw.get("cohort", {}).get("participants") if isinstance(raw.get("cohort"), dict) else None
        rows = participants.read(table) if isinstance(table, str) else []
        text = json.dumps({"configuration": raw, "participants": rows}, sort_keys=True, default=str)
        file = (FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json").resolve()
        with writing(file) as temporary:
            temporary.write_text(text)
        os.environ[VARIABLE] = str(file)
    held = json.loads(file.read_text())
    return held["configuration"], held["participants"]
