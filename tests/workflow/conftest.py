"""Clones of the repository to run Snakemake in."""

import shutil
from pathlib import Path

import pytest
from clone import Clone


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Clone:
    """A clone with the toy configuration."""
    clone = Clone(tmp_path_factory.mktemp("toy") / "clone")
    shutil.copy2(Path(__file__).parent / "toy.yaml", clone.folder / "toy.yaml")
    clone.participants("toy_participants.tsv", 3)
    return clone
