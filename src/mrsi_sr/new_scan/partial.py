"""Finished slices of a scan that is being super-resolved, so that an interrupted run goes on where it was."""

from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.new_scan.result import SliceResult
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.ownership import Ownership

ARRAYS = {"mean": "f3", "sd": "f3", "samples": "f4", "misfit_before": "f1", "misfit": "f1", "fingerprint": "U0"}


class Partial:
    """Files slice-POSITION.npz in a folder that this run owns; of another fingerprint they are not used."""

    def __init__(self, ownership: Ownership | None, fingerprint: str = ""):
        """ownership: of the folder; None for a run that keeps nothing. fingerprint: of what decides the result."""
        self.ownership, self.fingerprint = ownership, fingerprint

    def load(self, slices: int) -> dict[int, SliceResult]:
        """Results of the slices that are finished, by position, of a scan with so many slices."""
        found = {position: self._read(self._file(position)) for position in range(slices) if self.ownership}
        results = {position: result for position, result in found.items() if result is not None}
        if results:
            log.info("%d of %d slices are finished already; skipping them", len(results), slices)
        return results

    def save(self, position: int, result: SliceResult, slices: int) -> None:
        """Keep the result of a slice. Raises UserError where a later run owns the folder."""
        if self.ownership is None:
            return
        with self.ownership.output(self._file(position)) as temporary:
            np.savez(temporary, **vars(result), fingerprint=self.fingerprint)
        self.ownership.tell(position + 1, slices, "slices")

    def _file(self, position: int) -> Path:
        return self.ownership.folder / f"slice-{position:03d}.npz"

    def _read(self, file: Path) -> SliceResult | None:
        if not file.exists():
            return None
        try:
            content = read_npz(file, ARRAYS, "a file of a finished slice", "it is super-resolved again")
        except UserError as error:
            log.warning("%s is made again: %s", file, error)
            return None
        if str(content.pop("fingerprint")) != self.fingerprint:
            return None
        return SliceResult(**content)
