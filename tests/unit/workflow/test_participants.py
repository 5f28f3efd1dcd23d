"""A participants table is read as it stands, or refused with the reason."""

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import participants

HEADER = "participant\tlcmodel\tt1\tflair\texclude\n"


def table(tmp_path, text):
    path = tmp_path / "participants.tsv"
    path.write_text(text)
    return path


def test_rows_come_in_the_order_of_the_names_with_every_column(tmp_path):
    rows = participants.read(table(tmp_path, HEADER + "b\tx\tt\tf\t\na\ty\tt\tf\tmoved\n"))
    assert [row["participant"] for row in rows] == ["a", "b"]
    assert rows[0]["brain_mask"] == ""
    assert [row["participant"] for row in participants.included(rows)] == ["b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, "lists no participants"),
        ("participant\tt1\n", "flair"),
        ("participant,t1,flair\n", "separated by tabs"),
        (HEADER + "a\tx\tt\t\t\n", "a has no flair"),
        (HEADER + "a\tx\tt\tf\t\na\ty\tt\tf\t\n", "two rows"),
        (HEADER + "a b\tx\tt\tf\t\n", "'a b'"),
        (HEADER + "a\t\tt\tf\t\n", "either lcmodel"),
        (HEADER.replace("t1", "T1") + "a\tx\tt\tf\t\n", "not known: T1"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        participants.read(table(tmp_path, text))


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no participants table .*nothing\.tsv"):
        participants.read(tmp_path / "nothing.tsv")
