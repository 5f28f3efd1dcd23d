"""A method's maps of the test participants: measured k-space in, super-resolved maps out, each with its own seed."""

import json
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mrsi_sr import devices
from mrsi_sr.cli import UserError, log, progress
from mrsi_sr.kspace import Truncation, expand_window
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.dataset import conditioned, generator_of, usable_maps
from mrsi_sr.results.claim import Held
from mrsi_sr.results.provenance import device_name
from mrsi_sr.sampling.method import Method
from mrsi_sr.scan.slices import ParticipantSlices, load


@dataclass(frozen=True)
class Task:
    """One map to sample: positions in the participant's arrays, low-resolution size, number of the repetition."""

    slice: int
    metabolite: int
    size: int
    sample: int


class MapNoise:
    """Standard normal noise for a batch of maps, each from a generator of its own: the batch makes no difference.

    Drawn on the CPU, so that it is the same on every device.
    """

    def __init__(self, keys: Sequence[tuple]):
        self.generators = [generator_of("cpu", "noise", *key) for key in keys]

    def __call__(self, x: Tensor) -> Tensor:
        """Noise like x [B, ...], on its device; map by map the generators move on."""
        drawn = [torch.randn(x.shape[1:], generator=generator) for generator in self.generators]
        return torch.stack(drawn).to(x)


class Measurements:
    """A participant's low-resolution scans as they were measured: k-space per size, in the maps' unit."""

    def __init__(self, path: Path, slices: ParticipantSlices, protocol: str, sizes: Sequence[int]):
        """Read the sizes asked for.

        Raises UserError when one is absent, or the file is of another protocol, other slices or other metabolites.
        """
        with np.load(path, allow_pickle=False) as file:
            held = [int(size) for size in file["sizes"]]
            if str(file["protocol"]) != protocol:
                raise UserError(f"{path} was truncated by protocol {file['protocol']}, but this run is {protocol}")
            absent = [size for size in sizes if size not in held]
            if absent:
                raise UserError(
                    f"{path} has no low-resolution size {', '.join(map(str, absent))}\n"
                    f"  it has {', '.join(map(str, held))}: truncate to the sizes that are to be sampled"
                )
            for name in ("slices", "metabolites"):
                if list(file[name]) != list(getattr(slices, name)):
                    raise UserError(f"{path} has other {name} than slices.npz of the participant\n  run truncate.py")
            frame = slices.maps.shape[-1]
            self.kspace = {size: expand_window(file[f"kspace_{size}"], size, protocol, frame) for size in sizes}

    def of(self, tasks: Sequence[Task]) -> np.ndarray:
        """Centred k-space of the tasks' maps: complex64 [B, 1, H, W], zero outside each one's window."""
        return np.stack([self.kspace[task.size][task.slice, task.metabolite] for task in tasks])[:, None]


class Batches:
    """The conditions of a participant's maps, its arrays held on the device."""

    def __init__(
        self, slices: ParticipantSlices, valid: np.ndarray, measurements: Measurements, truncation: Truncation
    ):
        self.measurements, self.truncation = measurements, truncation
        self.t1, self.flair = self._there(slices.t1), self._there(slices.flair)
        self.mask = self._there(valid.astype(np.float32))
        # The paper protocol scales by the high-resolution maximum, which a real low-resolution scan does not have.
        self.highest = self._there(slices.maps.max(axis=(2, 3))) if truncation.protocol == "paper" else None

    def condition(self, tasks: Sequence[Task]) -> tuple[Condition, Tensor]:
        """The scaled condition of the tasks' maps, and the scale [B, 1, 1, 1] in the map's unit."""
        slice_, metabolite, size = (
            self._there(np.array([getattr(task, name) for task in tasks])) for name in ("slice", "metabolite", "size")
        )
        highest = None if self.highest is None else self.highest[slice_, metabolite].view(-1, 1, 1, 1)
        return conditioned(
            self.truncation, self._there(self.measurements.of(tasks)), self.mask[slice_, metabolite][:, None], highest,
            self.t1[slice_], self.flair[slice_], size, metabolite,
        )  # fmt: skip

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.truncation.device)


