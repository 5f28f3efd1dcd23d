"""Ratings: unblinding that is exact, completeness, and files that are none of the study."""

import csv
import json
import shutil

import pandas as pd
import pytest
import reader_study

from mrsi_sr.cli import UserError
from mrsi_sr.reader_study import analysis, ratings
from mrsi_sr.reader_study import key as keys
from mrsi_sr.settings.reader_study import ReaderStudySettings


@pytest.fixture
def rated(study, tmp_path):
    """The study without ratings, in a folder of this test alone."""
    for name in ("key.csv", "key.provenance.json", "keys"):
        copy = shutil.copytree if (study / name).is_dir() else shutil.copy
        copy(study / name, tmp_path / name)
    return tmp_path


def unblinded(folder, *paths) -> pd.DataFrame:
    return ratings.unblinded(paths, keys.read(folder / "key.csv"))


def test_every_score_comes_back_to_the_image_that_got_it(rated):
    """A reader who gives each size and method its own score: the unblinded table has it in every row."""
    given = {("low_resolution", 4): "10", ("low_resolution", 8): "30", ("super_resolved", 4): "70"}
    path = reader_study.rate(rated, "A. B", lambda row: given.get((row.role, row.size), "90"))
    table = unblinded(rated, path)
    assert len(table) == 4 * (2 + 5) * 2
    for row in table.itertuples():
        assert row.score == given.get((row.role, row.size), "90")
        assert row.method == {"low_resolution": "zero_filled", "super_resolved": "munet"}[row.role]


def test_the_order_of_a_files_rows_makes_no_difference(rated):
    path = reader_study.rate(rated, "A", lambda row: "90" if row.role == "super_resolved" else "10")
    before = unblinded(rated, path)
    head, *rows = path.read_text().splitlines()
    path.write_text("\r\n".join([head, *rows[::-1]]) + "\r\n")
    pd.testing.assert_frame_equal(unblinded(rated, path), before)


def test_what_is_missing_and_what_is_not_applicable_is_counted_by_reader_and_metric(rated):
    """A file that an editor has cut lacks rows as a page leaves scores empty."""
    given = {"lesion": "NA", "ventricles": ""}
    path = reader_study.rate(rated, "A", lambda row: given.get(row.metric, "50"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if ",tCho," not in line) + "\n")
    found = ratings.completeness(unblinded(rated, path)).set_index("metric")
    counts = ["asked", "scored", "not_applicable", "missing"]
    assert found.loc["lesion", counts].tolist() == [8, 0, 8, 0]
    assert found.loc["ventricles", counts].tolist() == [8, 0, 0, 8]
    assert found.loc["tCho", counts].tolist() == [8, 0, 0, 8]
    assert found.loc["sharpness", counts].tolist() == [8, 8, 0, 0]
    assert found.loc["all", counts].tolist() == [56, 32, 8, 16]


def test_the_weeks_between_two_sessions_are_listed(rated):
    paths = [reader_study.rate(rated, "A", lambda row: "50", session=session) for session in (1, 2)]
    found = ratings.completeness(unblinded(rated, *paths))
    weeks = found[found.metric == "all"].weeks_since_session_before.tolist()
    assert pd.isna(weeks[0]) and weeks[1] == pytest.approx(31 / 7)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("score", "60", r"line 3, has the score '60', expected 10, 30, 50, 70, 90, NA or nothing"),
        ("case", "5", r"line 3, has the image 5, tCr, right, which is not asked for in this study"),
        ("image", "left", r"line 3, has the image 1, tCr, left, which is there twice"),
        ("reader", "B", r"line 3, is of another study, reader or session"),
        ("rated_at", "yesterday", r"line 3, has the time 'yesterday'"),
        ("study", "0" * 12, r"are of several studies"),
    ],
)
def test_a_row_that_is_no_rating_of_the_study_is_refused_with_its_line(column, value, words, rated):
    path = reader_study.rate(rated, "A", lambda row: "50")
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[1][column] = value
    pd.DataFrame(rows).to_csv(path, index=False)
    with pytest.raises(UserError, match=words):
        ratings.study_of([path])
        unblinded(rated, path)


def test_two_files_of_one_reading_are_refused_and_both_are_named(rated):
    paths = [reader_study.rate(rated, name, lambda row: "50", name=f"file{i}") for i, name in enumerate(("Ab", "AB"))]
    with pytest.raises(UserError, match=r"file0\.csv and .*file1\.csv are both of reader AB, session 1"):
        unblinded(rated, *paths)


