"""Where a network is trained that several experiments share: in one place, and it stays there."""

import copy
from types import SimpleNamespace

import pytest

from mrsi_sr.workflow.plan import Plan


@pytest.fixture
def two(raw, repository, tmp_path, monkeypatch):
    """The toy experiment under two names, in a folder without results."""
    raw["cohort"]["participants"] = str(repository / raw["cohort"]["participants"])
    toy = raw["experiments"].pop("toy")
    raw["experiments"] = {"later": toy, "first": copy.deepcopy(toy)}
    monkeypatch.chdir(tmp_path)
    return raw


def weights(raw: dict, experiment: str, network: str = "munet") -> str:
    (path,) = Plan(raw).trained_networks(SimpleNamespace(experiment=experiment, fold="1", method=network))
    return path.split("/networks/")[0]


def begin(folder, experiment: str, network: str = "munet") -> None:
    place = folder / f"results/{experiment}/fold-1/networks/{network}"
    place.mkdir(parents=True)
    (place / "checkpoint-0").touch()


def test_the_first_by_name_trains_for_all_whatever_the_order_in_the_file(two):
    other_order = two | {"experiments": dict(reversed(two["experiments"].items()))}
    for raw in (two, other_order):
        assert weights(raw, "later") == weights(raw, "first") == "results/first/fold-1"


def test_an_experiment_that_is_added_takes_over_nothing_that_was_begun(two, tmp_path):
    begin(tmp_path, "later")
    assert weights(two, "later") == weights(two, "first") == "results/later/fold-1"
    assert weights(two, "first", "ddpm") == "results/first/fold-1"


@pytest.mark.parametrize(
    "change",
    [{"seeds": [2]}, {"protocol": "paper"}, {"participants": 5}, {"sizes": [8]}, {"folds": {"number": 5, "seed": 2}},
     {"folds": {"number": 5, "run": [2]}}],
    ids=lambda change: "-".join(change),
)  # fmt: skip
def test_experiments_whose_trainings_differ_have_each_its_own(two, change):
    two["experiments"]["first"] |= change
    assert weights(two, "later") == "results/later/fold-1"


def test_sizes_of_its_own_make_a_network_equal_in_experiments_of_other_sizes(two):
    two["experiments"]["first"]["sizes"] = [8]
    two["networks"]["munet"]["sizes"] = [8, 16]
    assert weights(two, "later") == "results/first/fold-1"
    assert weights(two, "later", "ddpm") == "results/later/fold-1"


def test_what_a_run_makes_itself_changes_no_plan_of_it(two, tmp_path):
    plan, wildcards = Plan(two), SimpleNamespace(experiment="first", fold="1", method="munet")
    before = plan.trained_networks(wildcards)
    begin(tmp_path, "later")
    assert plan.trained_networks(wildcards) == before != Plan(two).trained_networks(wildcards)
