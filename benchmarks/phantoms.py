"""Phantom scans for benchmarks: simulated, written as LCModel tables and read back, as the workflow does it."""

from pathlib import Path

import numpy as np

METABOLITES = ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly")
SEED, SLICES = 1, [16, 25]


def scanned(name: str, folder: Path, acquired: list[int] | None = None, slices: list[int] | None = None):
    """A phantom (`phantom.participant.Participant`), written into a new folder, and its volumes as read from there.

    acquired: low-resolution matrix; None: the full one. slices: first and last that are fitted.
    """
    import nibabel

    from mrsi_sr.lcmodel.names import voxel_names
    from mrsi_sr.lcmodel.scans import read_scan
    from mrsi_sr.phantom.participant import simulate, write
    from mrsi_sr.settings.cohort import PhantomSettings

    participant = simulate(name, SEED, PhantomSettings.of(slices=slices or SLICES, acquired=acquired))
    write(participant, folder)
    reference = nibabel.load(folder / "reference.nii.gz")
    names = voxel_names("multivoxel", reference.shape)
    return participant, read_scan(folder / "lcmodel", names, list(METABOLITES), reference.affine)[0]


def slices_of(name: str, folder: Path, slices: list[int] | None = None):
    """Slices of a phantom of full matrix, to train on: `scan.slices.ParticipantSlices` with the default mask."""
    from mrsi_sr.scan import grid, quality, slicing
    from mrsi_sr.settings.cohort import QualitySettings, SliceSettings

    _, volumes = scanned(name, folder, slices=slices)
    t1, flair = folder / "t1.nii.gz", folder / "flair.nii.gz"
    brain = grid.brain_mask(None, folder / "brain_mask.nii.gz", t1, volumes.affine, volumes.shape)
    reasons = quality.assess(volumes, brain, QualitySettings.of())
    valid = {metabolite: flags == 0 for metabolite, flags in reasons.items()}
    return slicing.make(name, volumes, valid, brain, SliceSettings.of(min_slices=1), "mM", t1, flair)


def on_target(participant, volumes, folder: Path, rules: dict):
    """A low-resolution scan on the target grid (`new_scan.scan.NewScan`), and the true maps [S, M, X, Y] in mM.

    participant, volumes: as `scanned` wrote them into the folder. rules: settings of the quality mask.
    """
    from mrsi_sr.new_scan.scan import ScanFiles, prepare
    from mrsi_sr.phantom import chemistry
    from mrsi_sr.settings.cohort import QualitySettings

    files = ScanFiles(t1=folder / "t1.nii.gz", flair=folder / "flair.nii.gz")
    scan = prepare(
        participant.name, volumes, files, QualitySettings.of(**rules), metabolites=METABOLITES, unit="mM",
        voxel_mm=participant.settings.voxel_mm[0], frame=participant.settings.matrix[0],
    )  # fmt: skip
    true = np.stack([chemistry.total(participant.truth, each)[..., scan.slices] for each in METABOLITES])
    return scan, true.transpose(3, 0, 1, 2)


def nrmse(maps: np.ndarray, true: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Norm of the error over the truth's inside a mask, of each metabolite [M]; maps, true, mask [S, M, X, Y]."""
    maps = np.where(mask, maps, 0)
    error, norm = (((values * mask) ** 2).sum(axis=(0, 2, 3)) for values in (maps - true, true))
    return np.sqrt(error / norm)
