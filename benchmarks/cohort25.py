"""Cohort of 25 phantoms for benchmarks of training: simulated once on all cores, and read from a folder afterwards."""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from phantoms import slices_of

from mrsi_sr.cli import run
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.scan.slices import ParticipantSlices

SIZES = list(range(8, 33, 2))
PARTICIPANTS, IN_REHEARSALS = 25, 6


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--toy", action="store_true", help="six phantoms of two slices")
    return p


def main(arguments: argparse.Namespace) -> None:
    cohort(arguments.folder, IN_REHEARSALS if arguments.toy else PARTICIPANTS, toy=arguments.toy)


def maps_of(folder: Path, participants: int, device: torch.device, **how) -> MapsOnDevice:
    """Maps of the first participants of the cohort, protocol clean."""
    return MapsOnDevice(cohort(folder, participants, **how), "clean", SIZES, device)


def cohort(folder: Path, participants: int, *, toy: bool = False) -> list[ParticipantSlices]:
    """The first participants of the cohort in a folder; those that are not there are simulated.

    toy: two slices of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"phantom-{number:02}" for number in range(1, participants + 1)]
    missing = [name for name in names if not (folder / f"{name}.npz").exists()]
    if missing:
        # Processes that know nothing of this one's threads and GPU.
        with ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1), get_context("spawn")) as pool:
            list(pool.map(_simulate, missing, [folder] * len(missing), [toy] * len(missing)))
    return [ParticipantSlices.load(folder / f"{name}.npz") for name in names]


def _simulate(name: str, folder: Path, toy: bool) -> None:
    with TemporaryDirectory() as temporary:
        slices = slices_of(name, Path(temporary, name), [20, 21] if toy else None)
    slices.save(folder / f"{name}.npz")


if __name__ == "__main__":
    run(main, parser())
