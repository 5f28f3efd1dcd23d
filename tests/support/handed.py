"""A folder of networks to hand over, of a tiny cohort whose networks were not trained."""

import csv
import json
from pathlib import Path

import numpy as np
import tiny_cohort
import torch
from tiny_cohort import DENOISER, METABOLITES, MUNET, PARTS

from mrsi_sr import networks
from mrsi_sr.report.model_card import model_card
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.sampling.hand_over import hand_over
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.hand_over import HandOverSettings

METHODS = {
    "zero_filled": {"label": "Zero-filled", "sampler": {"kind": "zero_filled"}},
    "munet": {"label": "MUNet", "sampler": {"kind": "single_pass"}, "networks": {"network": "munet"}},
    "ddpm": {
        "label": "DDPM (T=4)", "sampler": {"kind": "ancestral"}, "networks": {"denoiser": "ddpm"}, "weights": "last",
    },
}  # fmt: skip
NETWORKS = {"munet": MUNET, "ddpm": DENOISER}
SIZES = [4, 8]


def settings(**changes) -> HandOverSettings:
    """Settings of the hand-over."""
    given = {
        "experiment": "clinic", "cohort": "tiny", "phantom": True, "protocol": "clean", "low_resolution": "masked",
        "sizes": SIZES, "folds": [1], "methods": METHODS,
        "networks": {name: {"1": network.plain()} for name, network in NETWORKS.items()},
    }  # fmt: skip
    return HandOverSettings.checked(given | changes)


def sources(folder: Path, **changes) -> dict:
    """Networks, scans and folds in a folder, as the stages before write them. changes: facts of the weights."""
    made = tiny_cohort.write(folder)
    scans = []
    for path, name in zip(made["slices"], PARTS, strict=True):
        scans.append(folder / "scans" / name)
        scans[-1].mkdir(parents=True)
        path.rename(scans[-1] / "slices.npz")
        volumes_of(ParticipantSlices.load(scans[-1] / "slices.npz")).save(scans[-1] / "volumes")
    facts = {"fold": 1, "protocol": "clean", "sizes": SIZES, "metabolites": list(METABOLITES), "iteration": 4}
    facts |= {"scale_factors": tiny_cohort.FACTORS["clean"]} | changes
    folders = {}
    for name, network in NETWORKS.items():
        folders[name, 1] = folder / "networks" / name
        folders[name, 1].mkdir(parents=True)
        _train(folders[name, 1], network, facts)
    return {"networks": folders, "scans": scans, "table": made["folds"]}


def write(folder: Path, **changes) -> Path:
    """The folder of networks. changes: of its settings."""
    out = folder / "handed"
    hand_over(settings(**changes), **sources(folder / "home"), card=model_card, code={}, out=out)
    return out


def volumes_of(slices: ParticipantSlices) -> Volumes:
    """Volumes of a scan with these slices and ten empty ones below; %SD 10 and 20 by metabolite, S/N 15, 0.06 ppm."""
    maps = np.moveaxis(slices.maps, 0, -1)
    maps = np.pad(maps, ((0, 0),) * 3 + ((10, 0),))
    shape = maps.shape[1:]
    return Volumes(
        dict(zip(METABOLITES, maps, strict=True)),
        {name: np.full(shape, 10.0 * number, np.float32) for number, name in enumerate(METABOLITES, 1)},
        np.full(shape, 15.0), np.full(shape, 0.06), np.ones(shape), np.diag([3.4, 3.4, 5, 1]),
    )  # fmt: skip


def _train(folder: Path, network, facts: dict) -> None:
    torch.manual_seed(0)
    built = networks.build(network)
    for kind in ("best", "last"):
        Weights(built.state_dict(), network.plain(), **facts).save(folder / f"{kind}.safetensors")
    with (folder / "losses.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows(
            [["iteration", "part", "loss"], [2, "train", 9], [2, "validation", 0.5], [4, "validation", 0.7]]
        )
    record = {
        "parameters": networks.count_parameters(built), "iterations": 4, "training_seconds": 7200.0, "device": "a CPU",
        "maps": {"train": 6, "validation": 6}, "participants": {"train": ["sub-1"], "validation": ["sub-2"]},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(record))
