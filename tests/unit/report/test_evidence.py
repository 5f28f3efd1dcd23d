"""Evidence: published numbers stand beside ours where a method and a size have both."""

import pandas as pd
import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.report.evidence import evidence, read_published
from mrsi_sr.workflow.configuration import Configuration

PUBLISHED = """
study:
  paper: A paper
  cohort: 25 patients
  tables:
    table1:
      ours: {nfe: 101, parameters: 50.5, nrmse: {8: [0.356, 0.168]}}
      theirs: {nrmse: {8: [0.4, 0.2]}}
  figures: {fig3: maps}
  reader_studies: {fig8: ratings}
"""


@pytest.fixture
def written(tmp_path):
    """A file of published numbers, and a table of ours."""
    (tmp_path / "published.yaml").write_text(PUBLISHED)
    path = tmp_path / "study/tables/table1.csv"
    path.parent.mkdir(parents=True)
    facts = {
        "cohort": "toy",
        "phantom": True,
        "protocol": "paper",
        "folds": "fold 1 of 5",
        "participants": 3,
        "maps": 84,
    }
    rows = [
        {"method": method, "label": f"{method} *", "nfe": nfe, "parameters": 2.5e6, "size": 8, "upscaling_factor": 8.0}
        | {"nrmse_mean": mean, "nrmse_sd": 0.05, "psnr_mean": 20, "psnr_sd": 1, "configuration": "0123abcd"} | facts
        for method, nfe, mean in (("ours", 11, 0.25), ("new", 1, float("nan")))
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)
    return tmp_path / "published.yaml", path


def test_published_numbers_stand_beside_ours(written):
    published, table = written
    text = evidence(read_published(published), [table], [table.parents[1] / "figures/fig3.png"])
    assert "| Method | NFE | Params (M) | NRMSE ↓ s=8 |" in text  # PSNR is not published there
    assert r"| ours \* | 11 (101) | 2.5 (50.5) | 0.250±0.050 (0.356±0.168) |" in text
    assert r"| new \* | 1 | 2.5 | not available |" in text
    assert "cohort toy (phantom: simulated, not patients), protocol paper, fold 1 of 5" in text
    assert "0123abcd" in text and "In brackets: 25 patients." in text
    assert "| `figure` | `results/study/figures/fig3.png` | maps |" in text
    assert "| `reader_ratings` | `results/study/reader_study/fig8/analysis/figure.png` | ratings |" in text
    assert "| `table` | `results/study/tables/table1.csv` | 2 methods, 1 size of low resolution |" in text


def test_experiments_that_are_not_planned_are_left_out(written):
    assert "A paper" not in evidence(read_published(written[0]), [], [])


def test_the_papers_numbers_can_be_read_and_belong_to_methods_of_their_tables(repository):
    papers = Configuration.read(repository / "config" / "config.yaml").experiments
    for name, paper in read_published(repository / "workflow/published.yaml").items():
        for table, rows in paper.tables.items():
            assert set(rows) <= set(papers[name].tables[table].methods)
        assert set(paper.figures) == set(papers[name].figures)


@pytest.mark.parametrize("content", ["study: {}", "study: {paper: a, cohort: b, tables: {t: {m: {nrmse: [1]}}}}", "[]"])
def test_a_file_of_another_shape_is_refused(content, tmp_path):
    (tmp_path / "published.yaml").write_text(content)
    with pytest.raises(UserError, match=r"published\.yaml"):
        read_published(tmp_path / "published.yaml")


def test_a_table_of_another_program_is_refused(written, tmp_path):
    table = tmp_path / "study/tables/other.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"other\.csv cannot be read as a table.*no column"):
        evidence(read_published(written[0]), [table], [])
