"""Refitted low-resolution scans of a participant as training is fed with them: zero-filled maps and noise, by size.

A module of its own: part of the code of those networks alone that are trained on refitted scans.
"""

from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.windows import zero_filled


def arrays(path: Path, slices: ParticipantSlices, protocol: str, used: np.ndarray) -> dict[str, np.ndarray]:
    """Zero-filled maps `measured`, float32 [B, K, N, N], and `noise`, float32 [B, K], of B used maps at K sizes.

    used: bool [S, M]. Raises UserError for a file of truncated maps, and as low_resolution.read does.
    """
    sizes = sizes_in(path)
    kspace = low_resolution.read(path, slices, protocol, sizes)
    noise = low_resolution.read_noise(path, slices, sizes)
    return {
        "measured": np.stack([zero_filled(kspace[n][used], protocol) for n in sizes], axis=1).astype(np.float32),
        "noise": np.stack([noise[n][used] for n in sizes], axis=1),
    }


def sizes_in(path: Path) -> list[int]:
    """Sizes of the refitted scans in a file. Raises UserError for a file of truncated maps."""
    if low_resolution.kind_of(path) != low_resolution.REFITTED:
        raise UserError(f"{path} has truncated maps, no refitted scans\n  run truncate.py with --refitted")
    return low_resolution.sizes_in(path)
