"""A configuration that is mangled in any way either plans or is refused in words: never another error, never a hang."""

import copy
import json
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan

VALUES = [
    None, [], {}, "", "x", 0, -1, 1, 1.5, float("nan"), float("inf"), 1e300, True, [1], [None], [[]], {"a": 1}, {1: 2},
    {None: 3}, {1: 2, "b": {}}, {"lpips_vgg": {}},
    10**12, 10**30, 2**70, "../x", "a b", "\u00e9", "tCho,NAA", "GPC+PCh",
    "-x", "{x}", "a\nb", "\x00", "'", '"', "(", r"(?P<x>\d+", {"kind": "flow"}, {"kind": []}, {"like": "munet"},
    {"kind": "ftddm", "solver": "dpm_solver"}, {"like": {}}, {"like": None}, ["a", "a"], [["a"], ["a"]], "8", "n/a",
    ["munet"], [{"a": []}], [8, 16.0], list(range(2, 600, 2)), {"backbone": "a{b}"}, yaml.safe_load("2020-01-01"), b"x",
    {2, 3}, {("a", 1): 2}, "a" * 5000,
]  # fmt: skip
KEYS = [
    "x", "", "a b", "../x", "\u00e9", 1, 1.5, None, True, "munet", "like", "folds", "kind", "networks", "<<", "{x}",
    ("a",),
    "a" * 300,
]  # fmt: skip


def places(part, path=()):
    """Paths to every value of a configuration."""
    yield path
    if isinstance(part, dict | list):
        for key in list(part) if isinstance(part, dict) else range(len(part)):
            yield from places(part[key], (*path, key))


def mangle(configuration: dict, order: random.Random) -> None:
    """Change a value, drop a key, give one another name, or move a part to another place."""
    every = list(places(configuration))
    if len(every) < 2:
        return
    *path, last = order.choice(every[1:])
    parent = configuration
    for key in path:
        parent = parent[key]
    match order.choice(["value", "value", "value", "drop", "rename", "add", "move", "number"]):
        case "value":
            parent[last] = copy.deepcopy(order.choice(VALUES))
        case "drop":
            del parent[last]
        case "rename" if isinstance(parent, dict):
            parent[order.choice([*KEYS, f"{last}s", f"{last}"[:-1]])] = parent.pop(last)
        case "add" if isinstance(parent[last], dict):
            parent[last][order.choice(KEYS)] = copy.deepcopy(order.choice(VALUES))
        case "move":
            other = configuration
            for key in order.choice(every):
                other = other[key]
            parent[last] = copy.deepcopy(other)
        case "number" if isinstance(parent[last], int | float):
            parent[last] *= order.choice([-1, 0, 10, 1e6, 10**40])


@pytest.fixture(scope="module")
def sources(repository) -> list[dict]:
    """The configurations to mangle: users' files, complete and of a few lines, and the papers' whole study."""
    config = repository / "config"
    own, papers = (
        yaml.safe_load((config / "config.yaml").read_text()),
        yaml.safe_load((config / "papers.yaml").read_text()),
    )
    own["cohort"] |= {"participants": "participants.tsv", "simulate": {}, "ingest": {"maps": {}}, "slices": {}}
    demo = yaml.safe_load((config / "demo.yaml").read_text())
    toy = yaml.safe_load((repository / "tests" / "workflow" / "toy.yaml").read_text())
    for each in (demo, toy):
        each["cohort"]["participants"] = "participants.tsv"
        each["cohort"]["quality"] = {"min_snr": 2.5, "snr_map": "{participant}.nii"}
    folds = {"networks": {"ddpm": {"folds": {1: {"learning_rate": 1e-4}, 2: {"epochs": 3}}}}}
    return [own, own | folds, demo, toy, papers | {"cohort": own["cohort"]}]


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """A folder with the table of as many phantoms as the papers' studies ask for."""
    monkeypatch.chdir(tmp_path)
    rows = [["participant", "lcmodel", "pattern", "t1", "flair"]]
    for name in (f"p{k}" for k in range(15)):
        place = f"results/simulated/{name}"
        rows.append([name, f"{place}/lcmodel", "vienna", f"{place}/t1.nii.gz", f"{place}/flair.nii.gz"])
    Path("participants.tsv").write_text("\n".join(map("\t".join, rows)) + "\n")


def plans(configuration: dict, papers: dict) -> bool:
    """Whether a configuration plans, as the Snakefile reads it: for one experiment, what rules ask is answered.

    False where it is refused in words.
    """
    try:
        raw = json.loads(json.dumps(layered(configuration, papers), default=str))  # the snapshot that jobs read
        plan = Plan(raw)
        plan.check_against_cohort()
    except UserError as error:
        assert str(error)
        return False
    for name, experiment in list(plan.configuration.experiments.items())[:1]:
        place = {"experiment": name, "participant": "p1"}
        assert plan.fold_settings(SimpleNamespace(**place)) and plan.ingest_flags(SimpleNamespace(**place))
        for table in experiment.tables:
            assert plan.table_settings(SimpleNamespace(table=table, **place))
        for figure in experiment.figures:
            assert plan.figure_settings(SimpleNamespace(figure=figure, **place))
    return True


def number_that_plan(sources: list[dict], seeds: range) -> int:
    """How many of the mangled configurations plan; each of the others is refused in words."""
    planned = 0
    for seed in seeds:
        order = random.Random(seed)
        configuration = copy.deepcopy(order.choice(sources))
        for _ in range(order.choice([1, 1, 2, 4])):
            mangle(configuration, order)
        try:
            planned += plans(configuration, sources[-1])
        except Exception as error:
            raise AssertionError(f"seed {seed} is neither planned nor refused in words: {configuration}") from error
    return planned


def test_a_mangled_configuration_plans_or_is_refused_in_words(cohort, sources):
    planned = number_that_plan(sources, range(200))
    assert 20 < planned < 180


@pytest.mark.slow
def test_two_thousand_mangled_configurations_plan_or_are_refused_in_words(cohort, sources):
    assert 200 < number_that_plan(sources, range(200, 2200)) < 1800
