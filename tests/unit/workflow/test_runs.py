"""Seeds of training: each fold is run with each of them, in a folder of its own."""

from types import SimpleNamespace

import pytest

from mrsi_sr.workflow.plan import Plan
from mrsi_sr.workflow.runs import Run, fold_of, folder_of, run_of, runs_of, text_of


@pytest.fixture
def seeded(raw, repository, tmp_path, monkeypatch):
    """The toy experiment with three seeds, in a folder without results."""
    raw["cohort"]["participants"] = str(repository / raw["cohort"]["participants"])
    raw["experiments"]["toy"] |= {"seeds": [4, 2, 7], "folds": {"number": 3, "run": [1, 3]}}
    monkeypatch.chdir(tmp_path)
    return raw


def test_a_run_is_named_by_its_fold_and_by_its_seed_where_that_is_not_the_first(seeded):
    toy = Plan(seeded).configuration.experiment("toy")
    assert runs_of(toy) == [Run(fold, seed) for fold in (1, 3) for seed in (4, 2, 7)]
    assert [folder_of(run, toy) for run in runs_of(toy)][:3] == ["fold-1", "fold-1-seed-2", "fold-1-seed-7"]
    for run in runs_of(toy):
        assert run_of(text_of(run, toy), toy) == run and fold_of(text_of(run, toy)) == run.fold


def test_every_seed_is_trained_sampled_and_in_the_tables(seeded):
    plan = Plan(seeded)
    place = SimpleNamespace(experiment="toy", fold="3-seed-7", method="munet", network="munet", table="comparison")
    assert (plan.fold(place), plan.seed(place)) == (3, 7)
    assert plan.trained_networks(place) == ["results/toy/fold-3-seed-7/networks/munet/provenance.json"]
    folders = {path.split("/")[2] for path in plan.metric_files(place)}
    assert folders == {f"fold-{fold}{seed}" for fold in (1, 3) for seed in ("", "-seed-2", "-seed-7")}
    assert len([path for path in plan.of_fold(3) if path.endswith("munet.parquet")]) == 3
    assert not [path for path in plan.of_fold(3) if "/fold-1" in path]
    assert len(plan.losses()) == 6 and len(plan.all_networks()) == 6 * 2


def test_a_figure_of_maps_shows_the_first_seed(seeded):
    places = Plan(seeded).places_of_figure(SimpleNamespace(experiment="toy", figure="qualitative"))
    assert {place["fold"] for place in places} == {"1"}


def test_an_equal_run_of_another_experiment_is_found_whatever_its_first_seed(seeded):
    seeded["experiments"]["also"] = seeded["experiments"]["toy"] | {"seeds": [7]}
    place = SimpleNamespace(experiment="toy", fold="1-seed-7", method="munet")
    assert Plan(seeded).trained_networks(place) == ["results/also/fold-1/networks/munet/provenance.json"]
