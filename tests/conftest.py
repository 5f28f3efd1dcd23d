"""What tests share: the repository's place, and running a script as a person would."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from needed import SITECUSTOMIZE
from warm_python import CLIENT, WarmPython

REPOSITORY = Path(__file__).parents[1]


LONG = ("tests/slurm/", "tests/workflow/")  # each with a fixture that takes a minute and that its tests share


def pytest_xdist_make_scheduler(config, log):
    """Where tests run in several processes, those of a file share one, and so do all of a folder of long ones."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in LONG if nodeid.startswith(folder)), nodeid.split("::")[0])

    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """In several processes, what takes long begins."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(autouse=True)
def processor_in_float32():
    """A test that lets a script's function choose the device leaves the processor's arithmetic as it was."""
    yield
    if (devices := sys.modules.get("mrsi_sr.devices")) is not None:
        devices._arithmetic["cpu"] = sys.modules["torch"].float32


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Environment in which warm_python.CLIENT starts programs at once."""
    with WarmPython(tmp_path_factory.mktemp("warm")) as server:
        yield server.environment


@pytest.fixture(scope="session")
def run_script(tmp_path_factory, warm_python):
    """Run workflow/scripts/NAME.py with arguments; returns the finished process with its text.

    Libraries that take long to import and that the script's work does not need (needed.py) are missing.
    """
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(SITECUSTOMIZE)
    # The package of this clone, whichever one is installed.
    path = os.pathsep.join([str(site), str(REPOSITORY / "src"), str(REPOSITORY / "tests/support")])
    environment = os.environ | warm_python | {"PYTHONPATH": path}

    def run(name: str, *arguments) -> subprocess.CompletedProcess:
        script = REPOSITORY / "workflow" / "scripts" / f"{name}.py"
        return subprocess.run([CLIENT, script, *map(str, arguments)], capture_output=True, text=True, env=environment)

    return run


@pytest.fixture(scope="module")
def one_thread():
    """One thread for torch: more only wait for each other on maps and networks as small as those of tests."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def raw(repository) -> dict:
    """The toy configuration as its file has it, but of the demo's cohort, at every size and with four levels."""
    read = yaml.safe_load((repository / "tests" / "workflow" / "toy.yaml").read_text())
    read["cohort"] = {"name": "toy", "participants": "config/demo_participants.tsv", "simulate": {"seed": 1}}
    read["experiments"]["toy"] |= {"folds": {"number": 5, "run": [1]}, "evaluate_sizes": [8, 16, 32]}
    del read["experiments"]["toy"]["sizes"]
    read["networks"]["ddpm"] |= {"channels": [16, 24, 32, 48], "attention_at": [16, 8]}
    return read
