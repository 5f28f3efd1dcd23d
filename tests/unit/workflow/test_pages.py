"""Laws of the report's pages: one for every table, figure and answer sheet, in the menu of its paper."""

import json
from types import SimpleNamespace

import pytest
import yaml

from mrsi_sr.settings.claim import ClaimSettings
from mrsi_sr.settings.costs import CostsSettings
from mrsi_sr.workflow import pages
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan


@pytest.fixture(scope="module")
def plan(repository) -> Plan:
    """The papers' configuration with 15 phantoms; the clinic, in which nobody is tested, is planned as well."""
    raw = layered(yaml.safe_load((repository / "config" / "config.yaml").read_text()))
    raw["run"] = ["ftddm", "flow_enhancer", "clinic"]
    raw["cohort"] |= {"simulate": {"slices": [16, 25], "seed": 1}}
    names = [f"p{k:02d}" for k in range(15)]
    columns = ("lcmodel", "t1", "flair")
    files = {name: {column: f"results/simulated/{name}/{column}" for column in columns} for name in names}
    blank = dict.fromkeys(
        ("pattern", "reference", "brain_mask", "lesion", "low_resolution", "exclude", "fold", "mri", "maps"), ""
    )
    return Plan(raw, [blank | {"participant": name} | own for name, own in files.items()])


def asked(experiment: str, page: str) -> SimpleNamespace:
    return SimpleNamespace(experiment=experiment, page=page)


def test_every_table_figure_and_answer_sheet_has_a_page(plan):
    made = set(plan.pages())
    for name in ("ftddm", "flow_enhancer"):
        experiment = plan.configuration.experiment(name)
        names = {f"table-{each}" for each in experiment.tables} | {f"figure-{each}" for each in experiment.figures}
        assert {f"results/{name}/pages/{each}.html" for each in names | {"claim", "costs"}} <= made
    assert [path for path in made if "clinic" in path] == ["results/clinic/pages/costs.html"]
    assert plan.claims() == ["results/ftddm/claim.md", "results/flow_enhancer/claim.md"]


def test_a_page_shows_what_its_jobs_make(plan):
    table = asked("ftddm", "table-table1")
    folder = "results/ftddm/tables"
    assert plan.page_texts(table) == [f"{folder}/table1.md", f"{folder}/table1.tests.md"]
    place = {"experiment": "ftddm", "table": "table1"}
    assert plan.page_jobs(table) == [("table", place), ("compare", place)]
    assert plan.page_flags(table) == f"--texts {folder}/table1.md {folder}/table1.tests.md"
    figure = asked("ftddm", "figure-fig5")
    assert plan.page_flags(figure) == "--pictures results/ftddm/figures/fig5.png"
    assert plan.page_jobs(figure) == [("figure", {"experiment": "ftddm", "figure": "fig5"})]
    sheet = asked("ftddm", "claim")
    assert plan.page_flags(sheet) == "--texts results/ftddm/claim.md"
    assert plan.page_jobs(sheet) == [("claim", {"experiment": "ftddm"})]
    costs = asked("ftddm", "costs")
    assert plan.page_flags(costs) == "--texts results/ftddm/costs.md" and plan.page_title(costs) == "Costs of ftddm"
    assert plan.page_jobs(costs) == [("cost", {"experiment": "ftddm"})]
    assert plan.page_title(figure) == "Figure fig5 of ftddm" and plan.page_title(sheet) == "CLAIM answer sheet of ftddm"


def test_the_menu_has_papers_and_below_them_tables_and_figures():
    assert (
        pages.category(asked("ftddm", "claim")).startswith("FTDDM") and pages.category(asked("mine", "claim")) == "mine"
    )
    parts = [pages.subcategory(asked("ftddm", page)) for page in ("table-a", "figure-b", "claim", "costs")]
    assert parts == ["Tables", "Figures", "CLAIM answer sheet", "Costs"]
    assert pages.labels(asked("ftddm", "figure-fig5")) == {"what": "figure", "name": "fig5"}
    assert pages.labels(asked("ftddm", "claim")) == {"what": "claim", "name": "ftddm"}


def test_an_answer_sheet_is_given_what_the_configuration_tells(plan):
    wildcards = SimpleNamespace(experiment="flow_enhancer")
    settings = ClaimSettings.checked(json.loads(plan.claim_settings(wildcards)))
    assert settings.sizes == [16] and settings.folds_in_all == 5 and settings.phantom
    assert settings.tables["table2"].unit == "map" and "fig2" in settings.figures
    records = plan.claim_records(wildcards)
    assert "results/flow_enhancer/fold-1/metrics/flow_enhancer.provenance.json" in records
    assert len(records) == len(set(records)) == len(plan.configuration.experiment("flow_enhancer").methods)


def test_costs_are_told_from_scores_and_of_networks_alone_where_nobody_is_tested(plan):
    tested, clinic = SimpleNamespace(experiment="flow_enhancer"), SimpleNamespace(experiment="clinic")
    assert plan.cost_records(tested) == plan.claim_records(tested) and plan.cost_networks(tested) == []
    assert plan.cost_records(clinic) == []
    assert "results/clinic/fold-1/networks/flow_100/provenance.json" in plan.cost_networks(clinic)
    settings = CostsSettings.checked(json.loads(plan.cost_settings(tested)))
    assert settings.methods == plan.configuration.experiment("flow_enhancer").methods
    assert settings.folds == [1] and settings.expected["srflow"].keys() == {"1"} and settings.homes == {}
    assert plan.costs() == [f"results/{name}/costs.md" for name in ("ftddm", "flow_enhancer", "clinic")]
