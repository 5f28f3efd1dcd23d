"""Simulated participant: from name and seed to a folder of LCModel output, MRI and ground truth."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.phantom import acquisition, anatomy, chemistry, lcmodel_writer, low_resolution, mri, refitted
from mrsi_sr.phantom import lesion as glioma
from mrsi_sr.phantom.fields import stream
from mrsi_sr.phantom.grid import acquired_affine, fitted_slices, mri_affine, mrsi_affine, positions_mm, to_mrsi_grid
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import PhantomSettings

METABOLITES = ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly", "tNAA")  # metabolites whose true maps are written
TRUTH_RECORD = Path("truth/truth.json")
ARCHIVE_FOLDER = "CoordFiles"  # name of the folder inside an archive, as in the Vienna pipeline


@dataclass(frozen=True)
class Participant:
    """A simulated participant: anatomy, lesion, MRI, true concentrations and their fits.

    t1, flair: int16, MRI grid. truth: mM per single metabolite, float32, MRSI grid. lesion: None in the healthy.
    refitted: low-resolution scans of the same head that were fitted anew, by matrix size.
    """

    name: str
    seed: int
    settings: PhantomSettings
    head: anatomy.Head
    lesion: glioma.Lesion | None
    t1: np.ndarray
    flair: np.ndarray
    truth: dict[str, np.ndarray]
    fits: acquisition.SimulatedFits
    refitted: dict[int, Volumes]


def simulate(name: str, seed: int, settings: PhantomSettings) -> Participant:
    """A simulated participant; equal name, seed and settings give equal bits, and naming and archive change no value.

    Raises UserError where the fitted slices have fewer than 100 voxels of brain.
    """
    head, lesion = _head_with_lesion(name, seed, settings)
    first, last = fitted_slices(settings)
    if np.count_nonzero(head.brain[:, :, first : last + 1]) < 100:
        raise UserError(
            f"{name}: slices {first} to {last} contain less than 100 voxels of brain\n"
            f"  the head lies at the centre of {settings.matrix} voxels of {settings.voxel_mm} mm:"
            " choose slices nearer the middle, or a larger field of view"
        )
    t1, flair = mri.t1_and_flair(stream(seed, name, "mri"), head, lesion, settings.voxel_mm)
    truth = chemistry.concentrations(stream(seed, name, "chemistry"), head, lesion, settings.voxel_mm)
    fits = _scan(name, seed, settings, head, truth)
    low = refitted.scans(seed, name, truth, head, fits, settings)
    return Participant(name, seed, settings, head, lesion, t1, flair, truth, fits, low)


def write(participant: Participant, folder: str | Path) -> None:
    """Write a participant's files into a new or empty folder.

    Files: lcmodel/ or lcmodel.tar.gz, t1.nii.gz, flair.nii.gz, reference.nii.gz, brain_mask.nii.gz and truth/. Tables,
    reference and brain mask are of the acquired grid, the truth is of the full matrix. Of each refitted scan a folder
    low_resolution/size-N of volumes, as ingest.py writes them.
    """
    folder, settings = Path(folder), participant.settings
    brain, reference = participant.head.brain, to_mrsi_grid(participant.t1)
    if settings.acquired is not None:
        brain = low_resolution.acquired_brain(participant.head, settings)
        reference = low_resolution.voxel_means(reference, settings.acquired)
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(participant, folder)
    _save(participant.t1, mri_affine(settings), folder / "t1.nii.gz")
    _save(participant.flair, mri_affine(settings), folder / "flair.nii.gz")
    _save(brain.astype(np.uint8), acquired_affine(settings), folder / "brain_mask.nii.gz")
    _save(reference.round().astype(np.int16), acquired_affine(settings), folder / "reference.nii.gz")
    _write_truth(participant, folder / "truth")
    for n, volumes in participant.refitted.items():
        volumes.save(folder / refitted.FOLDER / f"size-{n:02d}")


def _scan(name: str, seed: int, settings: PhantomSettings, head: anatomy.Head, truth: dict[str, np.ndarray]):
    """Simulated fits of the scan, of the full matrix or of a low-resolution one."""
    rng = stream(seed, name, "acquisition")
    if settings.acquired is not None:
        return low_resolution.fit(rng, stream(seed, name, "lipid"), truth, head, settings)
    return acquisition.fit(
        rng, truth, head.brain, to_mrsi_grid(head.fluid), head.mni_mm, fitted_slices(settings), settings.voxel_mm
    )


def _head_with_lesion(name: str, seed: int, settings: PhantomSettings):
    template = anatomy.load_template()
    mni_mm = anatomy.place(stream(seed, name, "anatomy"), settings)
    if not settings.lesion:
        return anatomy.build_head(template, mni_mm), None
    rng = stream(seed, name, "lesion")
    site = glioma.choose_site(rng, template.sample("white", mni_mm), mni_mm, fitted_slices(settings))
    head = anatomy.build_head(template, glioma.mass_effect(mni_mm, site))
    scan_mm = positions_mm(settings.matrix, mrsi_affine(settings))
    return head, glioma.grow(rng, site, head, scan_mm, settings.voxel_mm)


def _write_tables(participant: Participant, folder: Path) -> None:
    settings = participant.settings
    rng = stream(participant.seed, participant.name, "tables")
    files = (
        (lcmodel_writer.table_name(voxel, settings.naming, participant.name), data)
        for voxel, data in lcmodel_writer.tables(rng, participant.fits, settings.naming)
    )
    if settings.archive:
        lcmodel_writer.write_archive(folder / "lcmodel.tar.gz", ARCHIVE_FOLDER, files)
    else:
        (folder / "lcmodel").mkdir()
        lcmodel_writer.write_folder(folder / "lcmodel", files)


def _write_truth(participant: Participant, folder: Path) -> None:
    folder.mkdir()
    affine, brain = mrsi_affine(participant.settings), participant.head.brain
    for metabolite in METABOLITES:
        _save(chemistry.total(participant.truth, metabolite), affine, folder / f"{metabolite}.nii.gz")
    lesion = np.zeros(brain.shape, np.uint8)
    if participant.lesion is not None:
        lesion = glioma.labels(participant.lesion, brain)
    _save(lesion, affine, folder / "lesion.nii.gz")
    record = _record(participant, lesion)
    (folder / TRUTH_RECORD.name).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def _record(participant: Participant, lesion: np.ndarray) -> dict:
    """Record of the simulation for truth.json; voxel indices (x, y, z) of the acquired grid are counted from 0."""
    fits = participant.fits
    millilitres = float(np.prod(participant.settings.voxel_mm)) / 1000
    record = {
        "participant": participant.name,
        "seed": participant.seed,
        "settings": participant.settings.plain(),
        "unit": "mM",
        "fitted_slices": fitted_slices(participant.settings),
        "fitted_voxels": len(fits.voxels),
        "failed_voxels": {kind: fits.voxels[positions].tolist() for kind, positions in fits.failures.items()},
        "lesion": None,
    }
    if participant.lesion is not None:
        record["lesion"] = {
            "centre_mm": [round(value, 2) for value in participant.lesion.centre_mm],
            "radius_mm": round(participant.lesion.radius_mm, 2),
            "labels": glioma.LABELS,
            "volume_ml": {
                name: round(np.count_nonzero(lesion == label) * millilitres, 2)
                for name, label in glioma.LABELS.items()
                if label
            },
        }
    return record


def _save(volume: np.ndarray, affine: np.ndarray, path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
