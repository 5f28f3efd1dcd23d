"""Benchmark of scoring: seconds that evaluate.py's work takes for all maps of one method and fold.

By default a fold of the papers' size: 455 maps (5 participants, 13 slices, 7 metabolites) at 13 sizes, both regions of
the clean protocol, without LPIPS. The maps are random and the estimates noisy copies of them; files are written first,
and reading them counts. The aim is 60 s on two cores.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from mrsi_sr.cli import run

FRAME, SLICES, METABOLITES = 64, 13, ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--participants", type=int, default=5, metavar="N", help="test participants, of 91 maps each")
    p.add_argument("--protocol", choices=["clean", "paper"], default="clean")
    p.add_argument("--metrics", default="nrmse,psnr,ssim")
    p.add_argument("--lpips-weights", type=Path, metavar="JSON", help="weights.json, for LPIPS metrics")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.evaluation.fold import score_fold
    from mrsi_sr.settings.experiment import SIZES

    with TemporaryDirectory() as folder:
        slices = [write_participant(Path(folder), f"sub-{i}", i) for i in range(arguments.participants)]
        write_record(Path(folder), slices, arguments.protocol)
        started = time.perf_counter()
        score_fold(
            Path(folder, "samples"), method="method", fold=1, seed=1, protocol=arguments.protocol, experiment="",
            slices=slices, metrics=arguments.metrics.split(","), lpips_weights=arguments.lpips_weights,
            out=Path(folder, "scores.parquet"), record=Path(folder, "scores.provenance.json"), code={},
        )  # fmt: skip
        seconds = time.perf_counter() - started
    maps = arguments.participants * SLICES * len(METABOLITES)
    print(
        f"{maps} maps at {len(SIZES)} sizes, protocol {arguments.protocol}, {arguments.metrics}: {seconds:.1f} s"
        f" ({1e3 * seconds / maps / len(SIZES):.2f} ms for each of {maps * len(SIZES):,} estimates)"
    )


def write_participant(folder: Path, name: str, seed: int) -> Path:
    """Write a participant's slices and samples; returns the file of slices."""
    import numpy as np

    from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices
    from mrsi_sr.settings.experiment import SIZES

    random = np.random.default_rng(seed)
    brain = np.hypot(*(np.mgrid[:FRAME, :FRAME] - FRAME / 2)) < 0.4 * FRAME
    valid = np.broadcast_to(brain, (SLICES, len(METABOLITES), FRAME, FRAME))
    maps = np.where(valid, random.gamma(4, 1, valid.shape), 0).astype(np.float32)
    mri = np.zeros((SLICES, MRI_FACTOR, MRI_FACTOR * FRAME, MRI_FACTOR * FRAME), np.float32)
    path = folder / f"{name}.slices.npz"
    ParticipantSlices(
        maps=maps, valid=valid, brain=valid[:, 0], lesion=np.zeros_like(valid[:, 0]), t1=mri, flair=mri,
        affine=np.eye(4), mri_affine=np.eye(4), slices=np.arange(SLICES), metabolites=METABOLITES, participant=name,
        offset=np.zeros(2, int), unit="mM",
    ).save(path)  # fmt: skip
    of_size = maps.reshape(-1, FRAME, FRAME)
    noise = random.normal(0, 1, (len(SIZES), *of_size.shape)).astype(np.float32)
    (folder / "samples").mkdir(exist_ok=True)
    np.savez_compressed(
        folder / "samples" / f"{name}.npz",
        maps=(of_size + noise).reshape(-1, FRAME, FRAME),
        slice=np.tile(np.repeat(np.arange(SLICES), len(METABOLITES)), len(SIZES)),
        metabolite=np.tile(METABOLITES, SLICES * len(SIZES)),
        size=np.repeat(SIZES, len(of_size)),
        sample=np.zeros(len(SIZES) * len(of_size), int),
    )
    return path


def write_record(folder: Path, slices: list[Path], protocol: str) -> None:
    """Write the record of the folder of samples, as sample.py would."""
    from mrsi_sr.results.files import checksum
    from mrsi_sr.settings.experiment import SIZES

    samples = sorted((folder / "samples").glob("*.npz"))
    record = {
        "method": "method", "fold": 1, "protocol": protocol, "sizes": SIZES, "maps": 1, "sampler": {"kind": "none"},
        "participants": [path.stem for path in samples], "settings": {"sampler": {}, "networks": {}, "samples": 1},
        "networks": {}, "nfe": 1, "seconds_per_slice": 1, "parameters": 1, "training": {}, "device": "none",
        "inputs_sha256": {str(path): checksum(path) for path in slices}, "script": "sample.py",
        "outputs_sha256": {path.name: checksum(path) for path in samples},
    }  # fmt: skip
    (folder / "samples" / "provenance.json").write_text(json.dumps(record))


if __name__ == "__main__":
    run(main, parser())
