"""Where a result comes from: settings, seeds, inputs, code, version, device, duration and memory."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from typing_extensions import TypedDict  # typing's own cannot be checked by pydantic before Python 3.12

from mrsi_sr import __version__
from mrsi_sr.cli import log
from mrsi_sr.results.energy import EnergyMeter, gpu
from mrsi_sr.results.files import checksum, writing, writing_folder
from mrsi_sr.results.outputs import (
    RECORD,
    check_outputs,
    check_replaced,
    checksums_of,
    facts_of,
    files_below,
    read_record,
    record_of,
    script_name,
    write_mark,
)  # fmt: skip
from mrsi_sr.results.reading import shaped

LINEAGE = ("settings", "code", "made_from")  # keys of a record that tell how its result was made


class Used(TypedDict):
    """Time, memory and energy of a run so far, over all sessions of one that was interrupted and resumed.

    device: the GPU's name, or the processor's. started: of the first session. seconds: of wall time.
    processor_seconds: of all cores. peak_memory_mb: host, and with a GPU gpu (allocated) and gpu_reserved.
    energy_joules: of the GPU, null with the reason in energy_note.
    """

    device: str
    processor: str
    threads: int
    started: str
    ended: str
    seconds: float
    processor_seconds: float
    peak_memory_mb: dict[str, float]
    energy_joules: float | None
    energy_note: str


class Provenance:
    """Starts its clock and its energy meter when made; `write` puts the record beside the result that it describes."""

    def __init__(self, settings: dict, inputs: Iterable[str | Path] = (), *, code: dict[str, str]):
        """code: of code.code_of, the hash of each module that can change the result."""
        self.started, self._before = time.time(), None
        self._energy = EnergyMeter()
        self.settings, self.code = settings, code
        self.inputs: dict[str, str] = {}
        self.made_from: dict[str, str] = {}  # origin of the inputs that have a record
        self.add(inputs)

    def add(self, inputs: Iterable[str | Path]) -> None:
        """Take the checksums of further inputs, and how they were made. Raises UserError for one that is not there."""
        paths = [Path(path) for path in inputs]
        self.inputs |= {str(path): checksum(path) for path in paths}
        self.made_from |= {str(path): origin_of(record) for path in paths if (record := record_of_input(path))}

    def fingerprint(self, **facts) -> str:
        """Hash of all that decides the result: settings, contents of inputs, code, and further facts (seed, fold)."""
        return fingerprint(self.settings, list(self.inputs.values()), self.code, facts)

    def write(self, path: str | Path, checksums: Mapping[str, str], **facts) -> None:
        """Write the record as JSON. Further facts (seeds, NFE, seconds per slice) are kept under their names.

        checksums: of the result's files, by name. Circumstances among the facts, of the process that made the result
        before, replace this one's.
        """
        record = {
            "settings": self.settings,
            "inputs_sha256": self.inputs,
            "made_from": self.made_from,
            "code": self.code,
            "command": sys.argv[1:],
            "version": __version__,
            **facts_of(script_name(), dict(checksums)),
            **self.circumstances(),
            **facts,
        }
        _write_json(record, path)

    def circumstances(self) -> dict:
        """Where, when and how long this run has worked so far: what differs between runs of equal results."""
        return {"git_revision": git_revision(), "python": platform.python_version(), **self.used()}

    def used(self) -> Used:
        """Time, memory and energy so far, with those of the sessions that were resumed."""
        now, joules = time.time(), self._energy.joules()
        used = Used(
            device=device_name(), processor=processor_name(), threads=threads(), started=_moment(self.started),
            ended=_moment(now), seconds=round(now - self.started, 2), processor_seconds=round(sum(os.times()[:4]), 2),
            peak_memory_mb=peak_memory_mb(), energy_joules=None if joules is None else round(joules, 1),
            energy_note=self._energy.why_not,
        )  # fmt: skip
        return _together(self._before, used) if self._before else used

    def resume(self, before: Used) -> None:
        """Add what earlier sessions of the run have used. Raises ValueError for anything but what `used` returned.

        The log warns where this session computes on another device, or in another arithmetic.
        """
        self._before = shaped(Used, before)
        if not before["device"].endswith(here := device_name()):
            log.warning("begun on %s, resumed on %s: the result depends on both, and its record names both",
                        before["device"], here)  # fmt: skip

    @contextmanager
    def folder(self, path: str | Path, **facts) -> Iterator[Path]:
        """Give a temporary folder to write, and put it in the place of `path` with its record when the block ends well.

        Raises UserError where that would replace anything but a former result of the same script. A script whose work
        takes long calls check_replaced before it: this call sees what came into the folder meanwhile.
        """
        path = Path(path)
        check_replaced(path, self.inputs)
        with writing_folder(path) as temporary:
            yield temporary
            checksums = checksums_of(files_below(temporary), temporary)
            write_mark(temporary, checksums)
            self.write(temporary / RECORD, checksums, **facts)

    @contextmanager
    def beside(self, *files: str | Path, record: Path | None = None, **facts) -> Iterator[None]:
        """Write the record beside single files, which the block writes: `slices.provenance.json` of slices.npz.

        record: its path, where it has another name. While the block runs the record says that the files are not
        finished: one of earlier files would belong to those. Raises UserError where a file, or the record, would
        replace anything but a former result of the same script.
        """
        record = record or record_of(files)
        check_outputs([*files, record], self.inputs)
        unfinished = {os.path.relpath(file, record.parent): None for file in files}
        _write_json(facts_of(script_name(), unfinished), record)
        try:
            yield
        except BaseException:
            if not any(Path(file).exists() for file in files):
                record.unlink(missing_ok=True)
            raise
        self.write(record, checksums_of(files, record.parent), **facts)


def _write_json(record: dict, path: str | Path) -> None:
    with writing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def fingerprint(*parts) -> str:
    """A short hash of anything JSON can hold; dictionaries in any order of keys give the same one."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def git_revision() -> str | None:
    """The revision of the code that runs, with `+changes` where the tree differs from it; None outside a clone."""
    here = Path(__file__).parent
    try:
        revision = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--abbrev=12"],
            cwd=here, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip()


