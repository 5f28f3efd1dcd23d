"""Simulated 7 T scan and LCModel fit of the true concentrations: S/N, FWHM, noise, %SD, lipid, failed voxels."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrsi_sr.phantom.fields import smooth_field

# S/N and FWHM inside the brain as measured at 7 T: (percentile, value), linear between.
SNR_QUANTILES = ((0, 0.0), (1, 1.7), (1.4, 2.5), (5, 5.5), (25, 12.0), (50, 19.0), (75, 24.0), (99, 32.0), (100, 38.0))
FWHM_QUANTILES_PPM = (
    (0, 0.019), (10, 0.029), (25, 0.035), (50, 0.042), (75, 0.056), (90, 0.082), (99, 0.141), (99.3, 0.15), (100, 0.24),
)  # fmt: skip
# Median %SD over the brain. Combinations have their own, which does not follow from those of their parts.
MEDIAN_SD_PERCENT = {
    "Cr": 8, "PCr": 10, "Gly": 45, "NAA": 4, "NAAG": 16, "Glu": 7, "Gln": 12, "Ins": 6, "Tau": 16, "GPC": 8,
    "PCh": 18, "GSH": 12, "GPC+PCh": 4, "NAA+NAAG": 3, "Ins+Gly": 5, "Cr+PCr": 3, "Glu+Gln": 8,
}  # fmt: skip
FITTED_TOTALS = {"Cr+PCr": ("Cr", "PCr"), "GPC+PCh": ("GPC", "PCh"), "NAA+NAAG": ("NAA", "NAAG")}
SUMS = {"Ins+Gly": ("Ins", "Gly"), "Glu+Gln": ("Glu", "Gln")}
NO_ESTIMATE = 999  # percent
SINUSES_MM = ((0.0, 50.0, -14.0), (-48.0, -22.0, -24.0), (48.0, -22.0, -24.0))  # MNI: above the nose, both ear canals

# Share of failed voxels by kind. Fits of noise or lipid have complete tables, as good fits do.
FAILURE_RATES = {
    "no_file": 0.0015,  # all-zero data
    "fatal": 0.0020,  # zero or tiny data
    "header_only": 0.0007,  # NaN in the data
    "empty": 0.0007,  # LCModel was killed, or is still running
    "noise": 0.0020,
    "lipid": 0.0020,
}
MIN_OF_EACH_FAILURE = 2
NEVER_WRITTEN = 0.03  # share of the last slice's voxels: a FATAL stopped its run, which goes from the centre outwards


@dataclass(frozen=True)
class SimulatedFits:
    """Simulated LCModel results of the N fitted voxels, in the order of `voxels`.

    voxels: int [N, 3], index (i, j, k). concentration: mM, float [N] per metabolite and combination.
    sd: percent, int [N]. snr: integer [N]. fwhm: ppm [N]. failures: kind -> int [n], positions in `voxels`.
    """

    voxels: np.ndarray
    concentration: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    snr: np.ndarray
    fwhm: np.ndarray
    failures: dict[str, np.ndarray]


def fit(
    rng: np.random.Generator, truth: dict[str, np.ndarray], brain: np.ndarray, fluid: np.ndarray, mni_mm: np.ndarray,
    slices: tuple[int, int], voxel_mm, *, contaminated: dict[str, np.ndarray] | None = None,
    min_of_each_failure: int = MIN_OF_EACH_FAILURE,
) -> SimulatedFits:  # fmt: skip
    """Simulated fits of every brain voxel in a range of slices.

    truth: mM per single metabolite, on the scan's grid [X, Y, Z]; brain: bool; fluid: fraction; mni_mm: [3, X, Y, Z].
    slices: first and last, both included. voxel_mm: edges of a voxel, [3].
    contaminated: truth with its contamination by lipid, where the scan measured it; None: contaminated on this grid.
    """
    fitted = np.zeros_like(brain)
    fitted[:, :, slices[0] : slices[1] + 1] = brain[:, :, slices[0] : slices[1] + 1]
    depth_mm = depth_in_brain(brain, voxel_mm)
    failures = _choose_failures(rng, fitted, depth_mm, voxel_mm, min_of_each_failure)
    snr, fwhm = quality(rng, fitted, fluid, depth_mm, mni_mm, voxel_mm, failures)
    if contaminated is None:
        contaminated = contaminate(truth, lipid_signal(rng, depth_mm, voxel_mm))
    true_values, contaminated = _of_voxels(truth, fitted), _of_voxels(contaminated, fitted)
    correlated_noise = (_noise(rng, brain.shape, fitted) for _ in range(len(MEDIAN_SD_PERCENT)))
    relative = relative_noise(snr, fwhm)
    sigma = {name: level * relative for name, level in noise_levels(true_values, relative).items()}
    concentration = with_noise(contaminated, sigma, correlated_noise)
    _replace_failed_fits(rng, concentration, sigma, failures)
    sd = {name: percent_sd(concentration[name], sigma[name]) for name in concentration}
    return SimulatedFits(np.argwhere(fitted), concentration, sd, np.rint(snr).astype(int), fwhm, failures)


def depth_in_brain(brain: np.ndarray, voxel_mm) -> np.ndarray:
    """Distance in mm of each voxel of the brain, bool [X, Y, Z], from the nearest one outside; 0 outside."""
    return ndimage.distance_transform_edt(brain, sampling=voxel_mm)


def quality(rng, fitted, fluid, depth_mm, mni_mm, voxel_mm, failures) -> tuple[np.ndarray, np.ndarray]:
    """S/N and FWHM (ppm) of the fitted voxels [N] with the measured quantiles, worst near the skull and the sinuses.

    A latent field orders the voxels from worst to best, and the voxels get the quantiles' values by rank, so that the
    distribution is exact.
    """
    shape = fitted.shape
    skull = np.exp(-depth_mm / 5.0)
    shim = 3.5 * sinuses(mni_mm) + 1.6 * skull + 0.35 * smooth_field(rng, shape, voxel_mm, 12.0)
    broad = (shim + 0.18 * rng.standard_normal(shape))[fitted]
    receive = smooth_field(rng, shape, voxel_mm, 30.0)
    weak = (0.7 * shim + 1.5 * skull + 2.5 * fluid + 0.5 * receive + 0.18 * rng.standard_normal(shape))[fitted]
    weak[failures["noise"]] += 100.0
    broad[failures["lipid"]] += 2.0
    return _with_quantiles(-weak, SNR_QUANTILES), _with_quantiles(broad, FWHM_QUANTILES_PPM)


def sinuses(mni_mm: np.ndarray) -> np.ndarray:
    """Disturbance of the field around the sinuses, float32 [X, Y, Z]: Gaussians of height 1. mni_mm: [3, X, Y, Z]."""
    sinus = np.zeros(mni_mm.shape[1:], np.float32)
    for centre in SINUSES_MM:
        squared = ((mni_mm - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0)
        sinus += np.exp(-squared / (2 * 16.0**2))
    return sinus


def lipid_signal(rng: np.random.Generator, depth_mm: np.ndarray, voxel_mm) -> np.ndarray:
    """Lipid signal from the scalp, in [0, 1] on the MRSI grid: patches within about 7 mm of the brain's edge."""
    patches = 1.0 / (1.0 + np.exp(-3.0 * smooth_field(rng, depth_mm.shape, voxel_mm, 9.0)))
    return patches * np.exp(-np.maximum(depth_mm - min(voxel_mm), 0.0) / 3.0)


