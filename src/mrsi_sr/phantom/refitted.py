"""Low-resolution scans of a phantom that are fitted anew: complex signals, scalp lipid, noise and fits of each size.

What is measured is not masked: metabolites and lipid have the field's phase, the k-space of their sum is cut to the
window of the size, and each voxel of the head is fitted.

| assumption | value |
|---|---|
| noise | that of each sample of k-space as in the full scan (equal repetition time and averages), so S/N x matrix / n |
| highest S/N | 60: LCModel's S/N counts what its model lacks as noise, which no averaging lowers |
| line width | that of the full scan's voxels, and the spread of the field inside a voxel, added in quadrature |
| phase of a fit | one per voxel, that of the sum of all metabolites: where phases differ in a voxel, signal is lost |
| lipid | in the scalp, after suppression; what leaks into a voxel changes its fit as `acquisition.contaminate` has it |
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrsi_sr.phantom import acquisition
from mrsi_sr.phantom.anatomy import Head
from mrsi_sr.phantom.fields import smooth_field, stream
from mrsi_sr.phantom.grid import acquired_affine, to_mrsi_grid
from mrsi_sr.phantom.low_resolution import truncated, voxel_means
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import Phantom

FOLDER = "low_resolution"  # of a participant's folder
TOTALS = {"tCr": "Cr+PCr", "tCho": "GPC+PCh", "tNAA": "NAA+NAAG"}  # metabolites, and LCModel's names of them
HIGHEST_SNR = 60.0
MHZ = 297.223  # proton frequency at 7 T: Hz per ppm
FIELD_HZ, SINUS_HZ = 12.0, 80.0  # of the field's smooth part, and at the sinuses, which are 16 mm wide
PHASE_RAD = 0.5  # standard deviation of the phase that does not come from the field
DELAY_S = 0.002  # in which the field turns the signal, before it is measured
SCALP_MM = (5.0, 12.0)  # distance of the lipid from the brain
HEAD_MM = 16.0  # around the brain: farther voxels are air, and not fitted
LIPID = 2.0  # highest signal in the scalp, in the unit of `acquisition.contaminate`
FAILED = sum(acquisition.FAILURE_RATES[kind] for kind in ("no_file", "fatal", "header_only", "empty"))


@dataclass(frozen=True)
class Signals:
    """What the scans of all sizes measure, on the MRSI grid [X, Y, Z].

    metabolites: complex, mM, by single metabolite. lipid: complex. field_hz: float. head: bool, brain and what is near.
    """

    metabolites: dict[str, np.ndarray]
    lipid: np.ndarray
    field_hz: np.ndarray
    head: np.ndarray

    @classmethod
    def of(cls, rng: np.random.Generator, truth: dict[str, np.ndarray], head: Head, voxel_mm) -> "Signals":
        """Signals of the true concentrations, mM per single metabolite, in a random field and a random scalp."""
        shape = head.brain.shape
        field_hz = FIELD_HZ * smooth_field(rng, shape, voxel_mm, 15.0) + SINUS_HZ * acquisition.sinuses(head.mni_mm)
        phase = PHASE_RAD * smooth_field(rng, shape, voxel_mm, 25.0) + 2 * np.pi * DELAY_S * field_hz
        phasor = np.exp(1j * phase)
        distance_mm = ndimage.distance_transform_edt(~head.brain, sampling=voxel_mm)
        scalp = (distance_mm >= SCALP_MM[0]) & (distance_mm <= SCALP_MM[1])
        patches = 1.0 / (1.0 + np.exp(-3.0 * smooth_field(rng, shape, voxel_mm, 15.0)))
        metabolites = {name: volume * phasor for name, volume in truth.items()}
        return cls(metabolites, LIPID * patches * scalp * phasor, field_hz, distance_mm <= HEAD_MM)


@dataclass(frozen=True)
class FullScan:
    """S/N, FWHM (ppm) of the full scan's N fitted voxels on the MRSI grid, and its noise in mM by metabolite.

    snr, fwhm: float [X, Y, Z]; fitted: bool [X, Y, Z]; levels: as acquisition.noise_levels has them.
    """

    snr: np.ndarray
    fwhm: np.ndarray
    fitted: np.ndarray
    levels: dict[str, float]

    @classmethod
    def of(cls, fits: acquisition.SimulatedFits, truth: dict[str, np.ndarray]) -> "FullScan":
        """What the fits of a full scan, and the true concentrations of its voxels, say of its noise."""
        shape, at = next(iter(truth.values())).shape, tuple(fits.voxels.T)
        snr, fwhm, fitted = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
        snr[at], fwhm[at], fitted[at] = fits.snr, fits.fwhm, True
        relative = acquisition.relative_noise(snr[at], fwhm[at])
        levels = acquisition.noise_levels({name: volume[at] for name, volume in truth.items()}, relative)
        return cls(snr, fwhm, fitted, levels)


def scans(
    seed: int, participant: str, truth: dict[str, np.ndarray], head: Head, fits: acquisition.SimulatedFits,
    phantom: Phantom,
) -> dict[int, Volumes]:  # fmt: skip
    """Low-resolution scans at the sizes `phantom.refitted`, by size: volumes [n, n, Z] of the fitted slices.

    truth: mM per single metabolite, MRSI grid; fits: those of the full scan. Equal arguments give equal bits, and no
    size has an influence on another.
    """
    if not phantom.refitted:
        return {}
    signals = Signals.of(stream(seed, participant, "refitted"), truth, head, phantom.voxel_mm)
    full = FullScan.of(fits, truth)
    return {
        n: fit(stream(seed, participant, f"refitted {n}"), signals, full, head, n, phantom) for n in phantom.refitted
    }


def fit(
    rng: np.random.Generator, signals: Signals, full: FullScan, head: Head, n: int, phantom: Phantom
) -> Volumes:  # fmt: skip
    """Simulated fits of a scan of n x n voxels: concentrations in mM and %SD, NaN where there is no fit."""
    low = phantom.model_copy(update={"acquired": [n, n]})
    values, leaked = noiseless(signals, n)
    fitted = (voxel_means(signals.head, (n, n)) > 1e-6) & full.fitted.any(axis=(0, 1))
    failed = fitted & (rng.random(fitted.shape) < FAILED)
    fitted &= ~failed
    snr, fwhm = quality(signals, full, n)
    relative = acquisition.relative_noise(snr[fitted], fwhm[fitted])
    sigma = {name: level * relative for name, level in full.levels.items()}
    noise = (rng.standard_normal(len(relative)) for _ in sigma)
    contaminated = acquisition.contaminate(values, np.minimum(leaked, 1.0))
    found = acquisition.with_noise({name: value[fitted] for name, value in contaminated.items()}, sigma, noise)
    names = {name: TOTALS.get(name, name) for name in (*TOTALS, "NAA", "Glu", "Ins", "Gln", "Gly")}
    percent = {name: acquisition.percent_sd(found[name], sigma[name]).astype(float) for name in names.values()}
    status = np.where(fitted, Status.OK, np.where(failed, Status.FATAL, Status.MISSING))
    return Volumes(
        {name: _volume(found[own], fitted) for name, own in names.items()},
        {
            name: _volume(np.where(percent[own] == acquisition.NO_ESTIMATE, np.nan, percent[own]), fitted)
            for name, own in names.items()
        },
        np.where(fitted, np.rint(snr), np.nan), np.where(fitted, fwhm, np.nan), status, acquired_affine(low),
        voxel_means(to_mrsi_grid(head.brain_mri), (n, n)) >= 0.5,
    )  # fmt: skip


def noiseless(signals: Signals, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Fits without noise of a scan of n x n voxels, float [n, n, Z]: mM by single metabolite, and the leaked lipid.

    Each voxel's signals are turned by the phase of their sum, and the real part is fitted.
    """
    measured = {name: truncated(signal, (n, n)) for name, signal in signals.metabolites.items()}
    turned = np.exp(-1j * np.angle(sum(measured.values())))
    values = {name: (signal * turned).real for name, signal in measured.items()}
    return values, np.abs(truncated(signals.lipid, (n, n)))