def device_name() -> str:
    """The GPU's name where this process computes on one, else the processor's, with `(bfloat16)` where networks do."""
    if (cuda := gpu()) is not None:
        return cuda.get_device_name()
    devices = sys.modules.get("mrsi_sr.devices")  # imported late: it needs torch
    bfloat16 = devices is not None and devices.in_bfloat16("cpu")
    return f"{processor_name()} (bfloat16)" if bfloat16 else processor_name()


@cache
def processor_name() -> str:
    """Model of the processor, as far as the system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def threads() -> int:
    """Number of threads that compute: torch's where it is in use, else the cores that this process may use."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return torch.get_num_threads()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_mb() -> dict[str, float]:
    """Largest memory so far in MB: of this process, and of the GPU where it computes on one, in use and reserved."""
    peak = {"host": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}
    if (cuda := gpu()) is not None:
        peak["gpu"] = round(cuda.max_memory_allocated() / 2**20, 1)
        peak["gpu_reserved"] = round(cuda.max_memory_reserved() / 2**20, 1)
    return peak


def _together(before: Used, now: Used) -> Used:
    """Use of a run's earlier sessions and of this one. Energy that one of them does not know is not known."""
    peaks = [before["peak_memory_mb"], now["peak_memory_mb"]]
    unknown = before["energy_note"] or now["energy_note"]
    total = {key: round(before[key] + now[key], 2) for key in ("seconds", "processor_seconds")}
    return now | total | {
        "started": before["started"],
        **{key: ", ".join(dict.fromkeys([before[key], now[key]])) for key in ("device", "processor")},
        "peak_memory_mb": {key: max(each.get(key, 0) for each in peaks) for key in peaks[0] | peaks[1]},
        "energy_joules": None if unknown else before["energy_joules"] + now["energy_joules"],
        "energy_note": unknown,
    }  # fmt: skip


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def cost_of_record(record: dict) -> dict:
    """What a result has used, from its record; empty where there is none. gpu: whether it was made on a GPU."""
    kept = ("seconds", "processor_seconds", "peak_memory_mb", "energy_joules", "energy_note")
    if not all(key in record for key in kept):
        return {}
    return {key: record[key] for key in kept} | {"gpu": "gpu" in record["peak_memory_mb"]}


def record_of_input(path: Path) -> dict:
    """Record of how an input was made: in it, beside it or in its folder; empty where no script of ours made it."""
    places = [path / RECORD] if path.is_dir() else [record_of([path]), path.parent / RECORD]
    records = (read_record(place) for place in places)
    return next((each for each in records if all(isinstance(each.get(key), dict) for key in LINEAGE)), {})


def origin_of(record: dict) -> str:
    """Hash of all settings and code that made a result, from its record: its own and those of what it was made from."""
    return fingerprint(record["settings"], record["code"], sorted(map(str, record["made_from"].values())))
