"""Sampling of a fold's test or validation participants by one method, from files to files: the work of sample.py."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from mrsi_sr import sampling
from mrsi_sr.cli import UserError
from mrsi_sr.kspace import check_sizes
from mrsi_sr.maps import folds
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.results.outputs import RECORD, check_made_from, check_outputs, read_record
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance, cost_of_record
from mrsi_sr.sampling.kept import make_each
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import sample_participant
from mrsi_sr.scan.low_resolution import kind_of
from mrsi_sr.scan.slices import Anatomy, ParticipantSlices, files_of
from mrsi_sr.scan.subset import participants_in
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings


def sample_fold(
    name: str, settings: MethodSettings, *, networks: Mapping[str, NetworkSettings], weights: Mapping[str, Path],
    slices: Sequence[Path], low_resolution: Sequence[Path], table: Path, fold: int, protocol: str,
    sizes: Sequence[int], batch_size: int, out: Path, device: torch.device,
) -> None:  # fmt: skip
    """Super-resolve a fold's participants of the method's part, test or validation.

    Writes PARTICIPANT.npz of each and provenance to the folder `out`.

    name: of the method, for the record. networks, weights: settings and weights by role. slices, low_resolution: files
    of slices and of measured k-space, at least those of these participants. table: file of the folds. sizes:
    low-resolution sizes to start from. The scans are truncated masked maps, or all refitted: networks must have been
    trained on the same kind. Participants that `out` has with the same fingerprint are not sampled again.
    Raises UserError for files and settings that do not fit together.
    """
    check_outputs([out], [*weights.values(), *slices, *low_resolution, table])
    check_sizes(sizes)
    participants = folds.participants_of(folds.read(table), fold, settings.part)
    if not participants:
        raise UserError(f"fold {fold} of {table} has no {settings.part} participants")
    participants = _in_subset(settings, files_of(participants, slices))
    slices, low_resolution = files_of(participants, slices), files_of(participants, low_resolution)
    for participant, path in low_resolution.items():
        check_made_from(path, slices[participant])
    check_held_out(participants, weights.values(), settings.part)
    identity = {
        "fold": fold,
        "protocol": protocol,
        "sizes": sizes,
        "low_resolution": kind_of_scans(low_resolution.values()),
    }
    method = Method(name, settings, networks, weights, **identity, device=device, batch_size=batch_size)
    inputs = [*weights.values(), *slices.values(), *low_resolution.values()]
    provenance = Provenance(settings.plain(), inputs, code=sampling.code(settings, networks.values()))
    facts = {
        "method": name, "networks": {role: network.plain() for role, network in networks.items()},
        "participants": participants, **identity,
    }  # fmt: skip
    with Ownership(out) as ownership:
        costs = sample_participants(
            method, slices, low_resolution, protocol, sizes, ownership, provenance, provenance.fingerprint(**facts)
        )
        ownership.check()
        checksums = ownership.checksums(f"{participant}.npz" for participant in participants)
        provenance.write(
            out / RECORD, checksums, sampler=settings.sampler.plain(), seed=settings.seed,
            parameters=method.parameters,
            training=_training(settings, weights), **facts, **_total(costs),
        )  # fmt: skip


def kind_of_scans(low_resolution: Iterable[Path]) -> str:
    """Kind of the low-resolution scans in files, masked or refitted. Raises UserError where files are of both."""
    kinds = {path: kind_of(path) for path in low_resolution}
    if len(set(kinds.values())) > 1:
        words = "; ".join(f"{path}: {kind}" for path, kind in kinds.items())
        raise UserError(f"the low-resolution scans are of two kinds\n  {words}\n  give those of one kind")
    return next(iter(kinds.values()))


def _in_subset(settings: MethodSettings, slices: Mapping[str, Path]) -> list[str]:
    """Participants that a method samples. slices: files of all of them; read where the method names a number."""
    if settings.subset.participants is None:
        return list(slices)
    return participants_in(settings.subset, {name: Anatomy.load(path) for name, path in slices.items()})


def check_held_out(participants: Sequence[str], weights: Iterable[Path], part: str) -> None:
    """Raise UserError where the record beside weights says that a participant was trained on.

    Test participants may not have been validated on either. part: of the participants, test or validation.
    """
    what, verb = ("trained or validated", "tested") if part == "test" else ("trained", "validated")
    for path in weights:
        parts = read_record(path.with_name(RECORD)).get("participants")  # {"train": [..], "validation": [..]}
        if part == "validation" and isinstance(parts, dict):
            parts = parts.get("train")
        seen = json.dumps(parts)
        if both := [name for name in participants if f'"{name}"' in seen]:
            raise UserError(
                f"{path} was {what} on {', '.join(both)}, who would be {verb} with it\n"
                "  train it again with this table of folds: train.py"
            )


def sample_participants(
    method: Method, slices: dict[str, Path], low_resolution: dict[str, Path], protocol: str, sizes: Sequence[int],
    ownership: Ownership, provenance: Provenance, fingerprint: str,
) -> list[dict]:  # fmt: skip
    """Sample the participants, one at a time, to PARTICIPANT.npz in the folder that is owned; return their costs.

    Files of an earlier run are kept as `make_each` has it.
    """

    def make(number: int, participant: str, tell: Callable[[], None]) -> tuple[dict[str, np.ndarray], dict]:
        scan = ParticipantSlices.load(slices[participant])
        measurements = Measurements(low_resolution[participant], scan, protocol, sizes)
        what = f" ({number} of {len(slices)})"
        return sample_participant(method, scan, measurements, protocol, sizes, what=what, tell=tell)

    said = {"method": method.name, "what": "a file of samples", "done": "sampled"}
    return make_each(make, list(slices), ownership, provenance, fingerprint, **said)


def _training(settings: MethodSettings, weights: Mapping[str, Path]) -> dict[str, dict]:
    """Cost of each network's training by its name, from the record beside its weights: seconds and device, or null.

    run: what the whole run of the training used, as cost_of_record has it.
    """
    records = {name: read_record(weights[role].with_name(RECORD)) for role, name in settings.networks.items()}
    return {
        name: {"seconds": record.get("training_seconds"), "device": record.get("device"), "run": cost_of_record(record)}
        for name, record in records.items()
    }


def _total(costs: Sequence[dict]) -> dict:
    """The cost of all participants, as provenance records it."""
    maps, seconds = (sum(cost[name] for cost in costs) for name in ("maps", "seconds"))
    return {
        "maps": maps,
        "nfe": max(cost["nfe"] for cost in costs),
        "seconds_per_slice": seconds / max(maps, 1),
        "sampling_seconds": round(seconds, 2),
    }