def test_ratings_of_a_page_whose_place_another_has_taken_are_unblinded_with_its_own_key(tmp_path):
    reader_study.write(tmp_path)
    path = reader_study.rate(tmp_path, "A", lambda row: "90" if row.role == "super_resolved" else "10")
    shutil.rmtree(tmp_path / "samples")
    reader_study.write(tmp_path, seed=7)
    found, key = ratings.key_of(ratings.study_of([path]), sorted((tmp_path / "keys").glob("*.csv")))
    assert found.name != f"{keys.read(tmp_path / 'key.csv')[0].study}.csv"
    table = ratings.unblinded([path], key)
    assert ((table.score == "90") == (table.role == "super_resolved")).all()
    with pytest.raises(UserError, match="there is no key of it"):
        ratings.key_of(ratings.study_of([path]), [tmp_path / "key.csv"])


def analyse(folder, paths, **settings):
    outputs = analysis.Outputs(*(folder / "analysis" / name for name in ("r.csv", "c.csv", "a.csv", "f.png", "f.pdf")))
    study = ReaderStudySettings.of(**reader_study.SETTINGS | settings)
    analysis.analyse(paths, sorted((folder / "keys").glob("*.csv")), study, outputs, {})


@pytest.fixture
def drawn(monkeypatch):
    """Contents of the figures, which are not drawn."""
    contents = []

    def draw(content, png, pdf):
        contents.append(content)
        for path in (png, pdf):
            path.touch()

    monkeypatch.setattr(analysis.figure, "draw", draw)
    return contents


def test_the_figure_has_the_counts_of_each_reader_and_says_what_is_missing(rated, drawn, caplog):
    paths = [
        reader_study.rate(rated, "A", lambda row: "90" if row.role == "super_resolved" else "30"),
        reader_study.rate(rated, "B", lambda row: {"lesion": "", "ventricles": "NA"}.get(row.metric, "50")),
    ]
    analyse(rated, paths)
    assert "reader B, session 1: 8 of 56 scores are missing" in caplog.text
    content = drawn[0]
    assert content.metrics == ["tCr", "tCho", "sharpness", "grey matter", "white matter", "ventricles", "lesion"]
    assert [(panel.row, panel.column) for panel in content.panels] == [
        ("A", "LR: Zero-filled"), ("A", "SR: A network"), ("B", "LR: Zero-filled"), ("B", "SR: A network"),
    ]  # fmt: skip
    assert content.panels[0].counts.tolist() == [[0, 4, 0, 0, 0, 0]] * 7
    assert content.panels[1].counts.tolist() == [[0, 0, 0, 0, 4, 0]] * 7
    assert content.panels[2].counts.tolist() == [[0, 0, 4, 0, 0, 0]] * 5 + [[0] * 5 + [4], [0] * 6]
    for words in ("4 slices of 2 participants, 4×4, 8×8; 2 readers", "8 of 112 scores are missing", "protocol clean",
                  "experiment toy", "cohort toy", "folds 1, 2", "configuration", "Simulated phantoms"):  # fmt: skip
        assert words.lower() in content.caption.lower(), words
    record = json.loads((rated / "analysis" / "r.provenance.json").read_text())
    assert len(record["inputs_sha256"]) == 3 and record["study"] in content.caption


def test_a_study_of_the_lowest_resolution_has_a_row_for_each_size_from_the_largest_on(rated, drawn):
    path = reader_study.rate(rated, "A", lambda row: "10" if row.size == 4 else "70")
    analyse(rated, [path], by_size=True)
    rows = [(panel.row, panel.counts.tolist()) for panel in drawn[0].panels if panel.column.startswith("SR")]
    assert rows == [("A, 8×8", [[0, 0, 0, 2, 0, 0]] * 7), ("A, 4×4", [[2, 0, 0, 0, 0, 0]] * 7)]


def test_too_short_a_wash_out_is_said(rated, drawn, caplog):
    analyse(
        rated, [reader_study.rate(rated, "A", lambda row: "50", session=session) for session in (1, 2)], washout_weeks=5
    )
    assert "reader A, session 2: begun 4.4 weeks after the session before, expected at least 5" in caplog.text
    assert [panel.row for panel in drawn[0].panels][::2] == ["A", "A, session 2"]


def test_nothing_is_written_of_ratings_that_cannot_be_unblinded(rated):
    with pytest.raises(UserError, match="has the score '60'"):
        analyse(rated, [reader_study.rate(rated, "A", lambda row: "60")])
    assert not (rated / "analysis").exists()
