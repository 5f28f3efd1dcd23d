"""Measured low-resolution scans of a participant, as truncate.py writes them: windows of k-space, by size."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import writing
from mrsi_sr.results.npz import read_npz
from mrsi_sr.results.reading import reading
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.windows import expand_window

WHAT, TO_DO = "a file of measured k-space", "run truncate.py again"
MASKED, REFITTED = "masked", "refitted"  # kinds: truncations of masked maps, and scans that were fitted anew
FACTS = {"sizes": "iu1", "protocol": "U0", "kind": "U0", "slices": "iu1", "metabolites": "U1", "participant": "U0"}


def write(
    path: str | Path, windows: Mapping[int, np.ndarray], protocol: str, slices: ParticipantSlices,
    noise: Mapping[int, np.ndarray] | None = None,
) -> None:  # fmt: skip
    """Write the windows of k-space, complex64 [S, M, w, w] by size, of a participant's slices.

    noise: of refitted scans, float32 [S, M] by size; None for truncations of the maps.
    """
    with writing(path) as temporary:
        np.savez(
            temporary,
            **{f"kspace_{n}": window for n, window in windows.items()},
            **{f"noise_{n}": values for n, values in (noise or {}).items()},
            sizes=np.array(list(windows), np.int16),
            protocol=np.array(protocol),
            kind=np.array(MASKED if noise is None else REFITTED),
            slices=slices.slices,
            metabolites=np.array(slices.metabolites),
            participant=np.array(slices.participant),
        )


def kind_of(path: str | Path) -> str:
    """Kind of the scans in a file, MASKED or REFITTED. Raises UserError for any other file."""
    return str(read_npz(path, {"kind": "U0"}, WHAT, TO_DO, whole=False)["kind"])


def sizes_in(path: str | Path) -> list[int]:
    """Sizes of the scans in a file. Raises UserError for any other file."""
    return read_npz(path, {"sizes": "iu1"}, WHAT, TO_DO, whole=False)["sizes"].tolist()


def read_noise(path: str | Path, slices: ParticipantSlices, sizes: Sequence[int]) -> dict[int, np.ndarray]:
    """Noise of a participant's refitted scans by size: standard deviation per voxel of each map, float32 [S, M].

    Raises UserError for a file without it.
    """
    found = read_npz(path, {f"noise_{size}": "f2" for size in sizes}, WHAT, TO_DO)
    with reading(path, WHAT, TO_DO):
        for name, noise in found.items():
            if noise.shape != slices.maps.shape[:2] or not (np.isfinite(noise) & (noise >= 0)).all():
                raise ValueError(f"{name} is {noise.shape}, or has values that are no standard deviations")
    return {size: found[f"noise_{size}"].astype(np.float32, copy=False) for size in sizes}


def read(path: str | Path, slices: ParticipantSlices, protocol: str, sizes: Sequence[int]) -> dict[int, np.ndarray]:
    """Centred k-space of a participant's maps by size: complex64 [S, M, N, N], zero outside each size's window.

    Raises UserError when a size is absent, or the file is of another protocol, participant, slices or metabolites.
    """
    facts = read_npz(path, FACTS, WHAT, TO_DO)
    present = facts["sizes"].tolist()
    if str(facts["protocol"]) != protocol:
        raise UserError(f"{path} was truncated by protocol {facts['protocol']}, but this run is {protocol}")
    absent = [size for size in sizes if size not in present]
    if absent:
        raise UserError(
            f"{path} has no low-resolution size {', '.join(map(str, absent))}\n"
            f"  it has {', '.join(map(str, present))}: truncate to the sizes that are to be sampled"
        )
    for name in ("slices", "metabolites", "participant"):
        if facts[name].tolist() != np.array(getattr(slices, name)).tolist():
            raise UserError(f"{path} has other {name} than slices.npz of {slices.participant}\n  run truncate.py")
    windows = read_npz(path, {f"kspace_{size}": "c4" for size in sizes}, WHAT, TO_DO)
    with reading(path, WHAT, TO_DO):
        return {size: _expanded(windows[f"kspace_{size}"], size, protocol, slices) for size in sizes}


def _expanded(window: np.ndarray, size: int, protocol: str, slices: ParticipantSlices) -> np.ndarray:
    if window.shape[:2] != slices.maps.shape[:2] or not np.isfinite(window).all():
        raise ValueError(f"the window of size {size} is {window.shape}, or has values that are not finite")
    return expand_window(window.astype(np.complex64, copy=False), size, protocol, slices.maps.shape[-1])
