"""The papers' study from end to end at toy size: every table and figure, and the evidence, from LCModel files."""

import pytest
import yaml

from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan

PARTICIPANTS = 4  # one is tested
SHORT = {"iterations": 2, "validate_every": 2}


def toy(configuration: dict) -> dict:
    """The small configuration with trainings of two steps, few phantoms and few repeated samples; without LPIPS."""
    for network in configuration["networks"].values():
        if "iterations" in network:
            network |= SHORT
    del configuration["lpips"]
    configuration["cohort"]["simulate"]["slices"] = [20, 22]
    few = {"participants": 1, "slices": 1}
    for name in ("ftddm_100_deviation", "flow_enhancer_samples"):
        configuration["methods"].setdefault(name, {})["samples"] = 6
        configuration["methods"][name]["subset"] = few
    return configuration


@pytest.mark.slow
def test_every_table_and_figure_of_the_papers_comes_from_lcmodel_files(clone, monkeypatch):
    configuration = toy(yaml.safe_load((clone.folder / "config/papers_small.yaml").read_text()))
    (clone.folder / "toy.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    clone.participants("config/papers_small_participants.tsv", PARTICIPANTS)
    done = clone.snakemake(
        "--profile",
        "profiles/local",
        "--resources",
        "gpu=2",
        "--configfile",
        "toy.yaml",
        "--",
        "all",
        "evidence",
        timeout=3600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    monkeypatch.chdir(clone.folder)
    plan = Plan(layered(configuration))
    for path in [*plan.tables(), *plan.figures(), "results/evidence.md"]:
        assert (clone.folder / path).stat().st_size > 0, path
