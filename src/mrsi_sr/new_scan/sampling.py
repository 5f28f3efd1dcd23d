"""Sampling of a new scan: every sample of every map, in batches, resumable slice by slice."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrsi_sr import devices
from mrsi_sr.cli import ProgressLines, UserError, log
from mrsi_sr.kspace import to_kspace
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.dataset import conditioned
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.new_scan import consistency
from mrsi_sr.new_scan.batches import BatchSize
from mrsi_sr.new_scan.scan import NewScan, blank_mri
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import MapNoise
from mrsi_sr.scan.slices import adjacent


@dataclass(frozen=True)
class SampledSlice:
    """All samples of a slice in the maps' unit, [K, M, F, F] float32, and their misfit with the measurement, [K, M].

    misfit_before: before data consistency. Both are norms over the norm of the measurement.
    """

    maps: np.ndarray
    misfit_before: np.ndarray
    misfit: np.ndarray


class ScanSampler:
    """Samples of a scan's maps by one method, of one fold or of several that share the samples."""

    def __init__(
        self, methods: Sequence[Method], scan: NewScan, known: Sequence[str], *, whole: bool, seed: int,
        noisy: bool = False,
    ):  # fmt: skip
        """methods: the same of each fold. known: metabolites of the networks, in their order. seed: of the noise.

        whole: whether the networks learned from measurements of maps that go on outside their masks. Where they did
        not, the zero-filled maps are masked and measured again, as what they learned from was. noisy: whether they
        learned from scans with noise (refitted): then they are told this scan's.
        """
        self.methods, self.scan, self.seed, self.whole = methods, scan, seed, whole
        self.device, self.known = methods[0].device, len(known)
        self.window = scan.window.to(self.device)
        self.metabolite = torch.tensor([list(known).index(each) for each in scan.metabolites], device=self.device)
        self.t1, self.flair = (
            self._tensor(blank_mri(scan) if image is None else image) for image in (scan.t1, scan.flair)
        )
        self.adjacent = self._tensor(adjacent(scan.slices))
        self.mask = self._tensor(scan.valid.astype(np.float32))
        zero_filled = self.window.zero_filled(self._tensor(scan.measurement.values))
        measured = zero_filled if whole else self.window.truncate(zero_filled * self.mask, scan.target.size)
        self.kspace, self.beyond = to_kspace(measured), zero_filled * (1 - self.mask) * float(whole)
        self.low, self.measured = self.window.image(self.kspace), self.window.acquired(measured)
        self.trusted = self._tensor(scan.measurement.valid.astype(np.float32))
        noise = scan.measurement.noise
        self.noise = self._tensor(np.zeros_like(scan.measurement.values) if noise is None else noise)
        self.level = self._level() if noisy else None

    def usable(self) -> Tensor:
        """Maps that can be super-resolved, bool [S, M]: those with a positive value inside their mask."""
        return (self.low * self.mask).amax((2, 3)) > 0

    def slices(self, samples: int, done: Sequence[int], batches: BatchSize) -> Iterator[tuple[int, SampledSlice]]:
        """Each slice's position in the scan, and its samples, as soon as they are complete; those in `done` are left.

        Maps without a positive value, and what lies outside masks, are NaN.
        """
        usable = self.usable().cpu().numpy()
        positions = [s for s in range(len(self.scan.slices)) if s not in done]
        tasks = [(s, m, k) for s in positions for k in range(samples) for m in range(usable.shape[1]) if usable[s, m]]
        waiting = {s: samples * int(usable[s].sum()) for s in positions}
        collected = {s: self._empty(samples) for s in positions if not waiting[s]}
        yield from collected.items()
        for batch, result in self._run(tasks, batches):
            for (s, m, k), map_, before, after in zip(batch, *result, strict=True):
                slice_ = collected.setdefault(s, self._empty(samples))
                slice_.maps[k, m], slice_.misfit_before[k, m], slice_.misfit[k, m] = map_, before, after
                waiting[s] -= 1
                if not waiting[s]:
                    yield s, collected.pop(s)

    def _run(self, tasks: list[tuple[int, int, int]], batches: BatchSize):
        """Batches of tasks (slice, metabolite, sample), and their maps [B, F, F] and misfits [B] as arrays."""
        at, started = 0, time.monotonic()
        lines = ProgressLines(f"{self.methods[0].name}: {self.scan.name}: map", 0, len(tasks))
        while at < len(tasks):
            batch = tasks[at : at + batches.size]
            began = time.monotonic()
            try:
                result = self._sample(batch)
            except torch.cuda.OutOfMemoryError:
                batches.exceeded_memory(len(batch))
                continue
            batches.took(len(batch), time.monotonic() - began)
            yield batch, result
            if not at and len(batch) < len(tasks):
                _tell_estimate((time.monotonic() - started) / len(batch) * len(tasks), len(tasks))
            at += len(batch)
            lines.report(at, lambda: {"at a time": batches.size})

    @torch.no_grad()
    def _sample(self, batch: list[tuple[int, int, int]]) -> tuple[np.ndarray, ...]:
        s, m, k = (torch.tensor(column, device=self.device) for column in zip(*batch, strict=True))
        keys = [(self.seed, self.scan.name, int(self.scan.slices[s]), self.scan.metabolites[m], k) for s, m, k in batch]
        maps = torch.empty_like(self.low[s, m])[:, None]
        for fold, method in enumerate(self.methods):  # sample k is made by the fold k mod their number
            chosen = (k % len(self.methods) == fold).nonzero()[:, 0]
            if len(chosen):
                condition, scale = self.condition(s[chosen], m[chosen], method)
                images, _ = method(condition, MapNoise([keys[each] for each in chosen.tolist()]))
                maps[chosen] = images * scale
        devices.wait(self.device)
        fitted = self.consistent(maps, s, m)
        outside = self.mask[s, m] == 0
        values = fitted.maps[:, 0].masked_fill(outside, torch.nan)
        return tuple(each.cpu().numpy() for each in (values, fitted.misfit_before, fitted.misfit))

    def condition(self, s: Tensor, m: Tensor, method: Method) -> tuple[Condition, Tensor]:
        """The scaled condition of maps (slice, metabolite), and the scale [B, 1, 1, 1] in the maps' unit."""
        size = torch.full((len(s),), self.scan.target.size, dtype=torch.float32, device=self.device)
        factors = method.factors or ScaleFactors.ones(self.window.frame, self.known)
        return conditioned(
            self.window, self.kspace[s, m][:, None], self.mask[s, m][:, None], factors.to(self.device), self.t1[s],
            self.flair[s], size, self.metabolite[m], self.whole,
            adjacent=self.kspace[self.adjacent[s], m[:, None]] if method.neighbours else None,
            noise=None if self.level is None else self.level[s, m],
        )  # fmt: skip

    def consistent(self, maps: Tensor, s: Tensor, m: Tensor) -> consistency.Fitted:
        """Maps [B, 1, F, F] brought to agree with the scan's measurement, to the level of its noise."""
        noise = self.noise[s, m].flatten(1).norm(dim=1)
        return consistency.fit(
            maps, self.measured[s, m][:, None], self.trusted[s, m][:, None], noise, self.mask[s, m][:, None],
            self.beyond[s, m][:, None], self.window,
        )  # fmt: skip

    def _level(self) -> Tensor:
        """Noise of the zero-filled maps per voxel, [S, M]: as that of refitted scans; 0 where no %SD is known."""
        number, size = (self.noise > 0).sum((2, 3)).clamp(min=1), self.scan.target.size
        return (size - 1) / size * (self.noise.square().sum((2, 3)) / number).sqrt()

    def _empty(self, samples: int) -> SampledSlice:
        frame, metabolites = self.scan.target.x.frame, len(self.scan.metabolites)
        maps = np.full((samples, metabolites, frame, frame), np.nan, np.float32)
        return SampledSlice(maps, *(np.full((samples, metabolites), np.nan, np.float32) for _ in range(2)))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def check_sizes(scan: NewScan, sizes: Sequence[int], allow: bool) -> None:
    """Warn where a scan's low-resolution size is not among those learned.

    Raises UserError where that is not allowed.
    """
    size, low, high = scan.target.size, min(sizes), max(sizes)
    if low - 0.5 <= size <= high + 0.5:
        return
    frame = scan.target.x.frame
    words = (
        f"{scan.name} has an upscaling factor of {scan.target.factor:.2f} (a low-resolution size of {size:.1f}), but"
        f" the networks learned {frame / high:.2g} to {frame / low:.2g} (sizes {low} to {high})"
    )
    if size < 6:
        words += "; below 6x6, FTDDM's authors found that super-resolution fails (section 3.3.9)"
    if not allow:
        raise UserError(f"{words}\n  give --allow-unlearned-size to try, or networks that learned it")
    log.warning("%s", words)


def check_usable(scan: NewScan, usable: np.ndarray) -> None:
    """Warn of maps that have trusted voxels, but no value above zero: nothing scales them, and their result is zero.

    usable: bool [S, M]. Raises UserError where that is so of every map.
    """
    if not usable.any():
        raise UserError(
            f"{scan.name}: no map has a value above zero inside its mask\n"
            "  expected concentrations: look at the maps, or LCModel's tables, and at the quality settings"
        )
    trusted = scan.valid.any(axis=(2, 3))
    for m, name in enumerate(scan.metabolites):
        if not trusted[:, m].any():
            if not scan.measurement.valid[:, m].any():
                continue  # the quality mask has said so
            log.warning("%s: no voxel of %s is valid on the target grid: its maps are empty", scan.name, name)
        elif (empty := scan.slices[trusted[:, m] & ~usable[:, m]]).size:
            log.warning(
                "%s: %s has no value above zero in %d slices, such as %d: its maps are empty there",
                scan.name, name, empty.size, empty[0],
            )  # fmt: skip


def _tell_estimate(seconds: float, maps: int) -> None:
    words = (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else (f"{seconds / 3600:.1f} h")
    )
    log.info("%d maps will take about %s, as the first batch did", maps, words)
