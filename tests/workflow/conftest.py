"""Clones of the repository to run Snakemake in."""

import shutil
from pathlib import Path

import pytest
from clone import Clone


@pytest.fixture
def clone(tmp_path, warm_python) -> Clone:
    return Clone(tmp_path / "clone", warm_python)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, warm_python) -> Clone:
    """A clone in which the whole toy workflow ran. Tests leave its files as they found them."""
    clone = Clone(tmp_path_factory.mktemp("toy") / "clone", warm_python)
    shutil.copy2(Path(__file__).parent / "toy.yaml", clone.folder / "toy.yaml")
    clone.participants("toy_participants.tsv", 3)
    done = clone.snakemake("--profile", "profiles/local", "--configfile", "toy.yaml")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return clone