@torch.no_grad()
def sample_participant(
    method: Method, slices: ParticipantSlices, measurements: Measurements, protocol: str, sizes: Sequence[int],
    what: str = "", beat: Callable[[], None] = lambda: None,
) -> tuple[dict[str, np.ndarray], dict]:  # fmt: skip
    """All usable maps of a participant: the arrays of its file (maps [N, H, W] in the maps' unit) and their cost.

    beat: called before every batch. The cost has maps, seconds (of the sampler alone), nfe and the device's name.
    Raises UserError for metabolites that the method's networks do not know.
    """
    settings = method.settings
    method.check_metabolites(slices.participant, slices.metabolites)
    used, valid = usable_maps(slices, protocol)
    tasks = [
        Task(int(slice_), int(metabolite), size, sample)
        for slice_, metabolite in np.argwhere(used)
        for size in sizes
        for sample in range(settings.samples)
    ]
    frame = slices.maps.shape[-1]
    batches = Batches(slices, valid, measurements, Truncation(protocol, frame, method.device))
    maps, seconds, nfe = [np.zeros((0, frame, frame), np.float32)], 0.0, 0
    starts = range(0, len(tasks), method.batch_size)
    for start in progress(starts, f"{method.name}: batches of {slices.participant}{what}"):
        beat()
        chosen = tasks[start : start + method.batch_size]
        condition, scale = batches.condition(chosen)
        noise = MapNoise([_noise_key(settings.seed, slices, task) for task in chosen])
        devices.wait(method.device)
        started = time.monotonic()
        images, nfe = method(condition, noise)
        devices.wait(method.device)
        seconds += time.monotonic() - started
        if protocol == "paper":
            images = images.clamp(0, 1)
        maps.append((images.float() * scale)[:, 0].cpu().numpy())
    arrays = {
        "maps": np.concatenate(maps),
        "slice": np.array([slices.slices[task.slice] for task in tasks], np.int16),
        "metabolite": np.array([str(slices.metabolites[task.metabolite]) for task in tasks], str),
        "size": np.array([task.size for task in tasks], np.int16),
        "sample": np.array([task.sample for task in tasks], np.int16),
    }
    return arrays, {"maps": len(tasks), "seconds": seconds, "nfe": nfe, "device": device_name()}


def sample_all(
    method: Method, slices: dict[str, Path], low_resolution: dict[str, Path], protocol: str, sizes: Sequence[int],
    claim: Held, fingerprint: str,
) -> list[dict]:  # fmt: skip
    """Sample the participants, one at a time, to PARTICIPANT.npz in the folder that is claimed; return their costs.

    A participant's file with the same fingerprint, of a run before, is kept. Files of others are removed at the end.
    """
    out, costs = claim.folder, []
    for number, (participant, path) in enumerate(slices.items(), 1):
        file = out / f"{participant}.npz"
        cost = cost_of(file, fingerprint)
        if cost is not None:
            log.info("%s: %s was sampled before", method.name, participant)
        else:
            held = load(path)
            measurements = Measurements(low_resolution[participant], held, protocol, sizes)
            what = f" ({number} of {len(slices)})"
            arrays, cost = sample_participant(
                method, held, measurements, protocol, sizes, what,
                beat=lambda: claim.beat(len(costs), len(slices), "participants"),
            )  # fmt: skip
            claim.check()
            (out / "provenance.json").unlink(missing_ok=True)  # of the samples that are replaced
            with claim.writing(file) as temporary:
                np.savez_compressed(temporary, **arrays, fingerprint=fingerprint, cost=json.dumps(cost))
        costs.append(cost)
    claim.check()
    for file in out.glob("*.npz"):
        if file.stem not in slices:
            file.unlink()
    return costs


def cost_of(file: Path, fingerprint: str) -> dict | None:
    """What a participant's maps cost; None where the file is absent, damaged or of another fingerprint."""
    try:
        with np.load(file, allow_pickle=False) as held:
            return json.loads(str(held["cost"])) if str(held["fingerprint"]) == fingerprint else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read (%r): it is sampled again", file, error)
        return None


def _noise_key(seed: int, slices: ParticipantSlices, task: Task) -> tuple:
    number, metabolite = slices.slices[task.slice], slices.metabolites[task.metabolite]
    return seed, slices.participant, number, metabolite, task.size, task.sample
