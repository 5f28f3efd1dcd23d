"""Result of a super-resolved scan: mean, standard deviation, samples, ratios and misfit, slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mrsi_sr.new_scan import ratios
from mrsi_sr.new_scan.ratios import Ratio
from mrsi_sr.new_scan.sampling import SampledSlice
from mrsi_sr.new_scan.scan import NewScan


@dataclass(frozen=True)
class SliceResult:
    """Maps of one slice in the frame, float32, NaN outside masks. M metabolites, R ratios, K samples.

    mean, sd: [M + R, F, F] over the samples; sd is NaN for a single sample. samples: [K, M, F, F], or [0, M, F, F]
    where they are not kept. misfit_before, misfit: [M], means over the samples.
    """

    mean: np.ndarray
    sd: np.ndarray
    samples: np.ndarray
    misfit_before: np.ndarray
    misfit: np.ndarray

    @classmethod
    def of(cls, sampled: SampledSlice, metabolites: Sequence[str], ratio_maps: Sequence[Ratio], keep: bool):
        """The result of a slice's samples. keep: whether the samples themselves are kept."""
        every = [sampled.maps.transpose(1, 0, 2, 3)]
        every += [ratios.maps_of(ratio, sampled.maps, metabolites)[None] for ratio in ratio_maps]
        maps = np.concatenate(every)  # [M + R, K, F, F]
        with np.errstate(invalid="ignore"):
            sd = maps.std(axis=1, ddof=1) if maps.shape[1] > 1 else np.full_like(maps[:, 0], np.nan)
        samples = sampled.maps if keep else sampled.maps[:0]
        return cls(maps.mean(axis=1), sd, samples, sampled.misfit_before.mean(axis=0), sampled.misfit.mean(axis=0))


@dataclass(frozen=True)
class SuperResolved:
    """A super-resolved scan. Maps are [S, F, F] in the scan's unit (ratios: without one), NaN outside the masks.

    method: label. samples: number of samples of each map, 0 where the scan was only regridded.
    mean, sd: by metabolite or ratio. every: by metabolite, [S, K, F, F], empty where samples were not kept.
    misfit_before, misfit: by metabolite, [S], the distance from the measurement before and after data consistency,
    as a part of the measurement. zero_filled: by metabolite. warnings: in words. seconds: of the sampling.
    fed: what the networks were given, in words.
    """

    scan: NewScan
    method: str
    samples: int
    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    every: dict[str, np.ndarray]
    misfit_before: dict[str, np.ndarray]
    misfit: dict[str, np.ndarray]
    zero_filled: dict[str, np.ndarray]
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    fed: str = ""

    @classmethod
    def of(
        cls, scan: NewScan, slices: Sequence[SliceResult], ratio_maps: Sequence[Ratio], *, method: str, samples: int,
        warnings: Sequence[str], seconds: float, fed: str = "",
    ) -> "SuperResolved":  # fmt: skip
        """The result of a scan from its slices' results, in order."""
        names, maps = scan.metabolites, [*scan.metabolites, *map(str, ratio_maps)]
        kept = bool(slices and len(slices[0].samples))

        def column(name: str, index: int) -> np.ndarray:
            return np.stack([getattr(each, name)[index] for each in slices])

        return cls(
            scan=scan, method=method, samples=samples,
            mean={each: column("mean", m) for m, each in enumerate(maps)},
            sd={each: column("sd", m) for m, each in enumerate(maps)} if samples > 1 else {},
            every={each: np.stack([s.samples[:, m] for s in slices]) for m, each in enumerate(names)} if kept else {},
            misfit_before={each: column("misfit_before", m) for m, each in enumerate(names)},
            misfit={each: column("misfit", m) for m, each in enumerate(names)},
            zero_filled=zero_filled_of(scan), warnings=list(warnings), seconds=seconds, fed=fed,
        )  # fmt: skip

    @classmethod
    def regridded(cls, scan: NewScan, warnings: Sequence[str]) -> "SuperResolved":
        """The result of a scan that is finer than the target: nothing but its zero-filled maps."""
        return cls(scan, "regridded only", 0, {}, {}, {}, {}, {}, zero_filled_of(scan), list(warnings))


def zero_filled_of(scan: NewScan) -> dict[str, np.ndarray]:
    """Zero-filled maps of a scan by metabolite, [S, F, F], NaN outside the masks: its holes are filled before."""
    import torch

    maps = scan.window.zero_filled(torch.from_numpy(scan.measurement.values)).numpy()
    return {each: np.where(scan.valid[:, m], maps[:, m], np.nan) for m, each in enumerate(scan.metabolites)}
