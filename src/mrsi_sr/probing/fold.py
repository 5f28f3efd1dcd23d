"""Probing of a method with the participants of a fold, from files to files: the work of probe.py."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from mrsi_sr import sampling
from mrsi_sr.cli import UserError
from mrsi_sr.kspace import check_sizes
from mrsi_sr.maps import folds
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.probing.files import WHAT, arrays_of
from mrsi_sr.probing.participant import Findings, Probing
from mrsi_sr.results.outputs import RECORD, check_made_from, check_outputs
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance, device_name
from mrsi_sr.sampling.fold import check_held_out, kind_of_scans
from mrsi_sr.sampling.kept import make_each
from mrsi_sr.sampling.method import Method
from mrsi_sr.scan.slices import Anatomy, ParticipantSlices, files_of, participant_of
from mrsi_sr.scan.subset import participants_in
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.settings.probe import ProbeSettings


def probe_fold(
    name: str, settings: MethodSettings, probe: ProbeSettings, *, networks: Mapping[str, NetworkSettings],
    weights: Mapping[str, Path], slices: Sequence[Path], low_resolution: Sequence[Path], table: Path, fold: int,
    seed: int, protocol: str, sizes: Sequence[int], batch_size: int, out: Path, device: torch.device,
) -> None:  # fmt: skip
    """Probe a method with a fold's participants of its part, test or validation.

    Writes PARTICIPANT.npz of each and provenance to the folder `out`.

    Every map is sampled once, of the probe's subset in place of the method's. name, seed (of training): recorded. The
    other arguments are those of sampling.fold.sample_fold. Participants that `out` has with the same fingerprint are
    not probed again. Raises UserError for files and settings that do not fit together.
    """
    check_outputs([out], [*weights.values(), *slices, *low_resolution, table])
    check_sizes(sizes)
    settings = probed(settings, probe, name)
    participants = folds.participants_of(folds.read(table), fold, settings.part)
    if not participants:
        raise UserError(f"fold {fold} of {table} has no {settings.part} participants")
    given, (slices, low_resolution) = slices, _files(participants, slices, low_resolution, probe)
    foreign = _foreign(list(slices), given) if "foreign" in probe.kinds else {}
    check_held_out(list(slices), weights.values(), settings.part)
    identity = {
        "fold": fold, "protocol": protocol, "sizes": list(sizes),
        "low_resolution": kind_of_scans(low_resolution.values()),
    }  # fmt: skip
    method = Method(name, settings, dict(networks), dict(weights), **identity, device=device, batch_size=batch_size)
    inputs = dict.fromkeys([*weights.values(), *slices.values(), *low_resolution.values(), *foreign.values()])
    provenance = Provenance(probe.plain(), inputs, code=sampling.code(settings, networks.values(), __name__))
    facts = identity | {
        "method": name, "seed": seed, "networks": {role: network.plain() for role, network in networks.items()},
        "sampling_settings": settings.plain(), "participants": list(slices),
    }  # fmt: skip
    with Ownership(out) as ownership:
        costs = _probe_participants(
            method, probe, slices, low_resolution, foreign, protocol, sizes, ownership, provenance,
            provenance.fingerprint(**facts),
        )  # fmt: skip
        first = ParticipantSlices.load(next(iter(slices.values())))
        ownership.check()
        maps, seconds = (sum(cost[key] for cost in costs) for key in ("maps", "seconds"))
        provenance.write(
            out / RECORD, ownership.checksums(f"{participant}.npz" for participant in slices), **facts, maps=maps,
            nfe=max(cost["nfe"] for cost in costs), seconds_per_slice=seconds / max(maps, 1),
            sampling_seconds=round(seconds, 2), frame=first.maps.shape[-1], unit=first.unit,
            sampling_device=device_name(),
        )  # fmt: skip


def probed(settings: MethodSettings, probe: ProbeSettings, name: str) -> MethodSettings:
    """Settings of a method as it is probed: one sample of each map, of the probe's subset.

    Raises UserError for a method with a sweep, which has no one map.
    """
    if settings.sweep is not None:
        raise UserError(f"{name} has a sweep\n  probe a method with one map of each kind: without `sweep`")
    return settings | {"samples": 1, "subset": probe.subset.plain()}


def _files(
    tested: Sequence[str], slices: Sequence[Path], low_resolution: Sequence[Path], probe: ProbeSettings
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Files of slices and of measured k-space of the participants that are probed."""
    found = files_of(tested, slices)
    if probe.subset.participants is not None:
        tested = participants_in(probe.subset, {each: Anatomy.load(path) for each, path in found.items()})
    slices, low_resolution = {each: found[each] for each in tested}, files_of(tested, low_resolution)
    for participant, path in low_resolution.items():
        check_made_from(path, slices[participant])
    return slices, low_resolution


def _foreign(tested: Sequence[str], slices: Sequence[Path]) -> dict[str, Path]:
    """File of the participant whose MRI each one is given: the test participant before, or of one alone another."""
    others = {participant_of(path): path for path in slices}
    if len(tested) == 1:
        names = [name for name in sorted(others) if name != tested[0]][:1]
    else:
        names = [tested[number - 1] for number in range(len(tested))]
    if not names:
        raise UserError(
            f"{tested[0]} alone is given, and the kind foreign takes the MRI of another participant\n"
            "  give the slices of another one too, or leave foreign out of the probe's kinds"
        )
    return {name: others[other] for name, other in zip(tested, names, strict=True)}


def _probe_participants(
    method: Method, probe: ProbeSettings, slices: dict[str, Path], low_resolution: dict[str, Path],
    foreign: dict[str, Path], protocol: str, sizes: Sequence[int], ownership: Ownership, provenance: Provenance,
    fingerprint: str,
) -> list[dict]:  # fmt: skip
    """Probe the participants, one at a time, to PARTICIPANT.npz in the folder that is owned; return their costs.

    Files of an earlier run are kept as `make_each` has it.
    """

    def make(_number: int, participant: str, tell: Callable[[], None]) -> tuple[dict[str, np.ndarray], dict]:
        scan = ParticipantSlices.load(slices[participant])
        measurements = Measurements(low_resolution[participant], scan, protocol, sizes)
        other = ParticipantSlices.load(foreign[participant]) if foreign else None
        findings = Probing(method, scan, measurements, protocol, sizes, probe, tell).run(other)
        return _content(findings, scan), findings.cost

    said = {"method": method.name, "what": WHAT, "done": "probed"}
    return make_each(make, list(slices), ownership, provenance, fingerprint, **said)


def _content(findings: Findings, slices: ParticipantSlices) -> dict[str, np.ndarray]:
    """Arrays of a participant's file."""
    frame, examples = slices.maps.shape[-1], list(findings.examples.values())
    row_of = {int(k): s for s, k in enumerate(slices.slices)}
    shown = [row_of[row.slice] for row, _ in examples]
    return arrays_of(findings.rows) | {
        "example_maps": np.array([maps for _, maps in examples], np.float32).reshape(-1, 5, frame, frame),
        "example_row": np.array([findings.rows.index(row) for row, _ in examples], np.int32),
        "brain": slices.brain[shown], "affine": np.asarray(slices.affine, float),
    }  # fmt: skip
