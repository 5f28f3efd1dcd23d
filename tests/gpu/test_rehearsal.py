"""The benchmark on a GPU, rehearsed on the CPU with small networks: every part writes its file."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_every_part_of_the_gpu_benchmark_writes_its_table(repository, tmp_path):
    environment = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = ["bash", "benchmarks/gpu.sh", tmp_path / "out", "--toy"]
    run = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    said = run.stdout + run.stderr
    assert run.returncode == 0 and said.count("exit code 0") == 4, said
    table = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert set(table) == {"training.txt", "training.json", "steps.txt", "whole_brain.txt", "tests.txt"}
    assert table["steps.txt"].count("| eager | first |") == 3 and "FTDDM, 10-step solver" in table["training.txt"]
    assert "a whole brain, 273 maps" in table["whole_brain.txt"] and "test_a_captured_step" in table["tests.txt"]
