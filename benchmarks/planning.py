"""Benchmark of planning: duration of `snakemake --dry-run` for the papers' whole workflow and growing cohorts.

The plan is made in a new clone whose input files are empty. Printed are the number of jobs, wall and processor seconds,
and the multiple of Snakemake's own start (`snakemake --version`). The aim is 5 s for 25 participants and 15 s for 250.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mrsi_sr.cli import UserError, run

AIM_SECONDS = {25: 5, 250: 15}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--participants", type=int, nargs="+", default=[25, 250], metavar="N", help="sizes of the cohorts"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    if min(arguments.participants) < 15:
        raise UserError("--participants must be 15 or more, the number of participants of the multi-scale study")
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary, "clone")
        repository = Path(__file__).parents[1]
        subprocess.run(["git", "clone", "--quiet", repository, clone], check=True)
        start, _, _ = timed(clone, "--version")
        print(f"snakemake starts in {start:.1f} s")
        for number in arguments.participants:
            write_cohort(clone, number)
            seconds, processor_s, output = timed(clone, "--dry-run")
            jobs = int(re.search(r"^total\s+(\d+)", output, re.MULTILINE)[1])
            aim = f", aim {AIM_SECONDS[number]} s" if number in AIM_SECONDS else ""
            print(
                f"{number:4} participants, {jobs:5} jobs: {seconds:.1f} s wall, {processor_s:.1f} s processor"
                f" time, {seconds / start:.1f} x the start{aim}"
            )


def write_cohort(clone: Path, number: int) -> None:
    """Write a table of `number` participants, with empty input files."""
    lines = ["participant\tlcmodel\tt1\tflair"]
    for k in range(number):
        files = [f"scans/{k}/{name}" for name in ("lcmodel.tar.gz", "t1.nii.gz", "flair.nii.gz")]
        (clone / "scans" / str(k)).mkdir(parents=True, exist_ok=True)
        for file in files:
            (clone / file).touch()
        lines.append("\t".join([f"sub-{k:03d}", *files]))
    (clone / "config" / "participants.tsv").write_text("\n".join(lines) + "\n")


def timed(clone: Path, *arguments: str) -> tuple[float, float, str]:
    """Wall seconds, processor seconds and output of a Snakemake run in a clone."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=clone, capture_output=True, text=True, check=False
    )
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    if done.returncode:
        raise UserError(f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor_s, done.stdout + done.stderr


if __name__ == "__main__":
    run(main, parser())
