"""Samples of methods on a tiny cohort, as sampling leaves them, for the scripts that score and show them."""

import json
from pathlib import Path

import numpy as np
from tiny_cohort import FRAME, METABOLITES, MUNET, participant, truncate

from mrsi_sr.evaluation.fold import score_fold
from mrsi_sr.results.files import checksum
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.method import MethodSettings

SIZES = (4, 8)
METHODS = {"zero_filled": (1.0, 0), "munet": (0.3, 967_601)}  # error in mM, parameters
FURTHER = {"sharpness": (0.4, 967_601), "repeated": (0.5, 967_601)}  # a method with a sweep, one with several samples
MUNETS = {"sampler": {"kind": "single_pass"}, "networks": {"network": "munet"}}
SETTINGS = {
    name: MethodSettings.of(**settings).plain()
    for name, settings in {
        "zero_filled": {"sampler": {"kind": "zero_filled"}},
        "munet": MUNETS,
        "sharpness": MUNETS | {"sweep": {"key": "adversarial_weight", "values": [0.0, 0.03]}},
        "repeated": MUNETS | {"samples": 4},
    }.items()
}


def write(
    folder: Path, protocol: str = "clean", folds=(1,), participants: int = 3, frame: int = FRAME, methods=METHODS
) -> dict:
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
        for method in methods:
            place = folder / f"fold-{fold}" / method
            made["samples"][method, fold] = _samples(place, truths, made["slices"], method, fold, protocol)
    return made


def score(made: dict, folder: Path, protocol: str = "clean") -> dict:
    """Score all samples that `write` has written; returns the paths of metrics files and their records."""
    scored = {"metrics": [], "provenance": []}
    for (method, fold), samples in made["samples"].items():
        scored["metrics"].append(folder / f"{method}-{fold}.parquet")
        scored["provenance"].append(folder / f"{method}-{fold}.provenance.json")
        score_fold(
            samples, method=method, fold=fold, seed=1, protocol=protocol, experiment="toy", slices=made["slices"],
            metrics=["nrmse", "psnr", "ssim", "lpips_alex"], lpips_weights=None, out=scored["metrics"][-1],
            record=scored["provenance"][-1], code={},
        )  # fmt: skip
    return scored


def record(folder: Path, **changes) -> None:
    """Write the record of a folder of samples again, as sample.py would for the files that lie there now."""
    content = json.loads((folder / "provenance.json").read_text()) | changes
    content["outputs_sha256"] = {file.name: checksum(file) for file in folder.glob("*.npz")}
    (folder / "provenance.json").write_text(json.dumps(content))


def _samples(
    folder: Path, truths: list[ParticipantSlices], slices: list[Path], method: str, fold: int, protocol: str
) -> Path:
    folder.mkdir(parents=True)
    error, parameters = (METHODS | FURTHER)[method]
    settings = MethodSettings.checked(SETTINGS[method])
    for truth in truths:
        random = np.random.default_rng(int(truth.participant[4:]))
        rows = [
            (s, m, n, sample, point)
            for point in settings.points
            for n in SIZES
            for s in range(len(truth.slices))
            for m in range(len(METABOLITES))
            for sample in range(settings.samples)
        ]
        np.savez_compressed(
            folder / f"{truth.participant}.npz",
            maps=np.stack([truth.maps[s, m] + error * random.normal(size=truth.maps.shape[2:]) for s, m, *_ in rows]),
            slice=truth.slices[[s for s, *_ in rows]], metabolite=np.array([METABOLITES[m] for _, m, *_ in rows]),
            size=np.array([n for _, _, n, *_ in rows], np.int16),
            sample=np.array([sample for *_, sample, _ in rows], np.int16), point=np.array([each for *_, each in rows]),
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
