"""Samples of two methods on a tiny cohort, as sampling leaves them, for the scripts that score and show them."""

import json
from pathlib import Path

import numpy as np
from tiny_cohort import FRAME, METABOLITES, MUNET, participant, truncate

from mrsi_sr.results.files import checksum
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.method import MethodSettings

SIZES = (4, 8)
METHODS = {"zero_filled": (1.0, 0), "munet": (0.3, 967_601)}  # error in mM, parameters
SETTINGS = {
    method: MethodSettings.of(sampler={"kind": kind}, networks=networks).plain()
    for method, kind, networks in (("zero_filled", "zero_filled", {}), ("munet", "single_pass", {"network": "munet"}))
}


def write(folder: Path, protocol: str = "clean", folds=(1,), participants: int = 3, frame: int = FRAME) -> dict:
    """Write slices, k-space and samples of each fold's test participants; returns their paths."""
    folder.mkdir(exist_ok=True)
    made = {"slices": [], "low_resolution": [], "samples": {}}
    for fold in folds:
        truths = [participant(f"sub-{fold}{i}", seed=10 * fold + i, frame=frame) for i in range(participants)]
        truths[-1].lesion[1, 6:10, 6:10] = True
        for truth in truths:
            made["slices"].append(folder / f"{truth.participant}.slices.npz")
            truth.save(made["slices"][-1])
            path = folder / f"{truth.participant}.low_resolution.npz"
            made["low_resolution"].append(truncate(truth, path, protocol, list(SIZES)))
        for method in METHODS:
            place = folder / f"fold-{fold}" / method
            made["samples"][method, fold] = _samples(place, truths, made["slices"], method, fold, protocol)
    return made


def record(folder: Path, **changes) -> None:
    """Write the record of a folder of samples again, as sample.py would for the files that lie there now."""
    content = json.loads((folder / "provenance.json").read_text()) | changes
    content["outputs_sha256"] = {file.name: checksum(file) for file in folder.glob("*.npz")}
    (folder / "provenance.json").write_text(json.dumps(content))


def _samples(
    folder: Path, truths: list[ParticipantSlices], slices: list[Path], method: str, fold: int, protocol: str
) -> Path:
    folder.mkdir(parents=True)
    error, parameters = METHODS[method]
    for truth in truths:
        random = np.random.default_rng(int(truth.participant[4:]))
        rows = [(s, m, n) for n in SIZES for s in range(len(truth.slices)) for m in range(len(METABOLITES))]
        np.savez_compressed(
            folder / f"{truth.participant}.npz",
            maps=np.stack([truth.maps[s, m] + error * random.normal(size=truth.maps.shape[2:]) for s, m, _ in rows]),
            slice=truth.slices[[s for s, _, _ in rows]], metabolite=np.array([METABOLITES[m] for _, m, _ in rows]),
            size=np.array([n for *_, n in rows], np.int16), sample=np.zeros(len(rows), np.int16),
        )  # fmt: skip
    content = {
        "method": method, "sampler": SETTINGS[method]["sampler"], "nfe": 1, "seconds_per_slice": 0.05,
        "parameters": parameters, "protocol": protocol, "seed": 1, "device": "a CPU", "settings": SETTINGS[method],
        "networks": dict.fromkeys(SETTINGS[method]["networks"], MUNET.plain()), "fold": fold, "sizes": SIZES,
        "participants": [truth.participant for truth in truths], "maps": len(rows) * len(truths), "script": "sample.py",
        "inputs_sha256": {str(path): checksum(path) for path in slices},
        "training": {name: {"seconds": 1.0, "device": "a CPU"} for name in SETTINGS[method]["networks"].values()},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(content))
    record(folder)
    return folder
