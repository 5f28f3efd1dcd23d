"""Benchmark of a new scan: seconds and memory of FTDDM on a whole brain of 39 slices and 7 metabolites.

The networks are of the papers' size, with random weights: time does not depend on what they have learned. The scan is a
phantom acquired at 16x16, of one slice; as many of its maps as asked are sampled, in batches as super_resolve.py has
them, and the time of 39 x 7 maps follows from the fastest batch. The aim is 6 s on one H200 (100 steps, one sample).
"""

import argparse
import platform
import tempfile
import time
from pathlib import Path

import torch
from papers_networks import PapersMethod, configuration

from mrsi_sr import devices
from mrsi_sr.cli import positive, run
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan
from mrsi_sr.new_scan.batches import BatchSize
from mrsi_sr.new_scan.sampling import ScanSampler
from mrsi_sr.new_scan.scan import NewScan, ScanFiles, prepare
from mrsi_sr.phantom.participant import simulate, write
from mrsi_sr.results.provenance import device_name, peak_memory_mb
from mrsi_sr.scan.nifti import read_grid
from mrsi_sr.settings.cohort import PhantomSettings, QualitySettings

METABOLITES = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"]
MAPS = 39 * 7


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--method", default="ftddm_100", metavar="NAME", help="method of the papers (default: %(default)s)"
    )
    parser.add_argument("--maps", type=positive, metavar="N", help="maps to sample (default: 4, on a GPU 273)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, metavar="N")
    parser.add_argument("--toy", action="store_true", help="small networks, for a rehearsal")
    return parser


def main(arguments: argparse.Namespace) -> None:
    device = devices.choose(arguments.device, arguments.threads)
    maps = arguments.maps or (MAPS if device.type == "cuda" else 4)
    method = PapersMethod(configuration(), arguments.method, device, toy=arguments.toy)
    sampler = ScanSampler([method], phantom(), METABOLITES, whole=True, seed=1)
    batches, at, fastest = BatchSize(), 0, float("inf")
    tasks = [(0, k % len(METABOLITES), k // len(METABOLITES)) for k in range(maps)]
    while at < len(tasks):
        batch = tasks[at : at + batches.size]
        started = time.monotonic()
        sampler._sample(batch)
        seconds = time.monotonic() - started
        batches.took(len(batch), seconds)
        fastest, at = min(fastest, seconds / len(batch)), at + len(batch)
        print(f"{len(batch):4} maps at a time: {seconds / len(batch):8.3f} s a map")
    words = f"{device_name()} ({platform.node()}), torch {torch.__version__}, {torch.get_num_threads()} threads"
    print(f"\n{arguments.method} on {words}")
    estimated = "" if maps >= MAPS else " (from the maps above)"
    print(f"a whole brain, {MAPS} maps, one sample: {fastest * MAPS:.1f} s{estimated}")
    print("memory: " + ", ".join(f"{name} {value:.0f} MB" for name, value in peak_memory_mb().items()))


def phantom() -> NewScan:
    """A phantom acquired at 16x16, of one slice."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "new-01")
        write(simulate("new-01", 1, PhantomSettings.of(slices=[20, 20], acquired=[16, 16])), folder)
        shape, affine = read_grid(folder / "reference.nii.gz")
        volumes, _ = read_scan(folder / "lcmodel", voxel_names("multivoxel", shape, ""), METABOLITES, affine)
        files = ScanFiles(*(folder / f"{name}.nii.gz" for name in ("t1", "flair", "brain_mask")))
        return prepare(
            "new-01", volumes, files, QualitySettings.of(), metabolites=METABOLITES, unit="mM", voxel_mm=3.4, frame=64
        )


if __name__ == "__main__":
    run(main, parser())
