"""What rules are given: only what decides their results, as text that no order of keys changes."""

import copy
import inspect
import json
import random
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.settings.cohort import PhantomCohort, PhantomSettings
from mrsi_sr.workflow.cohort import phantom_of
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan

ASKED = re.compile(r"^ +(?:\w+=)?(plan\..+),$", re.MULTILINE)


@pytest.fixture
def papers(repository, tmp_path, monkeypatch):
    """The papers' configuration with 15 phantoms, in a folder without results; two folds are enough here."""
    raw = layered(yaml.safe_load((repository / "config" / "config.yaml").read_text()))
    rows = [["participant", "lcmodel", "t1", "flair"]]
    for name in (f"p{k:02d}" for k in range(15)):
        rows.append([name, *(f"results/simulated/{name}/{file}" for file in ("lcmodel", "t1.nii.gz", "flair.nii.gz"))])
    (tmp_path / "participants.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    raw["cohort"] |= {"participants": "participants.tsv", "simulate": {"slices": [16, 25], "seed": 1, "refitted": [8]}}
    raw["networks"]["munet_fs"]["folds"] = {2: {"learning_rate": 2e-4, "batch_size": 4}}
    for experiment in raw["experiments"].values():
        experiment["folds"]["run"] = [1, 2]
    monkeypatch.chdir(tmp_path)
    return raw


def jobs(plan: Plan):
    """The wildcards of every job, as far as rules have them."""
    yield from (SimpleNamespace(cohort="glioma", participant=name) for name in plan.scans)
    for name, experiment in plan.configuration.experiments.items():
        for kind in ("table", "figure"):
            yield from (SimpleNamespace(experiment=name, **{kind: each}) for each in getattr(experiment, f"{kind}s"))
        for fold in map(str, experiment.folds.run):
            for network in plan.configuration.networks_of(name):
                yield SimpleNamespace(experiment=name, fold=fold, network=network)
            for method in experiment.methods:
                yield SimpleNamespace(experiment=name, fold=fold, method=method)


def answers(repository, raw: dict) -> dict:
    """What the plan answers to everything that the rules ask it, for every job that it can be asked for."""
    text = "\n".join(path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk"))
    plan, answered = Plan(raw), {}
    for expression in sorted(set(ASKED.findall(text))):
        asked = eval(expression, {"plan": plan})
        if not callable(asked):
            answered[expression] = asked
            continue
        more = {"threads": 1} if "threads" in inspect.signature(asked).parameters else {}
        for wildcards in jobs(plan):
            try:
                answered[expression, str(sorted(vars(wildcards).items()))] = asked(wildcards, **more)
            except AttributeError:  # of a rule with other wildcards
                continue
    return answered


def shuffled(part, order: random.Random):
    """The same with the keys of every object in another order."""
    if isinstance(part, dict):
        keys = order.sample(list(part), len(part))
        return {key: shuffled(part[key], order) for key in keys}
    return [shuffled(each, order) for each in part] if isinstance(part, list) else part


def test_no_order_of_keys_changes_what_a_rule_is_given(papers, repository):
    before = answers(repository, papers)
    assert len({key[0] for key in before if isinstance(key, tuple)}) > 25 and len(before) > 1000
    other = shuffled(papers, random.Random(1))
    assert list(other["networks"]) != list(papers["networks"])
    assert answers(repository, other) == before


def changed(repository, raw: dict, change) -> set[str]:
    """What rules ask for that is answered otherwise after a change of the configuration."""
    before, other = answers(repository, raw), copy.deepcopy(raw)
    change(other)
    after = answers(repository, other)
    assert set(after) == set(before)
    return {key[0] if isinstance(key, tuple) else key for key in before if after[key] != before[key]}


def set_label(raw):
    raw["methods"]["munet"]["label"] = "MUNet, renamed"


def set_title(raw):
    raw["experiments"]["multiscale"]["tables"]["table1"]["title"] = "Another title"


def set_batches(raw):
    raw["methods"]["munet"]["batch_size"] = 3
    raw["networks"]["munet"]["checkpoint_every"] = 77


def set_metrics(raw):
    raw["experiments"]["multiscale"]["tables"]["table1"]["metrics"] = ["ssim"]


def set_methods(raw):
    raw["experiments"]["multiscale"]["tables"]["table1"]["methods"] = ["munet", "am_layer"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            set_label,
            {
                "plan.table_settings",
                "plan.figure_settings",
                "plan.claim_settings",
                "plan.cost_settings",
                "plan.hand_over_settings",
                'plan.lineage("evidence")',
            },
        ),
        (set_title, {"plan.table_settings", 'plan.lineage("evidence")'}),
        (
            set_batches,
            {
                "plan.untracked(plan.sampling_batch)",
                "plan.untracked(plan.checkpoint_every)",
                "plan.hand_over_settings",
            },
        ),
        (set_metrics, {"plan.table_settings", 'plan.lineage("evidence")'}),
        (
            set_methods,
            {
                "plan.table_settings",
                "plan.metric_files",
                "plan.metric_provenance",
                'plan.lineage("compare")',
                'plan.lineage("table")',
                'plan.lineage("evidence")',
            },
        ),
    ],
)
def test_a_change_reaches_only_the_rules_that_depend_on_it(papers, repository, change, expected):
    if change is set_label:  # two methods of the flow enhancer's figure; the label is shown in those
        papers["experiments"]["flow_enhancer"]["methods"].append("munet")
        papers["experiments"]["flow_enhancer"]["figures"]["fig2"]["methods"].append("munet")
    assert changed(repository, papers, change) == expected


