"""A copy of the repository to run Snakemake in, as a fresh clone would be."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from warm_python import CLIENT, SOCKET

REPOSITORY = Path(__file__).parents[2]
TRACKED = ("Snakefile", "workflow", "src", "config", "profiles", "envs", "pyproject.toml", "slurm")


class Clone:
    """A working copy in a folder of its own.

    warm: environment of a warm_python.WarmPython, which Snakemake and its jobs then run in.
    """

    def __init__(self, folder: Path, warm: dict[str, str] | None = None):
        self.folder = folder
        folder.mkdir()
        for name in TRACKED:
            source = REPOSITORY / name
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name, follow_symlinks=False)

        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "PYTHONPATH": "src", "XDG_CACHE_HOME": str(folder / ".cache")}
        if warm:
            self.environment |= warm | {"PATH": f"{CLIENT.parent}:{path}"}

    @property
    def python(self) -> str:
        return str(CLIENT) if SOCKET in self.environment else sys.executable

    def snakemake(self, *arguments: str, timeout: int = 600) -> subprocess.CompletedProcess:
        """Run Snakemake here with this environment's Python; returns the finished process with its text."""
        return subprocess.run(
            [self.python, "-m", "snakemake", *arguments],
            cwd=self.folder, env=os.environ | self.environment, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def start(self, script: Path, *arguments: str, log: Path, **environment: str) -> subprocess.Popen:
        """Start a script here in the background, with what it says in a file."""
        with log.open("w") as stream:
            return subprocess.Popen(
                [sys.executable, script, *arguments],
                cwd=self.folder, env=os.environ | self.environment | environment, stdout=stream, stderr=stream,
            )  # fmt: skip

    def dry_run(self, *arguments: str) -> str:
        """What a dry run says. Fails the test where it cannot plan."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> set[str]:
        """The jobs of a dry run that has the local profile: rule and wildcards, such as 'train toy 2 munet'."""
        text = self.dry_run("--profile", "profiles/local", *arguments)
        jobs = re.split(r"^ *(?:local)?rule (\w+):$", text, flags=re.MULTILINE)[1:]
        planned = set()
        for rule, body in zip(jobs[::2], jobs[1::2], strict=True):
            wildcards = re.search(r"^ +wildcards: (.*)$", body, re.MULTILINE)
            values = re.findall(r"=([^,]+)", wildcards[1]) if wildcards else []
            planned.add(" ".join([rule, *values]))
        return planned

    def participants(self, path: str, number: int) -> None:
        """Write a table of that many phantoms, in both naming conventions by turns, every third without a lesion."""
        lines = [["participant", "lcmodel", "pattern", "reference", "t1", "flair", "brain_mask", "lesion"]]
        for k in range(1, number + 1):
            place = f"results/simulated/sub-{k:02d}"
            lcmodel, pattern = [("lcmodel", "multivoxel"), ("lcmodel.tar.gz", "vienna")][k % 2]
            images = [f"{place}/{name}.nii.gz" for name in ("reference", "t1", "flair", "brain_mask")]
            lesion = f"{place}/truth/lesion.nii.gz" if k % 3 else ""
            lines.append([f"sub-{k:02d}", f"{place}/{lcmodel}", pattern, *images, lesion])
        (self.folder / path).write_text("\n".join("\t".join(line) for line in lines) + "\n")
