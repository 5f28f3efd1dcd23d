"""From LCModel text files to a table and figures, through Snakemake, at toy size."""

import json

import pandas as pd
import pytest

TABLE = "results/toy/tables/comparison"


@pytest.fixture(scope="module")
def finished(toy):
    """The toy clone after the whole workflow ran."""
    done = toy.snakemake("--cores", "2", "--configfile", "toy.yaml")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return toy


def test_the_table_has_every_method_with_its_cost_and_its_scores(finished):
    table = pd.read_csv(finished.folder / f"{TABLE}.csv")
    assert sorted(table.method) == sorted(2 * ["zero_filled", "munet", "ddpm"])  # at two sizes
    text = (finished.folder / f"{TABLE}.md").read_text()
    for word in ("phantom", "clean", "fold", "NFE", "±"):
        assert word in text


def test_scores_are_those_of_the_held_out_participants_alone(finished):
    folds = pd.read_csv(finished.folder / "results/toy/folds.csv")
    held_out = set(folds.query("fold == 2 and part == 'test'").participant)
    scores = pd.read_parquet(finished.folder / "results/toy/fold-2/metrics/munet.parquet")
    assert set(scores.participant) == held_out
    assert set(scores.protocol) == {"clean"}


def test_the_network_says_where_it_comes_from(finished):
    record = json.loads((finished.folder / "results/toy/fold-2/networks/munet/provenance.json").read_text())
    assert record["settings"]["channels"] == 2
    assert record["inputs_sha256"]


def test_figures_and_the_summary_of_the_cohort_are_there(finished):
    for name in ("toy/figures/qualitative.png", "toy/figures/qualitative.pdf", "cohorts/toy/sub-01/mask.png"):
        assert (finished.folder / "results" / name).stat().st_size > 1000
    summary = pd.read_csv(finished.folder / "results/cohorts/toy/summary.csv")
    assert list(summary.participant) == ["sub-01", "sub-02", "sub-03"]
    assert (summary["voxels fatal"] > 0).any()


def test_nothing_is_left_to_do(finished):
    assert "Nothing to be done" in finished.dry_run("--configfile", "toy.yaml")


def test_a_changed_sampler_samples_and_scores_again_but_trains_nothing(finished):
    toy = (finished.folder / "toy.yaml").read_text()
    (finished.folder / "changed.yaml").write_text(toy.replace("{kind: ancestral}", "{kind: ancestral, variance: beta}"))
    text = finished.dry_run("--configfile", "changed.yaml")
    rules = {line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith(("rule ", "localrule "))}
    assert rules == {"all", "sample", "evaluate", "compare", "table", "qualitative"}


def test_the_report_is_made(finished):
    done = finished.snakemake("--configfile", "toy.yaml", "--report", "report.html")
    assert done.returncode == 0, done.stderr
    assert (finished.folder / "report.html").stat().st_size > 100_000
