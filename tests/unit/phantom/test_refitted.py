"""Laws of a phantom's refitted low-resolution scans: complex truncation, lost signal, leaking lipid, noise and %SD."""

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from mrsi_sr.cli import UserError
from mrsi_sr.phantom import refitted
from mrsi_sr.phantom.fields import stream
from mrsi_sr.phantom.low_resolution import truncated, voxel_means
from mrsi_sr.phantom.participant import simulate, write
from mrsi_sr.phantom.refitted import FullScan, Signals, fit, noiseless
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import PhantomSettings

TOY = PhantomSettings.of(matrix=[32, 32, 20], voxel_mm=[6.8, 6.8, 6.8], slices=[9, 11])
LOW = TOY | {"refitted": [8, 16]}
SHAPE = (32, 32, 2)


@pytest.fixture(scope="module")
def participant():
    return simulate("sub-01", 1, LOW)


@pytest.fixture(scope="module")
def signals(participant):
    rng = stream(1, "sub-01", "refitted")
    return Signals.of(rng, participant.truth, participant.head, TOY.voxel_mm)


def plain(**metabolites) -> Signals:
    """Signals without phase, field shift and lipid."""
    still = np.zeros(SHAPE)
    return Signals({name: map_.astype(complex) for name, map_ in metabolites.items()}, still, still, still > -1)


def band_limited(n: int, seed: int) -> np.ndarray:
    """A positive map of waves with abs(k) < n/2."""
    coarse = np.random.default_rng(seed).uniform(1, 2, (n, n, SHAPE[2]))
    along = refitted.truncated(np.eye(32)[:, :, None], (n, 32))[:, :, 0].T * 32 / n  # from n voxels to 32, the adjoint
    return np.einsum("xa,yb,abz->xyz", along, along, coarse)


@pytest.mark.parametrize("n", [8, 16])
def test_without_noise_lipid_phase_and_field_a_refit_is_the_truncation(n):
    first, second = band_limited(n, 1), band_limited(n, 2)
    assert min(first.min(), second.min()) > 0
    values, lipid = noiseless(plain(Cr=first, PCr=second), n)
    assert np.allclose(values["Cr"], truncated(first, (n, n)), atol=1e-12)
    assert np.allclose(values["PCr"], truncated(second, (n, n)), atol=1e-12)
    assert not lipid.any()


def test_a_common_phase_changes_nothing_and_phases_that_differ_in_a_voxel_lose_signal():
    along_x = np.exp(2j * np.pi / 32 * np.arange(32))[:, None, None]  # one turn over the field of view

    def fitted(phasor) -> np.ndarray:
        signals = dataclasses.replace(plain(), metabolites={"NAA": np.ones(SHAPE) * phasor})
        return noiseless(signals, 8)[0]["NAA"]

    assert np.allclose(fitted(1j), 1)
    assert np.allclose(fitted(along_x), 1)  # of the window abs(k) < 4
    assert np.allclose(fitted(along_x**5), 0, atol=1e-9)  # beyond it


def test_equal_seeds_give_equal_bits_and_no_size_has_an_influence_on_another(participant):
    def again(seed) -> Volumes:
        parts = participant.truth, participant.head, participant.fits, LOW | {"refitted": [16]}
        return refitted.scans(seed, "sub-01", *parts)[16]

    scan, other = again(1), again(2)
    for kind in ("concentration", "sd"):
        for name, volume in getattr(participant.refitted[16], kind).items():
            assert np.array_equal(volume, getattr(scan, kind)[name], equal_nan=True)
            assert not np.array_equal(volume, getattr(other, kind)[name], equal_nan=True)


def test_the_full_scan_does_not_change(participant):
    without = simulate("sub-01", 1, TOY)
    assert not without.refitted
    for name, values in participant.fits.concentration.items():
        assert np.array_equal(values, without.fits.concentration[name])


