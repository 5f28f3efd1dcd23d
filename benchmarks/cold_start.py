"""Benchmark of cold starts: how long each script takes to show its help, and each job to begin its work.

The help of every script is asked for several times (least wall and processor seconds). Then a toy workflow of five
phantoms runs in a new clone, with a meter in every job: processor seconds of start (the interpreter, imports at the
beginning and late ones) and of work (the rest: reading, computing, writing), means over the jobs of a rule. Last,
Snakemake's own start, which a job on a cluster goes through twice. Work grows with the data, starts do
not. The aim: help within 0.5 s, and no job of real size that starts longer than it works.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml

from mrsi_sr.cli import UserError, run

REPOSITORY = Path(__file__).parents[1]

# Python runs this before each job. The outermost import of what is not yet there counts with all that it imports.
METER = """
import atexit, builtins, os, sys, time
plain, depth, spent = builtins.__import__, 0, time.process_time()

def timed(*arguments, **keywords):
    global depth, spent
    modules, began, depth = len(sys.modules), time.process_time(), depth + 1
    try:
        return plain(*arguments, **keywords)
    finally:
        depth -= 1
        if not depth and len(sys.modules) > modules:
            spent += time.process_time() - began

def note():
    script = next((os.path.basename(word) for word in sys.orig_argv if "workflow/scripts/" in word), None)
    if script:
        with open(os.environ["COLD_START"], "a") as file:
            file.write(f"{script} {spent} {time.process_time()}\\n")

builtins.__import__ = timed
atexit.register(note)
"""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="of each script's help")
    return parser


def main(arguments: argparse.Namespace) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, one thread\n")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    print("| script | help: wall (s) | processor (s) |\n|---|---|---|")
    for script in sorted((REPOSITORY / "workflow/scripts").glob("*.py")):
        timings = [timed([script, "--help"], REPOSITORY, environment) for _ in range(arguments.repetitions)]
        print(f"| {script.stem} | {min(wall for wall, _ in timings):.2f} | {min(cpu for _, cpu in timings):.2f} |")
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary, "clone")
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, clone], check=True)
        configuration = yaml.safe_load((REPOSITORY / "tests/workflow/toy.yaml").read_text())
        configuration["cohort"]["participants"] = "config/demo_participants.tsv"
        (clone / "toy.yaml").write_text(yaml.safe_dump(configuration))
        (clone / "sitecustomize.py").write_text(METER)
        meter = {"COLD_START": str(clone / "starts"), "PYTHONPATH": f"src:{clone}"}
        toy = ["-m", "snakemake", "--profile", "profiles/local", "--configfile", "toy.yaml"]
        timed(toy, clone, environment | meter)
        show((clone / "starts").read_text())
        for what in ([*toy, "--dry-run"], ["-m", "snakemake", "--version"]):
            wall, cpu = timed(what, clone, environment)
            print(f"{' '.join(what[1:])}: {wall:.1f} s wall, {cpu:.1f} s processor time")


def show(noted: str) -> None:
    """Print a table of the jobs' starts and work, by script, from lines of script, start and both in seconds."""
    jobs = defaultdict(list)
    for line in noted.splitlines():
        script, start, both = line.split()
        jobs[script].append((float(start), float(both) - float(start)))
    print("\n| job | number | start (s) | work (s) |\n|---|---|---|---|")
    for script, seconds in jobs.items():
        start, work = (sum(column) / len(seconds) for column in zip(*seconds, strict=True))
        print(f"| {script.removesuffix('.py')} | {len(seconds)} | {start:.2f} | {work:.2f} |")
    print()


def timed(arguments: list, folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of Python with these arguments. Raises UserError where it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    if done.returncode:
        raise UserError(f"{' '.join(map(str, arguments))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    run(main, parser())
