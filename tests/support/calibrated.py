"""Ensembles of known quality on a tiny cohort, as sampling leaves them: what their calibration finds is known."""

import json
from pathlib import Path

import numpy as np
from tiny_cohort import MUNET, participant

from mrsi_sr.results.files import checksum
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.method import MethodSettings

SIZES = (4, 8)
SLICES = 2
ERROR = 0.4  # standard deviation of the truth about what a perfect method knows, in mM


def cohort(folder: Path, number: int = 13, lesion: bool = True) -> list[Path]:
    """Slices of so many participants, each with a lesion in its last slice."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(number):
        slices = participant(f"sub-{i:02d}", seed=i, slices=SLICES)
        if lesion:
            slices.lesion[1, 6:10, 6:10] = True
        paths.append(folder / f"{slices.participant}.slices.npz")
        slices.save(paths[-1])
    return paths


def sample(
    folder: Path, paths: list[Path], method: str = "own", members: int = 8, factor: float = 1.0, part: str = "test"
) -> Path:
    """Samples of a method whose members deviate from the known map by the `factor`-th part of what the truth does."""
    folder.mkdir(parents=True)
    kind = {"sampler": {"kind": "single_pass"}, "networks": {"network": "munet"}, "weights": "last"}
    settings = MethodSettings.of(**kind, samples=members, part=part).plain()
    truths = [ParticipantSlices.load(path) for path in paths]
    for number, truth in enumerate(truths):
        rows = [(s, m, n) for n in SIZES for s in range(len(truth.slices)) for m in range(len(truth.metabolites))]
        random = np.random.default_rng([number, members, len(method)])
        maps = []
        for s, m, n in rows:
            # What is known is equal in all members. The truth lies about it as they do, but for the factor.
            known = truth.maps[s, m] + ERROR / n * random.normal(size=truth.maps.shape[2:])
            maps.append(known + ERROR / n / factor * random.normal(size=(members, *known.shape)))
        repeated = [(*row, sample) for row in rows for sample in range(members)]
        np.savez_compressed(
            folder / f"{truth.participant}.npz",
            maps=np.concatenate(maps).astype(np.float32),
            slice=truth.slices[[s for s, *_ in repeated]],
            metabolite=np.array([truth.metabolites[m] for _, m, *_ in repeated]),
            size=np.array([n for _, _, n, _ in repeated], np.int16),
            sample=np.array([each for *_, each in repeated], np.int16), point=np.array([""] * len(repeated)),
        )  # fmt: skip
    content = {
        "method": method, "sampler": settings["sampler"], "nfe": 1, "seconds_per_slice": 0.05, "parameters": 967_601,
        "protocol": "clean", "seed": 1, "device": "a CPU", "settings": settings, "networks": {"network": MUNET.plain()},
        "fold": 1, "sizes": list(SIZES), "participants": [truth.participant for truth in truths],
        "maps": len(truths) * len(repeated), "script": "sample.py",
        "inputs_sha256": {str(path): checksum(path) for path in paths},
        "training": {"munet": {"seconds": 1.0, "device": "a CPU"}},
        "outputs_sha256": {file.name: checksum(file) for file in sorted(folder.glob("*.npz"))},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(content))
    return folder
