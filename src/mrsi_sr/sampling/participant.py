"""A method's maps of one participant: measured k-space in, super-resolved maps out, each with its own seed."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mrsi_sr import devices
from mrsi_sr.cli import progress
from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.dataset import generator_of
from mrsi_sr.maps.measured import Batches, Measurements, Task
from mrsi_sr.sampling.method import Method
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.subset import usable


class MapNoise:
    """Standard normal noise for a batch of maps, each from a generator of its own: the batch makes no difference.

    Drawn on the CPU, so that it is the same on every device.
    """

    def __init__(self, keys: Sequence[tuple]):
        """keys: one per map, of numbers and words that seed its generator."""
        self.generators = [generator_of("cpu", "noise", *key) for key in keys]

    def __call__(self, x: Tensor) -> Tensor:
        """Noise like x [B, ...], on its device: the next draw of each map's generator."""
        drawn = [torch.randn(x.shape[1:], generator=generator) for generator in self.generators]
        return torch.stack(drawn).to(x)


@torch.no_grad()
def sample_participant(
    method: Method, slices: ParticipantSlices, measurements: Measurements, protocol: str, sizes: Sequence[int],
    what: str = "", tell: Callable[[], None] = lambda: None,
) -> tuple[dict[str, np.ndarray], dict]:  # fmt: skip
    """All usable maps of a participant: the arrays of its file (maps [N, H, W] in the maps' unit) and their cost.

    what: more about the participant, for the progress. tell: called before every batch. The cost has maps (how many),
    seconds (of the sampler alone) and nfe (network evaluations of a map, the most).
    Raises UserError when the method's networks were trained on other metabolites, or on maps of another size.
    """
    factors = method.factors_for(slices)
    used, valid = usable(slices, protocol, method.settings.subset)
    tasks = {
        point: [
            Task(int(slice_), int(metabolite), size, sample)
            for slice_, metabolite in np.argwhere(used)
            for size in sizes
            if point in method.settings.points_at(size)
            for sample in range(method.settings.samples)
        ]
        for point in method.points
    }
    frame = slices.maps.shape[-1]
    truncation = Truncation(protocol, frame, method.device)
    batches = Batches(slices, valid, measurements, truncation, factors, method.neighbours)
    number = sum(map(len, tasks.values()))
    maps, done, seconds, nfe = np.empty((number, frame, frame), np.float32), 0, 0.0, 0
    todo = [
        (point, of_point[start : start + method.batch_size])
        for point, of_point in tasks.items()
        for start in range(0, len(of_point), method.batch_size)
    ]
    for point, batch in progress(todo, f"{method.name}: batches of {slices.participant}{what}"):
        tell()
        condition, scale = batches.condition(batch)
        # All points of a sweep start from the same noise: what differs between them is the key alone.
        noise = MapNoise([_noise_key(method.settings.seed, slices, task) for task in batch])
        images, evaluations, took = _timed(method, condition, noise, point)
        seconds, nfe = seconds + took, max(nfe, evaluations)
        maps[done : done + len(batch)] = (images * scale)[:, 0].cpu().numpy()
        done += len(batch)
    return _arrays(maps, slices, tasks), {"maps": number, "seconds": seconds, "nfe": nfe}


def _noise_key(seed: int, slices: ParticipantSlices, task: Task) -> tuple:
    number, metabolite = slices.slices[task.slice], slices.metabolites[task.metabolite]
    return seed, slices.participant, number, metabolite, task.size, task.sample


def _timed(method: Method, condition: Condition, noise: MapNoise, point: str) -> tuple[Tensor, int, float]:
    """The method's maps [B, 1, H, W], the number of network evaluations, and the seconds that they took."""
    devices.wait(method.device)
    started = time.monotonic()
    images, nfe = method(condition, noise, point)
    devices.wait(method.device)
    return images, nfe, time.monotonic() - started


def _arrays(maps: np.ndarray, slices: ParticipantSlices, tasks: Mapping[str, Sequence[Task]]) -> dict[str, np.ndarray]:
    """The arrays of a participant's file of samples: the maps, and what each is of.

    That is its slice, metabolite, size, sample, and point of the sweep ("" without one).
    """
    all_tasks = [(point, task) for point, of_point in tasks.items() for task in of_point]
    return {
        "maps": maps,
        "slice": np.array([slices.slices[task.slice] for _, task in all_tasks], np.int16),
        "metabolite": np.array([str(slices.metabolites[task.metabolite]) for _, task in all_tasks], str),
        "size": np.array([task.size for _, task in all_tasks], np.int16),
        "sample": np.array([task.sample for _, task in all_tasks], np.int16),
        "point": np.array([point for point, _ in all_tasks], str),
    }
