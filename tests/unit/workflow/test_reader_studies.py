"""Plan of reader studies: what the rules are given, what a change reaches, and what is refused."""

import copy
import json
import re
from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import start
from mrsi_sr.workflow.plan import Plan

PLACE = SimpleNamespace(experiment="toy", study="readers")
FOLDER = "results/toy/reader_study/readers"


@pytest.fixture
def planned(raw, repository, tmp_path, monkeypatch):
    """Plan of the toy configuration with a reader study, in a folder without results."""
    (tmp_path / "config").mkdir()
    table = "demo_participants.tsv"
    (tmp_path / "config" / table).write_text((repository / "config" / table).read_text())
    monkeypatch.chdir(tmp_path)

    def planned(change=lambda raw: None, **changes) -> Plan:
        study = {"participants": 2, "sizes": [8, 16], "low_resolution": "zero_filled", "super_resolved": "munet"}
        toy = copy.deepcopy(raw)
        toy["methods"]["swept"] = toy["methods"]["munet"] | {"sweep": {"key": "conditioned_size", "values": [8, 16]}}
        toy["experiments"]["toy"]["methods"].append("swept")
        toy["experiments"]["toy"]["folds"] = {"number": 5, "run": [1, 3]}
        toy["experiments"]["toy"]["reader_studies"] = {"readers": study | changes}
        change(toy)
        return Plan(toy)

    return planned


def test_both_methods_of_every_fold_that_is_run_are_sampled_for_a_study(planned):
    studies = planned().reader_studies
    assert studies.samples(PLACE) == [
        f"results/toy/fold-{fold}/samples/{method}/provenance.json"
        for method in ("zero_filled", "munet")
        for fold in (1, 3)
    ]
    assert studies.pages() == [f"{FOLDER}/page.html"]
    settings = json.loads(studies.settings(PLACE))
    assert settings["phantom"] is True and settings["experiment"] == settings["cohort"] == "toy"
    assert set(settings["labels"]) == {"zero_filled", "munet"}


def test_a_study_follows_the_samples_of_its_methods_alone_and_the_analysis_of_ratings_nothing(planned):
    def lineage(rule: str, change=lambda raw: None) -> str:
        return planned(change).lineage(rule)(PLACE)

    def network(raw):
        raw["networks"]["munet"]["learning_rate"] = 2e-3

    def another(raw):
        raw["methods"]["ddpm"]["seed"] = 9

    assert lineage("reader_study", network) != lineage("reader_study") == lineage("reader_study", another)
    assert lineage("reader_ratings", network) == lineage("reader_ratings")


def test_ratings_and_the_keys_of_all_pages_are_found_where_they_lie(planned, tmp_path):
    studies = planned().reader_studies
    with pytest.raises(UserError, match=rf"no ratings yet[\s\S]*{FOLDER}/ratings"):
        studies.rated()
    for name in ("ratings/b.csv", "ratings/a.csv", "ratings/notes.txt", "keys/123.csv"):
        (tmp_path / FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / name).touch()
    assert studies.ratings(PLACE) == [f"{FOLDER}/ratings/a.csv", f"{FOLDER}/ratings/b.csv"]
    assert studies.keys(PLACE) == [f"{FOLDER}/keys/123.csv"]
    assert studies.rated() == [f"{FOLDER}/analysis/figure.png"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.csv").touch()
    assert planned(ratings="elsewhere").reader_studies.ratings(PLACE) == ["elsewhere/c.csv"]


def test_a_study_of_more_participants_than_are_tested_is_refused_before_anything_is_sampled(planned):
    """The demo has five participants; two folds test two of them. Other targets do not mind."""
    assert start.pages_if_participants(planned())(SimpleNamespace()) == [f"{FOLDER}/page.html"]
    plan = planned(participants=4)
    words = "experiments.toy.reader_studies.readers.participants is 4, but the folds that are run test 2: sub-0"
    with pytest.raises(WorkflowError, match=re.escape(words)):
        start.pages_if_participants(plan)(SimpleNamespace())
    plan.check_against_cohort()


def test_the_target_says_what_is_missing_where_there_is_no_study_at_all(planned):
    plan = planned(lambda raw: raw["experiments"]["toy"].pop("reader_studies"))
    assert plan.reader_studies.pages() == []
    with pytest.raises(WorkflowError, match=r"experiments\.NAME\.reader_studies"):
        start.ratings_if_any(plan)(SimpleNamespace())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"super_resolved": "munett"}, r'reader_studies\.readers\.super_resolved "munett" is not known'),
        ({"sizes": [8, 6]}, r"reader_studies\.readers\.sizes: the size of zero_filled 6 is not known"),
        ({"super_resolved": "swept"}, r"super_resolved is swept, which has a sweep"),
        ({"slices": 2}, r"slices is not a known key"),
        ({"participants": 2, "slices_per_participant": 1, "sizes": [8, 16, 32]}, "3 sizes do not divide"),
    ],
)
def test_a_study_that_does_not_fit_its_experiment_is_refused_at_the_start(planned, changes, words):
    with pytest.raises(UserError, match=words):
        planned(**changes)


def test_a_study_of_an_experiment_that_tests_nobody_is_refused(planned):
    def nobody(raw):
        toy = raw["experiments"]["toy"]
        toy["folds"]["test"], toy["tables"], toy["figures"] = False, {}, {}

    with pytest.raises(UserError, match=r"names readers, but folds\.test is false"):
        planned(nobody)