@pytest.mark.parametrize("n", [8, 16])
def test_the_percent_sd_is_the_scatter_of_the_fits(participant, signals, n):
    """Over repeated scans; %SD is in whole percent, and so are loose the bounds."""
    full = FullScan.of(participant.fits, participant.truth)
    scans = [fit(np.random.default_rng(seed), signals, full, participant.head, n, LOW) for seed in range(20)]
    inside = (voxel_means(participant.head.brain, (n, n)) > 0.9) & full.fitted.any(axis=(0, 1))
    for name in ("tCr", "Gln", "Gly"):
        values = np.stack([scan.concentration[name][inside] for scan in scans])
        told = np.stack([scan.sd[name][inside] for scan in scans]) / 100 * values
        scatter, told = np.nanstd(values, axis=0), np.sqrt(np.nanmean(told**2, axis=0))
        ratio = np.nanmedian(told / scatter)
        assert 0.8 < ratio < 1.25, f"{name}: {ratio}"


def test_larger_voxels_have_less_noise_and_no_more_than_the_highest_signal(participant, signals):
    full = FullScan.of(participant.fits, participant.truth)
    snr, fwhm = zip(*(refitted.quality(signals, full, n) for n in (8, 16)), strict=True)
    slices = full.fitted.any(axis=(0, 1))
    middle = [np.median(each[..., slices]) for each in snr]
    assert middle[1] < middle[0] < refitted.HIGHEST_SNR
    thermal = [(1 / each**2 - 1 / refitted.HIGHEST_SNR**2) ** -0.5 for each in middle]
    assert thermal[0] / thermal[1] == pytest.approx(2, rel=0.15)  # the same noise in each sample of k-space
    assert np.median(fwhm[0][..., slices]) > np.median(fwhm[1][..., slices])  # the field spreads in a large voxel


def test_lipid_leaks_from_the_scalp_into_the_brain_and_raises_naa_at_its_edge(participant, signals):
    assert not (np.abs(signals.lipid) > 0)[participant.head.brain].any()
    brain = voxel_means(participant.head.brain, (16, 16))[..., 9:12]
    edge, inside = (brain > 0.2) & (brain < 0.6), brain > 0.99
    leaked = noiseless(signals, 16)[1][..., 9:12]
    assert leaked[edge].mean() > 2 * leaked[inside].mean() > 0
    concentration = {name: volume[..., 9:12] for name, volume in participant.refitted[16].concentration.items()}
    ratio = {
        name: np.nanmean(concentration[name][edge]) / np.nanmean(concentration[name][inside])
        for name in ("tNAA", "tCr", "tCho")
    }
    assert ratio["tNAA"] > 1.3 * ratio["tCr"] > 1.3 * ratio["tCho"]


def test_all_of_the_head_is_fitted_and_air_is_not(participant, signals):
    volumes = participant.refitted[16]
    brain = voxel_means(participant.head.brain, (16, 16)) > 0
    brain[..., [k for k in range(20) if not 9 <= k <= 11]] = False
    assert np.all((volumes.status == Status.OK) | (volumes.status == Status.FATAL), where=brain)
    assert np.count_nonzero(np.isfinite(volumes.concentration["tCr"][..., 9:12])) > np.count_nonzero(brain)
    assert np.isnan(volumes.concentration["tCr"][0, 0]).all()


def test_the_scans_are_written_as_volumes_in_the_place_of_the_head(participant, tmp_path):
    write(participant, tmp_path / "sub-01")
    folder = tmp_path / "sub-01" / "low_resolution"
    assert sorted(path.name for path in folder.iterdir()) == ["size-08", "size-16"]
    volumes = Volumes.load(folder / "size-08", ["tCr", "Gly", "tNAA"])
    assert np.array_equal(volumes.sd["Gly"], participant.refitted[8].sd["Gly"], equal_nan=True)
    centre = volumes.affine @ [3.5, 3.5, 9.5, 1]
    assert np.allclose(centre[:3], 0, atol=1e-4) and np.allclose(np.diag(volumes.affine)[:3], [27.2, 27.2, 6.8])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"refitted": [7]}, "multiple of 2"),
        ({"refitted": [32]}, "below the matrix"),
        ({"acquired": [8, 8]}, "one of the two"),
    ],
)
def test_sizes_that_cannot_be_refitted_are_refused(wrong, words):
    with pytest.raises((UserError, ValidationError), match=words):
        PhantomSettings.of(**LOW.plain() | wrong)