def quality(signals: Signals, full: FullScan, n: int) -> tuple[np.ndarray, np.ndarray]:
    """S/N and FWHM (ppm) of a scan of n x n voxels, float [n, n, Z]; a voxel without brain has its nearest one's."""
    matrix = full.fitted.shape[:2]
    inside = voxel_means(full.fitted, (n, n))
    noise, fwhm = (
        _continued(voxel_means(np.where(full.fitted, values, 0.0), (n, n)), inside)
        for values in (1.0 / np.maximum(full.snr, 1.0), full.fwhm)
    )
    thermal = noise * np.sqrt(n * n / np.prod(matrix))
    mean_hz = voxel_means(signals.field_hz, (n, n))
    spread_hz = np.sqrt(np.maximum(voxel_means(signals.field_hz**2, (n, n)) - mean_hz**2, 0.0))
    width_ppm = np.sqrt(8 * np.log(2)) * spread_hz / MHZ
    return 1.0 / np.hypot(thermal, 1.0 / HIGHEST_SNR), np.hypot(fwhm, width_ppm)


def _continued(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of voxels, sums over weights, and where the weight is zero the nearest voxel's."""
    nearest = ndimage.distance_transform_edt(weights == 0, return_distances=False, return_indices=True)
    return (sums / np.where(weights > 0, weights, 1.0))[tuple(nearest)]


def _volume(values: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Values [N] of the fitted voxels in their volume, float32 [n, n, Z], NaN elsewhere."""
    volume = np.full(fitted.shape, np.nan, np.float32)
    volume[fitted] = values
    return volume
