"""Laws of cross-validation by participant."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrsi_sr.cli import UserError
from mrsi_sr.maps import folds
from mrsi_sr.maps.cross_validation import divide
from mrsi_sr.maps.folds import participants_of
from mrsi_sr.settings.experiment import FoldSettings


def cohort(size, fold=""):
    return {f"sub-{number:02d}": fold for number in range(1, size + 1)}


@pytest.mark.parametrize(("size", "expected"), [(25, (15, 5, 5)), (15, (9, 3, 3))])
def test_the_papers_divisions(size, expected):
    rows = divide(cohort(size), FoldSettings.of(number=5))
    for fold in range(1, 6):
        assert tuple(len(participants_of(rows, fold, part)) for part in folds.PARTS) == expected


@given(st.integers(3, 8), st.integers(0, 30), st.integers(0, 99))
def test_everyone_is_tested_once_validates_once_and_has_one_part_in_each_fold(number, more, seed):
    names = cohort(number + more)
    rows = divide(names, FoldSettings.of(number=number, seed=seed))
    assert Counter((row.participant, row.fold) for row in rows) == Counter(
        (name, fold) for name in names for fold in range(1, number + 1)
    )
    for part in ("test", "validation"):
        assert Counter(row.participant for row in rows if row.part == part) == Counter(list(names))
    groups = [len(participants_of(rows, fold, "test")) for fold in range(1, number + 1)]
    assert max(groups) - min(groups) <= 1
    assert all(participants_of(rows, fold, "train") for fold in range(1, number + 1))


def test_a_fold_validates_on_those_whom_the_next_fold_tests():
    rows = divide(cohort(11), FoldSettings.of(number=4))
    for fold in range(1, 5):
        assert participants_of(rows, fold, "validation") == participants_of(rows, fold % 4 + 1, "test")


def test_where_nobody_is_tested_each_fold_validates_on_its_group_and_trains_on_all_others():
    rows, tested = (divide(cohort(11), FoldSettings.of(number=4, test=test)) for test in (False, True))
    for fold in range(1, 5):
        assert participants_of(rows, fold, "test") == []
        assert participants_of(rows, fold, "validation") == participants_of(tested, fold, "test")
        both = participants_of(tested, fold, "train") + participants_of(tested, fold, "validation")
        assert participants_of(rows, fold, "train") == sorted(both)


def test_the_order_of_participants_does_not_matter():
    names = cohort(12)
    assert divide(names, FoldSettings.of()) == divide(dict(reversed(names.items())), FoldSettings.of())


def test_the_seed_decides():
    assert divide(cohort(12), FoldSettings.of(number=5, seed=1)) == divide(
        cohort(12), FoldSettings.of(number=5, seed=1)
    )
    assert divide(cohort(12), FoldSettings.of(number=5, seed=1)) != divide(
        cohort(12), FoldSettings.of(number=5, seed=2)
    )


def test_the_column_fold_says_where_each_participant_is_tested():
    chosen = {"a": "3", "b": "1", "c": "2", "d": "1"}
    rows = divide(chosen, FoldSettings.of(number=3, seed=7))
    assert participants_of(rows, 1, "test") == ["b", "d"]
    assert participants_of(rows, 1, "validation") == ["c"]
    assert participants_of(rows, 1, "train") == ["a"]
    assert participants_of(rows, 3, "validation") == ["b", "d"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (cohort(2), "2 participants cannot make 3 folds"),
        (cohort(3) | {"sub-02": "1"}, "column fold is empty for sub-01, sub-03"),
        ({"a": "1", "b": "2", "c": "4"}, "the fold of c is '4'"),
        ({"a": "1", "b": "2", "c": "two"}, "the fold of c is 'two'"),
        ({"a": "1", "b": "2", "c": "1"}, "nobody is tested in fold 3 of 3"),
    ],
)
def test_folds_that_cannot_be_are_refused(chosen, message):
    with pytest.raises(UserError, match=message):
        divide(chosen, FoldSettings.of(number=3))


@pytest.mark.parametrize("number", [2, 0, -1, 2.5, 5.0, True, "5", float("nan")])
def test_fewer_than_three_folds_are_refused(number):
    with pytest.raises(UserError, match="number is"):
        FoldSettings.of(number=number)


def test_the_table_is_read_as_it_was_written(tmp_path):
    rows = divide(cohort(7), FoldSettings.of(number=3))
    folds.write(rows, tmp_path / "folds.csv")
    assert folds.read(tmp_path / "folds.csv") == rows


def test_a_participant_in_two_parts_of_a_fold_is_refused(tmp_path):
    path = tmp_path / "folds.csv"
    path.write_text("participant,fold,part\na,1,train\na,1,test\n")
    with pytest.raises(UserError, match="a has several parts in fold 1"):
        folds.read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,fold\na,1\n", "columns name,fold, expected one participant and one part"),
        ("participant,fold,fold,part\na,1,2,test\n", "expected one fold"),
        ("participant,fold,part\na,one,test\n", "line 2: the fold is 'one'"),
        ("participant,fold,part\na,1,train\nb,0,test\n", "line 3: the fold is '0'"),
        ("participant,fold,part\na,1,tset\n", "line 2: the part is 'tset'\n  expected train, validation or test"),
        ("participant,fold,part\na,1\n", "line 2 does not have 3 cells"),
        ("participant,fold,part\na,1,test,\n", "line 2 does not have 3 cells"),
        ("participant,fold,part\n../a,1,test\n", "line 2 has the name '../a'"),
        ('participant,fold,part\n"a,1,test\n', "cannot be read as a table of folds"),
        ("", "columns none"),
    ],
)
def test_a_file_that_is_no_table_of_folds_is_refused(text, message, tmp_path):
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        folds.read(tmp_path / "folds.csv")


def test_a_missing_table_of_folds_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match="no table of folds"):
        folds.read(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="is a folder"):
        folds.read(tmp_path)


def test_an_unknown_fold_is_refused():
    with pytest.raises(UserError, match="there is no fold 4\n  the table has 1, 2, 3"):
        participants_of(divide(cohort(3), FoldSettings.of(number=3)), 4, "test")
