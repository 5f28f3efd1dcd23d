"""A cohort of a few small slices, as the stages before training write it, made in milliseconds."""

from pathlib import Path

import numpy as np
import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.windows import crop_window, measured_windows
from mrsi_sr.settings.network import network_settings

FRAME = 16
METABOLITES = ("tCr", "tCho")
FACTORS = {"clean": [[1.0] * len(METABOLITES)] * (FRAME // 2), "paper": None}  # scale factors of networks, by protocol
PARTS = {"sub-1": "train", "sub-2": "validation", "sub-3": "test"}

MUNET = network_settings({
    "architecture": "munet", "channels": 2, "objective": "regression", "batch_size": 3, "learning_rate": 1e-2,
    "iterations": 4, "validate_every": 2,
})  # fmt: skip
DENOISER = network_settings({
    "architecture": "denoising_unet", "channels": [8, 8], "residual_blocks": 1, "attention_at": [], "heads": 1,
    "objective": "noise_prediction", "diffusion_steps": 4, "batch_size": 3, "learning_rate": 1e-3, "iterations": 4,
    "validate_every": 2, "ema": 0.9,
})  # fmt: skip


def participant(name: str, seed: int, slices: int = 3, frame: int = FRAME) -> ParticipantSlices:
    """Smooth positive maps in a disk, with MRI of three times the grid."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(*[np.arange(frame)] * 2, indexing="ij")
    brain = (x - frame / 2) ** 2 + (y - frame / 2) ** 2 < (0.35 * frame) ** 2
    waves = random.uniform(0.1, 0.5, (slices, len(METABOLITES), 2, 1, 1))
    maps = 4 + 2 * np.sin(waves[:, :, 0] * x) + np.cos(waves[:, :, 1] * y)
    valid = np.broadcast_to(brain, maps.shape) & (random.random(maps.shape) > 0.05)
    mri = random.random((2, slices, 3, 3 * frame, 3 * frame)).astype(np.float32)
    return ParticipantSlices(
        maps=np.where(valid, maps, 0).astype(np.float32), valid=valid, brain=np.broadcast_to(brain, maps[:, 0].shape),
        lesion=np.zeros((slices, frame, frame), bool), t1=mri[0], flair=mri[1], affine=np.eye(4), mri_affine=np.eye(4),
        slices=np.arange(10, 10 + slices, dtype=np.int16), metabolites=METABOLITES, participant=name,
        offset=np.zeros(2, np.int16), unit="mM",
    )  # fmt: skip


def truncate(slices: ParticipantSlices, path: Path, protocol: str, sizes: list[int]) -> Path:
    """Write the measured k-space of a participant, as truncate.py does."""
    truncation, maps = Truncation(protocol, slices.maps.shape[-1]), torch.from_numpy(slices.maps).flatten(0, 1)[:, None]
    windows = {}
    for n in sizes:
        kspace = truncation.measure(maps, n).view(slices.maps.shape).numpy().astype(np.complex64)
        windows[f"kspace_{n}"] = crop_window(kspace, n, protocol)
    np.savez_compressed(
        path, **windows, sizes=np.array(sizes, np.int16), protocol=protocol, slices=slices.slices,
        metabolites=np.array(slices.metabolites), participant=slices.participant, kind="masked",
    )  # fmt: skip
    return path


def refit(slices: ParticipantSlices, path: Path, sizes: list[int], seed: int = 0) -> Path:
    """Write refitted scans as truncate.py --refitted does: truncations of maps that go on outside the mask, noisy."""
    random, windows, noise = np.random.default_rng(seed), {}, {}
    whole = slices.maps + np.where(slices.valid, 0, 2.0)
    for n in sizes:
        noise[n] = random.uniform(0.05, 0.1, slices.maps.shape[:2]).astype(np.float32)
        noisy = whole + noise[n][..., None, None] * random.standard_normal(whole.shape)
        windows |= measured_windows(noisy, [n], "clean")
    low_resolution.write(path, windows, "clean", slices, noise)
    return path


def write(folder: Path, protocol: str = "clean", sizes=(4, 8)) -> dict:
    """Write slices, low-resolution files and folds of three participants; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    slices, measured = [], []
    for seed, name in enumerate(PARTS):
        made = participant(name, seed)
        slices.append(folder / f"{name}.slices.npz")
        made.save(slices[-1])
        measured.append(truncate(made, folder / f"{name}.low_resolution.npz", protocol, list(sizes)))
    folds = folder / "folds.csv"
    rows = [f"{name},1,{part}\n" for name, part in PARTS.items()]
    folds.write_text("participant,fold,part\n" + "".join(rows))
    return {"slices": slices, "low_resolution": measured, "folds": folds}