def percent_sd(concentration: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Cramer-Rao bound in whole percent of the concentration, 1 to 999; 999 where the fit is zero."""
    printed = np.round(concentration, 6)
    with np.errstate(divide="ignore"):
        percent = np.where(printed > 0, 100.0 * sigma / np.where(printed > 0, concentration, 1.0), NO_ESTIMATE)
    return np.clip(np.rint(percent), 1, NO_ESTIMATE).astype(int)


def _with_quantiles(latent: np.ndarray, quantiles) -> np.ndarray:
    """Values [N] with the given quantiles (percentile, value), in the order of `latent` [N]."""
    rank = np.empty(len(latent))
    rank[np.argsort(latent, kind="stable")] = (np.arange(len(latent)) + 0.5) / len(latent)
    percents, values = zip(*quantiles, strict=True)
    return np.interp(100 * rank, percents, values)


def contaminate(values: dict[str, np.ndarray], lipid: np.ndarray) -> dict[str, np.ndarray]:
    """Concentrations with lipid contamination: lipid near 2.05 ppm is fitted as NAA and Glu, and lowers choline.

    values: mM per single metabolite; lipid: in [0, 1]; all of one shape.
    """
    factors = {"NAA": 1 + 9 * lipid**2, "Glu": 1 + 4 * lipid**2, "GPC": 1 - 0.7 * lipid, "PCh": 1 - 0.7 * lipid}
    return {name: value * factors.get(name, 1.0) for name, value in values.items()}


def relative_noise(snr: np.ndarray, fwhm: np.ndarray) -> np.ndarray:
    """Noise of fits, relative to that of the median S/N and FWHM (ppm): as 1 / (S/N), and as the root of the FWHM."""
    return 19.0 / np.maximum(snr, 0.5) * np.sqrt(fwhm / 0.042)


def noise_levels(truth: dict[str, np.ndarray], relative: np.ndarray) -> dict[str, float]:
    """Noise in mM, where the relative noise is 1, of all metabolites and combinations: those of MEDIAN_SD_PERCENT.

    truth: mM per single metabolite, [N] voxels of a full scan; relative: their relative noise [N].
    """
    combined = {name: truth[first] + truth[second] for name, (first, second) in (FITTED_TOTALS | SUMS).items()}
    return {
        name: MEDIAN_SD_PERCENT[name] / 100.0 / np.median(relative / np.maximum(value, 1e-3))
        for name, value in (truth | combined).items()
    }


def with_noise(values: dict[str, np.ndarray], sigma: dict[str, np.ndarray], noise) -> dict[str, np.ndarray]:
    """Noisy concentrations [N], zero at least, of all metabolites and combinations.

    The sum of a pair such as Cr and PCr is fitted well and its parts badly, so the sum and its division have
    independent noise. values: mM per single metabolite. sigma: standard deviations in mM of metabolites and
    combinations. noise: iterator of standard normal draws [N].
    """
    fitted = {}
    for name, (first, second) in FITTED_TOTALS.items():
        whole = values[first] + values[second]
        share = np.clip(values[first] / np.maximum(whole, 1e-9), 0.0, 1.0)  # truncation may ring below zero
        fitted[name] = np.maximum(whole + sigma[name] * next(noise), 0.0)
        split = np.sqrt(np.maximum(sigma[second] ** 2 - ((1 - share) * sigma[name]) ** 2, 0.0))
        fitted[first] = np.clip(share * fitted[name] + split * next(noise), 0.0, fitted[name])
        fitted[second] = fitted[name] - fitted[first]
    for name in sorted(values.keys() - fitted.keys()):
        fitted[name] = np.maximum(values[name] + sigma[name] * next(noise), 0.0)
    return fitted | {name: fitted[first] + fitted[second] for name, (first, second) in SUMS.items()}


def _noise(rng: np.random.Generator, shape, fitted: np.ndarray) -> np.ndarray:
    """Standard normal noise of the fitted voxels [N], slightly correlated in space as after a k-space filter."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 0.45)
    return (field / field.std())[fitted]


def _of_voxels(volumes: dict[str, np.ndarray], fitted: np.ndarray) -> dict[str, np.ndarray]:
    """Values [N] of the fitted voxels."""
    return {name: volume[fitted].astype(float) for name, volume in volumes.items()}


def _choose_failures(rng, fitted: np.ndarray, depth_mm: np.ndarray, voxel_mm, least: int) -> dict[str, np.ndarray]:
    """Failed voxels by kind, as positions among the fitted ones: most are near the brain's edge, lipid only there.

    least: smallest number of each kind.
    """
    depth = depth_mm[fitted]
    weight = {kind: np.exp(-depth / 12.0) + 0.2 for kind in FAILURE_RATES}
    weight["lipid"] = (depth <= 1.5 * max(voxel_mm)).astype(float)
    free = np.ones(len(depth), bool)
    stopped_at, never_written = _stopped_run(np.argwhere(fitted), min(least, 1))
    free[[*stopped_at, *never_written]] = False
    failures = {"never_written": never_written}
    for kind, rate in FAILURE_RATES.items():
        chances = weight[kind] * free
        number = min(max(round(rate * len(depth)), least), np.count_nonzero(chances))
        failures[kind] = np.sort(rng.choice(len(depth), size=number, replace=False, p=chances / chances.sum()))
        free[failures[kind]] = False
    failures["fatal"] = np.sort(np.append(failures["fatal"], stopped_at))
    return failures


def _stopped_run(voxels: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """The last slice's voxel with a FATAL [1], and those [n] that its run never reached; positions in voxels [N, 3].

    Both are empty where fewer than half a voxel, and less than `least`, was never written.
    """
    in_slice = np.flatnonzero(voxels[:, 2] == voxels[:, 2].max())
    plane = voxels[in_slice, :2]
    outwards = in_slice[np.argsort(((plane - plane.mean(axis=0)) ** 2).sum(axis=1), kind="stable")]
    reached = len(in_slice) - max(round(NEVER_WRITTEN * len(in_slice)), least)
    return outwards[reached - 1 : reached] if reached < len(in_slice) else outwards[:0], np.sort(outwards[reached:])


def _replace_failed_fits(rng, concentration: dict, sigma: dict, failures: dict) -> None:
    """Overwrite, in place, the fits of noise (random values) and of strong lipid (high NAA and Glu)."""
    singles = [name for name in concentration if "+" not in name]
    noise, lipid = failures["noise"], failures["lipid"]
    for name in singles:
        scale = np.median(concentration[name])
        guessed = rng.exponential(scale, len(noise)) * (rng.random(len(noise)) < 0.6)
        concentration[name][noise], sigma[name][noise] = guessed, scale * rng.uniform(0.4, 2.0, len(noise))
        rest = rng.exponential(0.5 * scale, len(lipid)) * (rng.random(len(lipid)) < 0.35)
        concentration[name][lipid], sigma[name][lipid] = rest, scale * rng.uniform(0.5, 3.0, len(lipid))
    for name, low, high in (("NAA", 60.0, 630.0), ("Glu", 30.0, 260.0)):
        concentration[name][lipid] = np.exp(rng.uniform(np.log(low), np.log(high), len(lipid)))
        sigma[name][lipid] = concentration[name][lipid] * rng.uniform(0.03, 0.07, len(lipid))
    for name, (first, second) in (FITTED_TOTALS | SUMS).items():
        for positions in (noise, lipid):
            concentration[name][positions] = concentration[first][positions] + concentration[second][positions]
            sigma[name][positions] = np.hypot(sigma[first][positions], sigma[second][positions]) * 0.8
