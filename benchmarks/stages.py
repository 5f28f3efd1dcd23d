"""Stages of the workflow at a given amount of data, for growth.py: what each reads, and its work."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import numpy as np

CLONE = Path(__file__).parents[1]
TABLE = CLONE / "tests/data/lcmodel/grid/t1/sl1_3-3.table"
METABOLITES = ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly")
SIDE, SLICES, SIZES, PROTOCOL = 64, 13, (8, 16), "clean"
METHODS = ["zero_filled", "ddpm", "ftddm"]  # of the table, one of the papers'


@dataclass(frozen=True)
class Stage:
    """What grows, and how much of it there is before it grows tenfold.

    prepare(folder, number) writes the data, work(folder, number) is measured.
    """

    grows: str
    number: int
    prepare: Callable[[Path, int], None]
    work: Callable[[Path, int], object]


# --- one scan


def tables(folder: Path, voxels: int, archive: bool = False) -> None:
    """One real LCModel table, repeated for every voxel, in a folder or an archive."""
    data, place = TABLE.read_bytes(), folder / "tables"
    names = [
        f"scan_x{voxel % SIDE + 1:02d}_y{voxel // SIDE % SIDE + 1:02d}_z{voxel // SIDE**2 + 1:02d}.table"
        for voxel in range(voxels)
    ]
    if not archive:
        place.mkdir()
        for name in names:
            (place / name).write_bytes(data)
        return
    with tarfile.open(folder / "tables.tar.gz", "w:gz", compresslevel=1) as packed:
        for name in names:
            member = tarfile.TarInfo(f"tables/{name}")
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))


def ingest(folder: Path, voxels: int) -> None:
    from mrsi_sr.lcmodel.names import voxel_names
    from mrsi_sr.lcmodel.scans import read_scan

    names = voxel_names("vienna", (SIDE, SIDE, -(-voxels // SIDE**2)))
    read_scan(next(folder.glob("tables*")), names, METABOLITES, np.eye(4))


def volumes(folder: Path, slices: int) -> None:
    """Volumes of a scan, and an image three times as fine as T1 and FLAIR."""
    from mrsi_sr.scan.grid import finer
    from mrsi_sr.scan.nifti import write_nifti
    from mrsi_sr.scan.volumes import Status, Volumes

    shape, affine = (SIDE, SIDE, slices), np.diag([3.4, 3.4, 3.4, 1])
    brain = np.broadcast_to(_disc(SIDE)[..., None], shape)
    values = np.random.default_rng(1).gamma(4, 1, (len(METABOLITES), *shape)).astype(np.float32)
    known, whole = dict(zip(METABOLITES, values, strict=True)), np.ones(shape, np.float32)
    sd = dict.fromkeys(METABOLITES, 5 * whole)
    status = np.where(brain, Status.OK, Status.MISSING).astype(np.int16)
    Volumes(known, sd, 20 * whole, 0.05 * whole, status, affine, brain).save(folder / "volumes")
    fine = brain.repeat(3, 0).repeat(3, 1).repeat(3, 2)
    write_nifti(folder / "image.nii.gz", fine.astype(np.float32), finer(affine))


def cut(folder: Path, slices: int) -> None:
    """Mask and slices of a scan, and their truncation at the papers' sizes."""
    from mrsi_sr.scan import quality, slicing
    from mrsi_sr.scan.volumes import Volumes
    from mrsi_sr.scan.windows import measured_windows
    from mrsi_sr.settings.cohort import QualitySettings, SliceSettings
    from mrsi_sr.settings.protocol import SIZES as PAPERS

    scan, image = Volumes.load(folder / "volumes", METABOLITES), folder / "image.nii.gz"
    valid = {name: flags == 0 for name, flags in quality.assess(scan, scan.brain_mask, QualitySettings.of()).items()}
    settings = SliceSettings.of(min_slices=1, max_slices=slices)
    made = slicing.make("sub-1", scan, valid, scan.brain_mask, settings, "mM", image, image)
    measured_windows(made.maps, PAPERS, PROTOCOL)


# --- participants of a cohort


def participants(folder: Path, number: int) -> None:
    """Slices, measured k-space and counts of participants; the MRI is blank, and as large as theirs."""
    from mrsi_sr.maps import folds
    from mrsi_sr.scan import low_resolution
    from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices
    from mrsi_sr.scan.windows import measured_windows

    random, brain = np.random.default_rng(1), _disc(SIDE)
    valid = np.broadcast_to(brain, (SLICES, len(METABOLITES), SIDE, SIDE))
    mri = np.zeros((SLICES, MRI_FACTOR, MRI_FACTOR * SIDE, MRI_FACTOR * SIDE), np.float32)
    names = [f"sub-{k:03d}" for k in range(number)]
    for name in names:
        own = folder / name
        own.mkdir()
        slices = ParticipantSlices(
            maps=np.where(valid, random.gamma(4, 1, valid.shape), 0).astype(np.float32), valid=valid,
            brain=valid[:, 0], lesion=np.zeros_like(valid[:, 0]), t1=mri, flair=mri, affine=np.eye(4),
            mri_affine=np.eye(4), slices=np.arange(SLICES), metabolites=METABOLITES, participant=name,
            offset=np.zeros(2, int), unit="mM",
        )  # fmt: skip
        slices.save(own / "slices.npz")
        low_resolution.write(own / "low.npz", measured_windows(slices.maps, SIZES, PROTOCOL), PROTOCOL, slices)
        (own / "volumes").mkdir()
        (own / "volumes" / "counts.csv").write_text("status,voxels\nok,1000\n")
    folds.write([folds.Row(name, 1, "test") for name in names], folder / "folds.csv")