def given(raw: dict, question: str, **wildcards) -> dict:
    return json.loads(getattr(Plan(raw), question)(SimpleNamespace(experiment="multiscale", **wildcards)))


def test_a_changed_list_of_one_table_leaves_the_other_tables_as_they_are(papers):
    before = given(papers, "table_settings", table="sharpness")
    set_metrics(papers)
    set_methods(papers)
    assert given(papers, "table_settings", table="sharpness") == before


def test_a_changed_network_changes_what_is_expected_of_the_tables_that_use_it_and_no_other(papers):
    tables = ("table1", "sharpness")
    before = {table: given(papers, "table_settings", table=table)["expected"] for table in tables}
    papers["networks"]["munet_am_layer"]["learning_rate"] = 2e-4
    after = {table: given(papers, "table_settings", table=table)["expected"] for table in tables}
    assert after["table1"] != before["table1"] and after["sharpness"] == before["sharpness"]


def test_a_folds_own_settings_reach_training_sampling_and_what_tables_expect_in_that_fold_only(papers):
    def questions(fold: str) -> list:
        sampled = given(papers, "networks_of_method", fold=fold, method="filter_scaling")["network"]
        trained = given(papers, "network_settings", fold=fold, network="munet_fs")
        return [sampled, trained, given(papers, "table_settings", table="table1")["expected"]["filter_scaling"][fold]]

    own, other = questions("2"), questions("1")
    assert own[0] == own[1] == other[1] | {"learning_rate": 2e-4, "batch_size": 4} and other[0] == other[1]
    assert own[2] != other[2]


def test_the_settings_of_what_is_needed_are_those_of_the_fold(papers):
    papers["networks"]["munet"]["folds"] = {2: {"learning_rate": 3e-4}}
    plan = Plan(papers)

    def flags(fold: str) -> str:
        return plan.needs_flags(SimpleNamespace(experiment="flow_enhancer", fold=fold, network="flow_enhancer"))

    assert '"learning_rate": 0.0003' in flags("2") and '"learning_rate": 0.0003' not in flags("1")


def test_a_table_of_one_method_has_no_tests(papers):
    table = "results/multiscale/tables/table1"
    assert {f"{table}.csv", f"{table}.tests.csv"} <= set(Plan(papers).tables())
    papers["experiments"]["multiscale"]["tables"]["table1"]["methods"] = ["munet"]
    targets = Plan(papers).tables()
    assert f"{table}.csv" in targets and f"{table}.tests.csv" not in targets


