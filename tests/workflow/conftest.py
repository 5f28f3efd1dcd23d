"""A copy of the repository to run Snakemake in, as a fresh clone would be."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TRACKED = ("Snakefile", "workflow", "src", "config", "profiles", "envs", "pyproject.toml")


class Clone:
    """A working copy in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        for name in TRACKED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)
        (folder / "slurm").symlink_to("profiles/slurm")

    def snakemake(self, *arguments: str, timeout: int = 600) -> subprocess.CompletedProcess:
        """Run Snakemake here with this environment's Python; returns the finished process with its text."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": "src", "XDG_CACHE_HOME": str(self.folder / ".cache")}
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=timeout,
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


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Clone:
    """A clone in which the whole toy workflow ran. Tests leave its files as they found them."""
    clone = Clone(tmp_path_factory.mktemp("toy") / "clone")
    shutil.copy2(Path(__file__).parent / "toy.yaml", clone.folder / "toy.yaml")
    clone.participants("toy_participants.tsv", 3)
    done = clone.snakemake("--profile", "profiles/local", "--configfile", "toy.yaml")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return clone
