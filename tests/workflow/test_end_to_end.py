"""From LCModel text files to a table and figures, through Snakemake, at toy size."""

import json
from functools import partial
from pathlib import Path

import browser
import pandas as pd
import pytest
from selenium.webdriver.support.ui import WebDriverWait

TABLE = "results/toy/tables/comparison"


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


@pytest.fixture(scope="module")
def report(finished) -> Path:
    path = finished.folder / "report.html"
    done = finished.snakemake("--configfile", "toy.yaml", "--report", path.name)
    assert done.returncode == 0, done.stderr
    return path


def test_the_report_shows_tables_and_figures_and_cuts_none(report):
    """Its viewer centres what is taller than the window, whose upper end then cannot be reached: a known fault."""
    with browser.opened() as driver:
        driver.set_window_size(1300, 500)
        for part, name in (("Tables", "comparison"), ("Figures", "qualitative"), ("CLAIM answer sheet", "toy")):
            show(driver, report, ["toy", part], name)
            driver.switch_to.frame(driver.find_element("tag name", "iframe"))
            shown = driver.execute_script(
                "const of = each => each.getBoundingClientRect();"
                "return {text: document.body.innerText, height: document.documentElement.scrollHeight,"
                " pictures: [...document.images].map(each => [each.naturalWidth, of(each).top, of(each).bottom]),"
                " cells: document.querySelectorAll('td').length};"
            )
            driver.switch_to.default_content()
            if part == "Figures":
                assert len(shown["pictures"]) == 1
                for width, top, bottom in shown["pictures"]:
                    assert width > 500 and top >= 0 and 500 < bottom <= shown["height"]
            else:
                assert shown["cells"] > 10 and "phantom" in shown["text"]
            assert f"{name} of toy" in shown["text"] or part == "CLAIM answer sheet"
        assert browser.requests(driver) == [report.as_uri()] * 3


def test_no_picture_outside_the_pages_is_cut(report):
    with browser.opened() as driver:
        for path, name in ((["Cohort", "Quality masks"], "sub-01"), (["Training"], "2")):
            show(driver, report, path, name)
            tops = driver.execute_script("return [...document.images].map(each => each.getBoundingClientRect().top);")
            assert len(tops) == 2 and min(tops) >= 0  # the viewer's logo, and the picture


def show(driver, report: Path, path: list[str], name: str) -> None:
    """Open one result of the report: the words to press in its menu, and what stands in the result's row."""
    driver.get(report.as_uri())
    for word in path:
        wait(driver, partial(having, driver, "a", word))[0].click()
    row = wait(driver, partial(having, driver, "td", name))[0].find_element("xpath", "..")
    row.find_element("css selector", 'a[iconname="eye"]').click()
    wait(driver, partial(driver.find_elements, "css selector", "iframe, .p-3 > img"))


def having(driver, tag: str, text: str) -> list:
    """Elements with this text."""
    return [each for each in driver.find_elements("tag name", tag) if each.text.strip() == text]


def wait(driver, found):
    """What a function finds, as soon as it finds anything."""
    return WebDriverWait(driver, 60).until(lambda _: found())