def summary(folder: Path, number: int) -> None:
    from mrsi_sr.scan.summary import summary

    summary(sorted(folder.glob("sub-*")), {})


def device(folder: Path, number: int) -> object:
    """Maps of a fold's participants as a training takes them."""
    from mrsi_sr.maps.dataset import MapsOnDevice
    from mrsi_sr.scan.slices import SlicesInFiles

    return MapsOnDevice(SlicesInFiles(sorted(folder.glob("*/slices.npz"))), PROTOCOL, SIZES)


def sample(folder: Path, number: int, samples: int = 1) -> None:
    """Samples of a fold by zero-filling, which costs nothing: the rest of the work is that of every method."""
    import torch

    from mrsi_sr.sampling.fold import sample_fold
    from mrsi_sr.settings.method import MethodSettings

    rmtree(folder / "samples", ignore_errors=True)  # of the measurement before, which would be kept
    sample_fold(
        "method", MethodSettings.of(sampler={"kind": "zero_filled"}, samples=samples), networks={}, weights={},
        slices=sorted(folder.glob("*/slices.npz")), low_resolution=sorted(folder.glob("*/low.npz")),
        table=folder / "folds.csv", fold=1, protocol=PROTOCOL, sizes=list(SIZES), batch_size=32,
        out=folder / "samples", device=torch.device("cpu"),
    )  # fmt: skip


def sampled(folder: Path, number: int) -> None:
    participants(folder, number)
    sample(folder, number)


def sampled_often(folder: Path, samples: int) -> None:
    participants(folder, 1)
    sample(folder, 1, samples)


def score(folder: Path, number: int) -> None:
    from mrsi_sr.evaluation.fold import score_fold

    score_fold(
        folder / "samples", method="method", fold=1, seed=1, protocol=PROTOCOL, experiment="",
        slices=sorted(folder.glob("*/slices.npz")), metrics=["nrmse", "psnr", "ssim"], lpips_weights=None,
        out=folder / "scores.parquet", record=folder / "scores.provenance.json", code={},
    )  # fmt: skip


def _disc(side: int) -> np.ndarray:
    return np.hypot(*(np.mgrid[:side, :side] - side / 2)) < 0.4 * side


# --- the experiments


def scores(folder: Path, number: int) -> None:
    """Random scores of three methods, as many as FTDDM's study has of each."""
    from tables import write

    write(folder, _ftddm(), METHODS, number)


def compared(folder: Path, number: int) -> None:
    """A table of methods and its tests."""
    from mrsi_sr.report import collect, statistics, tables
    from mrsi_sr.settings.report import TableSettings

    sizes, protocol = _ftddm().evaluate_sizes, _ftddm().protocol
    settings = TableSettings.of(sizes=sizes, methods=METHODS, title="Growth", experiment="synthetic", protocol=protocol)
    files = sorted(folder.glob("*.parquet"))
    collected = collect.read(files, [file.with_suffix(".provenance.json") for file in files], settings)
    tables.csv(tables.build(collected))
    statistics.compare(collected)


def _ftddm():
    """Settings of the experiment of FTDDM's paper."""
    from mrsi_sr.workflow.configuration import Configuration

    return Configuration.read(CLONE / "config" / "config.yaml").experiment("ftddm")


def cohort(folder: Path, number: int) -> None:
    """Clone of the project with a table of participants, whose files are empty."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", CLONE, clone], check=True)
    lines = ["participant\tlcmodel\tt1\tflair"]
    for k in range(number):
        files = [f"scans/{k}/{name}" for name in ("lcmodel.tar.gz", "t1.nii.gz", "flair.nii.gz")]
        (clone / "scans" / str(k)).mkdir(parents=True)
        for file in files:
            (clone / file).touch()
        lines.append("\t".join([f"sub-{k:03d}", *files]))
    (clone / "config" / "participants.tsv").write_text("\n".join(lines) + "\n")


def dry_run(folder: Path, number: int) -> None:
    """Plan of the papers' whole workflow."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet"]
    subprocess.run(command, cwd=folder / "clone", check=True, capture_output=True)


STAGES = {
    "ingestion, folder": Stage("voxels", 4096, tables, ingest),
    "ingestion, archive": Stage("voxels", 4096, lambda folder, voxels: tables(folder, voxels, archive=True), ingest),
    "mask, slices, truncation": Stage("slices", 12, volumes, cut),
    "cohort table": Stage("participants", 5, participants, summary),
    "maps for a training": Stage("participants", 5, participants, device),
    "sampling": Stage("participants", 5, participants, sample),
    "scoring": Stage("participants", 5, sampled, score),
    "scoring, samples of a map": Stage("samples", 2, sampled_often, score),
    "table and tests": Stage("participants", 10, scores, compared),
    "plan (dry run)": Stage("participants", 30, cohort, dry_run),
}