def test_words_of_the_user_reach_rules_by_functions_alone(repository):
    """In a plain string of a rule, and in the text of an output, braces are Snakemake's wildcards."""
    text = "\n".join(path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk"))
    paths_alone = {  # made of checked names
        "plan.all_slices()", "plan.checks()", 'plan.cohort_files("volumes/provenance.json")',
        "plan.new_scans.results()", "plan.numbers()", "plan.figures()", "plan.cohort_summary()",
    }  # fmt: skip
    called = {each for each in ASKED.findall(text) if each.endswith(")")} - paths_alone
    assert called
    makers = {each.split("(")[0].removeprefix("plan.") for each in called}
    assert makers <= {"code_hash", "lineage", "untracked", "settings", "files", "file_flags"}
    assert not re.findall(r"plan\.cohort\.|plan\.configuration", text)


def test_braces_and_dashes_in_words_of_the_user_stay_as_they_are(papers):
    papers["cohort"] |= {"unit": "-x {cohort} 'm'", "quality": {"snr_map": "maps/{participant} a.nii.gz"}}
    papers["cohort"]["ingest"] = {"pattern": r"_x(?P<x>\d{1,2})_y(?P<y>\d)_z(?P<z>\d)\.table$"}
    papers["cohort"]["simulate"] = None
    table = Path("participants.tsv")
    table.write_text(table.read_text().replace("results/simulated", "data/-a b's"))
    plan, wildcards = Plan(papers), SimpleNamespace(participant="p01", cohort="glioma")
    assert plan.unit(wildcards) == "-x {cohort} 'm'"
    assert json.loads(plan.settings("quality")(wildcards))["snr_map"] == "maps/{participant} a.nii.gz"
    words = shlex.split(plan.ingest_flags(wildcards) + " " + plan.file_flags("t1")(wildcards))
    assert r"--pattern=_x(?P<x>\d{1,2})_y(?P<y>\d)_z(?P<z>\d)\.table$" in words
    assert "--lcmodel=data/-a b's/p01/lcmodel" in words and "--t1=data/-a b's/p01/t1.nii.gz" in words


def test_snakemake_does_not_compare_what_is_untracked():
    from snakemake.rules import Rule

    assert Rule._is_deriving_function(Plan.untracked(lambda wildcards: 1))
    assert not Rule._is_deriving_function(Plan.table_settings)


def test_a_label_of_a_table_stands_in_that_table_alone(papers):
    papers["experiments"]["multiscale"]["tables"]["table1"]["labels"] = {"munet": "Plain"}
    assert given(papers, "table_settings", table="table1")["labels"]["munet"] == "Plain"
    papers["experiments"]["multiscale"]["tables"]["sharpness"]["methods"].append("munet")
    assert given(papers, "table_settings", table="sharpness")["labels"]["munet"] == "Unconditioned"
    papers["experiments"]["multiscale"]["tables"]["table1"]["labels"] = {"sharpness_0": "Elsewhere"}
    with pytest.raises(UserError, match=r"multiscale\.tables\.table1\.labels.*sharpness_0"):
        Plan(papers)


@pytest.mark.parametrize("name", ["snr_map", "fwhm_map"])
def test_one_map_is_not_the_quality_of_several_scans(papers, name):
    papers["cohort"]["quality"] = {name: "maps/all.nii.gz"}
    with pytest.raises(UserError, match=f"cohort.quality.{name} is maps/all.nii.gz, one map for 15 scans"):
        Plan(papers)
    table = Path("participants.tsv")
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")
    papers["run"] = []
    assert Plan(papers).external_maps(SimpleNamespace(participant="p00")) == ["maps/all.nii.gz"]


def test_a_phantom_has_the_settings_of_its_table_and_those_that_its_row_tells(papers):
    """A low-resolution phantom may be a row of the cohort's own table, or of another with settings of its own."""
    rows = Path("participants.tsv").read_text().replace("p03/lcmodel\t", "p03/lcmodel.tar.gz\t")
    Path("participants.tsv").write_text(rows)
    papers["cohort"]["simulate"] |= {"acquired": [16, 12], "refitted": []}
    settings = [json.loads(Plan(papers).phantom_settings(SimpleNamespace(participant=name))) for name in ("p02", "p03")]
    assert [each["acquired"] for each in settings] == [[16, 12]] * 2
    assert [each["archive"] for each in settings] == [False, True]
    row = {"lcmodel": "results/simulated/new-01/lcmodel", "lesion": "results/simulated/new-01/truth/lesion.nii.gz"}
    other = PhantomCohort.of(slices=[16, 25], acquired=[16, 16])
    assert PhantomSettings.from_text(phantom_of(row, other, "vienna")) == PhantomSettings.of(
        slices=[16, 25], acquired=[16, 16], naming="vienna", archive=False, lesion=True
    )


def of_table(raw, name: str) -> tuple[Plan, SimpleNamespace]:
    return Plan(raw), SimpleNamespace(experiment="ftddm", table=name)


def test_a_table_is_told_its_seeds_and_unit_and_its_grids_headings_are_filled_in(papers):
    papers["experiments"]["ftddm"]["seeds"] = [3, 1]
    papers["cohort"]["unit"] = "a.u."
    papers["methods"]["ftddm_100_solver_20"]["sampler"]["steps"] = 25
    plan, wildcards = of_table(papers, "table4")
    told = json.loads(plan.table_settings(wildcards))
    assert told["seeds"] == [3, 1] and told["unit"] == "a.u." and told["test_unit"] == "map"
    assert told["grid"]["columns"] == ["no DPM-Solver++", "Tsolver=50", "Tsolver=25", "Tsolver=10"]
    assert told["grid"]["rows"] == ["Ttrunc=100", "Ttrunc=50", "Ttrunc=20"]
    assert told["methods"][:2] == ["ftddm_100", "ftddm_100_solver_50"] and len(told["methods"]) == 9


def test_a_partial_table_takes_the_scores_that_there_are(papers):
    plan, wildcards = of_table(papers, "table2")
    every = plan.metric_files(wildcards)
    assert len(every) == 3 * 2
    papers["experiments"]["ftddm"]["tables"]["table2"]["allow_partial"] = True
    partial, _ = of_table(papers, "table2")
    assert partial.metric_files(wildcards) == partial.metric_provenance(wildcards) == []
    Path(every[3]).parent.mkdir(parents=True)
    Path(every[3]).touch()
    assert partial.metric_files(wildcards) == [every[3]]
    assert partial.metric_provenance(wildcards) == [every[3].replace(".parquet", ".provenance.json")]


@pytest.mark.parametrize(
    ("key", "value"),
    [("reference", "munet"), ("marks", [{"heading": "Mask", "methods": ["munet"]}]), ("labels", {"munet": "MUNet"})],
)
def test_a_table_names_methods_that_it_shows(papers, key, value):
    papers["experiments"]["ftddm"]["tables"]["table2"][key] = value
    with pytest.raises(UserError, match=rf"tables\.table2\.{key} .?munet.? is not known"):
        Plan(papers)
