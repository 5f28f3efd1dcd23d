"""Contents of the files that a workflow reads and does not make, as checksums that are computed once per change."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from mrsi_sr.results.files import checksum, writing
from mrsi_sr.results.provenance import fingerprint

WHOLE_BYTES = 64 << 20  # a larger gzip file, such as an archive of a scan, is known by its end, with its checksum
END_BYTES = 1 << 20


class Contents:
    """Checksums of files by path, kept in a file between workflows.

    A file that is gone has the one it had, so that results made from it stay up to date. A folder has its time of
    change, as Snakemake compares it: a folder of 100,000 voxel files is not read for a plan.
    """

    def __init__(self, kept: Path):
        """kept: JSON file of what is known."""
        self._file, self._changed = kept, False
        self._known: dict[str, tuple[str, str]] = {}  # by path: size and time, checksum
        with suppress(OSError, ValueError, AttributeError, TypeError):  # made anew
            self._known = {
                path: (str(state), str(content)) for path, (state, content) in json.loads(kept.read_text()).items()
            }

    def of(self, path: str) -> str:
        """Checksum of a file's content, or of a folder's time of change; empty for what was never there."""
        known = self._known.get(path, ("", ""))
        try:
            facts = Path(path).stat()
        except OSError:
            return known[1]
        state = f"{facts.st_size} {facts.st_mtime_ns}"
        if known[0] != state:
            known = self._known[path] = (state, state if Path(path).is_dir() else _content(Path(path), facts.st_size))
            self._changed = True
        return known[1]

    def keep(self) -> None:
        """Write what is known, where that changed and the results can be written."""
        if self._changed:
            with suppress(OSError), writing(self._file) as temporary:
                temporary.write_text(json.dumps(self._known, indent=0, sort_keys=True))


def _content(path: Path, size: int) -> str:
    with path.open("rb") as file:
        if size <= WHOLE_BYTES or file.read(2) != b"\x1f\x8b":
            return checksum(path)
        file.seek(-END_BYTES, 2)
        return fingerprint(size, hashlib.sha256(file.read()).hexdigest())
