"""Benchmark of growth: processor seconds and peak memory of each stage, for some data and for ten times as much.

Each measurement is a process of its own, on one thread; printed is the median of the repetitions, 1x and 10x in turn.
Time grows no faster than the data where the ratio is at most 10, and memory should not grow with the participants, but
for what a stage is to make: maps on the device, scores, a plan.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from mrsi_sr.cli import run

TIMES = 10  # as much data
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--stages", metavar="WORD", help="stages whose names have this word; default: all")
    p.add_argument("--repetitions", type=int, default=3, help="number of measurements of each")
    return p


def main(arguments: argparse.Namespace) -> None:
    from stages import STAGES

    from mrsi_sr.results.provenance import processor_name

    os.environ |= ENVIRONMENT
    print(f"{processor_name()}, Python {platform.python_version()}, one thread,")
    print(f"median of {arguments.repetitions}; processor seconds and peak memory, with 1x and {TIMES}x the data")
    print(f"{'stage':27}{'what grows':21}{'s 1x':>8}{'s 10x':>8}{'ratio':>7}{'MB 1x':>8}{'MB 10x':>8}")
    for name, stage in STAGES.items():
        if (arguments.stages or "") not in name:
            continue
        numbers = stage.number, TIMES * stage.number
        with TemporaryDirectory() as temporary:
            for number in (stage.number // 2, *numbers):
                _in_new_process(_prepare, name, Path(temporary, str(number)), number)
            found = [
                [_in_new_process(_measure, name, Path(temporary), number) for number in numbers]
                for _ in range(arguments.repetitions)
            ]
        (first, first_mb), (second, second_mb) = (
            map(statistics.median, zip(*each, strict=True)) for each in zip(*found, strict=True)
        )
        grows = f"{stage.grows} {numbers[0]:,}"
        print(
            f"{name:27}{grows:21}{first:8.2f}{second:8.2f}{second / first:7.1f}{first_mb:8.0f}{second_mb:8.0f}",
            flush=True,
        )


def _in_new_process(function, *arguments):
    """Result of a function in a process of its own, whose peak memory is the function's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _prepare(name: str, folder: Path, number: int) -> None:
    from stages import STAGES

    folder.mkdir()
    STAGES[name].prepare(folder, number)


def _measure(name: str, folder: Path, number: int) -> tuple[float, float]:
    """Processor seconds and peak memory in MB of a stage's work, with the programs that it starts."""
    from stages import STAGES

    stage = STAGES[name]
    stage.work(folder / str(stage.number // 2), stage.number // 2)  # imports
    before = _processor_s()
    stage.work(folder / str(number), number)
    seconds = _processor_s() - before
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return seconds, peak / 1024


def _processor_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    run(main, parser())
