"""Usable maps of some participants, copied to the device one participant after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mrsi_sr.cli import UserError, log
from mrsi_sr.scan.slices import ParticipantSlices, SlicesInFiles, adjacent

MRI = ("t1", "flair")
REFITTED = "mrsi_sr.maps.refitted"  # imported by name, as filling is


@dataclass(frozen=True)
class UsableMaps:
    """N usable maps of M metabolites, and the MRI of S slices, on one device.

    maps, measured float32 [N, 1, H, W] in the maps' unit, but measured [N, K, H, W] and noise [N, K] where scans were
    refitted at the K sizes `refitted`, else noise is None; valid bool [N, 1, H, W]; slice long [N] in 0..S-1;
    metabolite long [N] in 0..M-1. adjacent long [N, 2]: maps of the slices below and above, a map itself where there is
    none. t1, flair float16 [S, 3, 3H, 3W]: values in [0, 1], rounded by at most 0.00025.
    """

    metabolites: list[str]
    maps: Tensor
    valid: Tensor
    measured: Tensor
    slice: Tensor
    metabolite: Tensor
    adjacent: Tensor
    t1: Tensor
    flair: Tensor
    noise: Tensor | None = None
    refitted: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, participants: Sequence[ParticipantSlices] | SlicesInFiles, protocol: str, low_resolution: str,
        device: torch.device, refitted: Mapping[str, Path] | None = None,
    ) -> "UsableMaps":  # fmt: skip
        """Take the usable maps of the participants, and log those that are not usable. Arguments: see MapsOnDevice.

        Beside the result, two participants are in memory: one is taken while the next is read. Raises UserError for
        participants of different metabolites or grids, values that are not finite, and when no map is left.
        """
        slices, maps, names, kind = 0, 0, [], None
        room, rows = _number_of_slices(participants), {}
        for participant in participants:
            kind = kind or _Kind.of(participant)
            kind.check(_Kind.of(participant))
            scans = (refitted or {}).get(participant.participant)
            arrays = _arrays(participant, protocol, low_resolution, slices, maps, scans)
            for name, array in arrays.items():
                if name not in rows:
                    dtype, per_slice = (torch.float16, 1) if name in MRI else (None, len(kind.metabolites))
                    rows[name] = _Rows(room * per_slice, device, dtype)
                rows[name].add(array)
            slices, maps = slices + len(participant.slices), maps + len(arrays["maps"])
            names.append(participant.participant)
        if kind is None:
            raise UserError("no participants given: nothing to take maps from")
        tensors = {name: each.filled for name, each in rows.items()}
        if not len(tensors["maps"]):
            raise UserError(
                f"all maps of {', '.join(names)} are empty\n"
                "  see the montages of their quality masks, and loosen the quality rules"
            )
        sizes = _sizes_of(refitted) if low_resolution == "refitted" else ()
        return cls(list(kind.metabolites), **{"measured": tensors["maps"]} | tensors, refitted=sizes)


@dataclass(frozen=True)
class _Kind:
    """Metabolites and grid of a participant."""

    participant: str
    metabolites: tuple[str, ...]
    frame: int

    @classmethod
    def of(cls, slices: ParticipantSlices) -> "_Kind":
        return cls(slices.participant, tuple(map(str, slices.metabolites)), slices.maps.shape[-1])

    def check(self, other: "_Kind") -> None:
        """Raise UserError where another participant's are different."""
        if (other.metabolites, other.frame) != (self.metabolites, self.frame):
            raise UserError(
                f"{other.participant} has {', '.join(other.metabolites)} on a grid of {other.frame}, "
                f"{self.participant} has {', '.join(self.metabolites)} on a grid of {self.frame}\n"
                "  make the slices of all participants with the same settings"
            )


class _Rows:
    """Tensor on the device that is filled with rows, without a second copy of those that are there."""

    def __init__(self, room: int, device: torch.device, dtype: torch.dtype | None):
        """room: largest number of rows. dtype: of the tensor; None: that of the arrays."""
        self.room, self.device, self.dtype = room, device, dtype
        self.tensor, self.number = None, 0

    def add(self, array: np.ndarray) -> None:
        added = torch.from_numpy(array)
        if self.tensor is None:
            shape = (self.room, *added.shape[1:])
            self.tensor = torch.empty(shape, dtype=self.dtype or added.dtype, device=self.device)
        self.tensor[self.number : self.number + len(added)] = added
        self.number += len(added)

    @property
    def filled(self) -> Tensor:
        return self.tensor[: self.number]


def _number_of_slices(participants: Sequence[ParticipantSlices] | SlicesInFiles) -> int:
    if isinstance(participants, SlicesInFiles):
        return participants.number
    return sum(len(each.slices) for each in participants)


def _sizes_of(files: Mapping[str, Path]) -> tuple[int, ...]:
    """Sizes of the refitted scans in the files of all participants. Raises UserError where they differ."""
    sizes = {path: tuple(import_module(REFITTED).sizes_in(path)) for path in files.values()}
    if len(set(sizes.values())) > 1:
        words = "; ".join(f"{path}: {', '.join(map(str, found))}" for path, found in sizes.items())
        raise UserError(f"the participants have refitted scans of different sizes\n  {words}")
    return next(iter(sizes.values()))


def _arrays(
    participant: ParticipantSlices, protocol: str, low_resolution: str, first_slice: int, first_map: int,
    scans: Path | None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Arrays of one participant's usable maps and of its MRI, by the names of UsableMaps; `measured` where it differs.

    first_slice, first_map: numbers of the slices and usable maps of the participants before. scans: file of the
    participant's refitted scans.
    """
    used, valid = participant.usable(protocol)
    _log_left_out(participant, used)
    slice_, metabolite = used.nonzero()
    maps = participant.maps[used] * valid[used]
    arrays = {"maps": maps[:, None], "valid": valid[used][:, None]}
    if low_resolution == "filled":
        # By name: how holes are filled is part of the code of the networks alone that are trained with filled maps.
        fill = import_module("mrsi_sr.scan.holes").fill
        arrays["measured"] = fill(maps, valid[used], participant.brain[slice_])[:, None]
    if low_resolution == "refitted":
        if scans is None:
            raise UserError(f"no file of refitted scans of {participant.participant}\n  give it with --refitted")
        arrays |= import_module(REFITTED).arrays(scans, participant, protocol, used)
    arrays |= {"slice": slice_ + first_slice, "metabolite": metabolite}
    arrays["adjacent"] = _adjacent(participant, used) + first_map
    return arrays | {name: getattr(participant, name) for name in MRI}


def _adjacent(participant: ParticipantSlices, used: np.ndarray) -> np.ndarray:
    """Usable maps of the slices below and above each usable map, int [n, 2] in 0..n-1; itself where there is none."""
    number = np.where(used, used.cumsum().reshape(used.shape) - 1, -1)
    slice_, metabolite = used.nonzero()
    near = number[adjacent(participant.slices)[slice_], metabolite[:, None]]
    return np.where(near < 0, number[used][:, None], near)


def _log_left_out(participant: ParticipantSlices, used: np.ndarray) -> None:
    left_out = [f"{participant.metabolites[m]} of slice {participant.slices[s]}" for s, m in np.argwhere(~used)]
    if left_out:
        log.info(
            "%s: left out %d of %d maps, which are empty: %s",
            participant.participant, len(left_out), used.size, ", ".join(left_out),
        )  # fmt: skip
