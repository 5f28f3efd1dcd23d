"""Files of a fold's participants, made one after the other: an interrupted run goes on with the first that is missing.

Samples and findings of probes are made this way.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.outputs import RECORD, checksums_in
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance

# Arrays of a participant's file and its cost. Arguments: number from 1, participant, what to call before every batch.
Make = Callable[[int, str, Callable[[], None]], tuple[dict[str, np.ndarray], dict]]


def make_each(
    make: Make, participants: Sequence[str], ownership: Ownership, provenance: Provenance, fingerprint: str, *,
    method: str, what: str, done: str,
) -> list[dict]:  # fmt: skip
    """Make PARTICIPANT.npz of each participant in the folder that is owned; return their costs.

    A whole file with the same fingerprint, of an earlier run, is kept, and what that run had used until then counts.
    Files of other participants are removed. method, what (a file of samples), done (sampled): for messages.
    """
    out, costs = ownership.folder, []
    kept = {name: _cost_of(out / f"{name}.npz", fingerprint, what, done) for name in participants}
    if used := [cost["used"] for cost in kept.values() if cost is not None]:
        provenance.resume(max(used, key=lambda each: each["seconds"]))
    for number, participant in enumerate(participants, 1):
        cost = kept[participant]
        if cost is not None:
            log.info("%s: %s is %s already; skipping", method, participant, done)
        else:
            arrays, cost = make(
                number, participant, lambda: ownership.tell(len(costs), len(participants), "participants")
            )
            cost["used"] = provenance.used()
            ownership.check()
            (out / RECORD).unlink(missing_ok=True)  # of the files that are replaced
            with ownership.output(out / f"{participant}.npz") as temporary:
                np.savez_compressed(temporary, **arrays, fingerprint=fingerprint, cost=json.dumps(cost))
        costs.append(cost)
    ownership.check()
    for name in checksums_in(out):
        if Path(name).stem not in participants:
            (out / name).unlink(missing_ok=True)
    return costs


def _cost_of(file: Path, fingerprint: str, what: str, done: str) -> dict | None:
    """The cost of a participant's file; None where it is absent, damaged, changed or of another fingerprint."""
    if not file.exists():
        return None
    try:
        content = read_npz(file, {"fingerprint": "U0", "cost": "U0"}, what, f"it is {done} again")
        if str(content["fingerprint"]) == fingerprint:
            return json.loads(str(content["cost"]))
    except UserError as error:
        log.warning("%s is %s again: %s", file, done, error)
    return None
