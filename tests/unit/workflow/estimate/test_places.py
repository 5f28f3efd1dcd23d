"""How many jobs run at a time, as the profile and the command line of Snakemake say."""

from types import SimpleNamespace

import pytest

from mrsi_sr.workflow.status.dry_run import places_of


@pytest.mark.parametrize(
    ("executor", "limits", "flags"),
    [
        ("local", {"_cores": 8, "_nodes": None, "gpu": 1}, "--jobs 4 --gpus 1"),
        ("local", {"_cores": 1, "_nodes": None}, "--jobs 1 --gpus 1"),
        ("slurm", {"_cores": None, "_nodes": 100}, "--jobs 100 --gpus 100 --cluster"),
        ("slurm", {"_cores": None, "_nodes": 20, "gpu": 4}, "--jobs 20 --gpus 4 --cluster"),
        ("slurm", {"_cores": None, "_nodes": 2, "gpu": 4}, "--jobs 2 --gpus 2 --cluster"),
    ],
)
def test_jobs_at_a_time_are_those_of_the_command_line(executor, limits, flags):
    resources = {name: SimpleNamespace(value=value) for name, value in limits.items()}
    workflow = SimpleNamespace(executor_plugin=SimpleNamespace(name=executor), global_resources=resources)
    assert places_of(workflow) == flags
