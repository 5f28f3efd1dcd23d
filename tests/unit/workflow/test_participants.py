"""A participants table is read as it stands, or refused with the line, the column and what to do."""

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import participants

HEADER = "participant\tlcmodel\tt1\tflair\texclude\n"
TWO = HEADER + "a\tx\tt\tf\t\nb\ty\tt\tf\tmoved\n"


def read(tmp_path, content: str | bytes) -> list[dict[str, str]]:
    path = tmp_path / "participants.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return participants.read(path)


def refused(tmp_path, content: str | bytes) -> str:
    with pytest.raises(UserError) as error:
        read(tmp_path, content)
    return str(error.value)


def test_rows_come_in_the_order_of_the_names_with_every_column(tmp_path):
    rows = read(tmp_path, HEADER + "b\tx\tt\tf\t\na\ty\tt\tf\tmoved\n")
    assert [row["participant"] for row in rows] == ["a", "b"]
    assert set(rows[0]) == {*participants.REQUIRED, *participants.OPTIONAL}
    assert rows[0]["brain_mask"] == ""
    assert [row["participant"] for row in participants.included(rows)] == ["b"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + TWO,
        TWO.encode("utf-16"),
        b"\xfe\xff" + TWO.encode("utf-16-be"),
        TWO.replace("\n", "\r\n"),
        TWO.replace("\n", "\r"),
        TWO.replace("\n", "\t\n"),
        TWO.replace("\n", "\t\t\t\n"),
        TWO.replace("\n", "\n\n\t\t\n"),
        "# of the study\n" + TWO.replace("b\t", "# b\tis moved\nb\t"),
        TWO.replace("a\t", " a \t"),
        TWO.rstrip("\n"),
    ],
    ids=[
        "byte-order mark", "UTF-16", "UTF-16, big end first", "Windows", "old Macintosh", "tab at the end",
        "three tabs", "blank lines", "comments", "blanks", "no last line break",
    ],
)  # fmt: skip
def test_a_table_is_the_same_however_a_spreadsheet_writes_it(tmp_path, content):
    assert read(tmp_path, content) == read(tmp_path, TWO)


def test_a_quote_is_an_ordinary_character_and_takes_no_row_with_it(tmp_path):
    rows = read(tmp_path, HEADER + 'a\tx\tt\tf\t"moved\nb\tx\tt\tf\t\nc\t"x"\tt\tf\t\n')
    assert [row["participant"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["exclude"] == '"moved' and rows[2]["lcmodel"] == '"x"'


@pytest.mark.parametrize(
    "word", ["n/a", "N/A", "NA", "NaN", "None", "NULL", "-", "no", "No", "0", "0.0", "FALSE", "false", ""]
)
def test_a_word_for_no_excludes_nobody(tmp_path, word):
    (row,) = read(tmp_path, HEADER + f"a\tx\tt\tf\t{word}\n")
    assert row["exclude"] == ""


@pytest.mark.parametrize("word", ["yes", "1", "true", "moved", "not sure", "no lesion", "00", "include later"])
def test_any_other_word_is_the_reason_for_which_a_participant_is_left_out(tmp_path, word):
    rows = read(tmp_path, HEADER + f"a\tx\tt\tf\t{word}\nb\ty\tt\tf\t\n")
    assert [row["participant"] for row in participants.included(rows)] == ["b"]
    assert participants.summary(rows).splitlines() == [
        "1 of 2 scans of the participants table are included", f"  a is left out: {word}",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["keep", "Include", "INCLUDED", "ok", "n"])
def test_a_word_that_may_keep_a_scan_is_no_reason_to_leave_it_out(tmp_path, word):
    said = refused(tmp_path, HEADER + f"a\tx\tt\tf\t{word}\nb\ty\tt\tf\t\n")
    assert f"line 2 (a): exclude is '{word}', which does not say whether" in said


def test_a_table_that_leaves_every_scan_out_is_refused(tmp_path):
    assert "leaves every scan out: a, b" in refused(tmp_path, HEADER + "a\tx\tt\tf\tmoved\nb\ty\tt\tf\tyes\n")


@pytest.mark.parametrize("column", ["lcmodel", "maps"])
@pytest.mark.parametrize("again", ["x", "./x", "other/../x", "link"])
def test_one_scan_is_no_two_participants_however_its_path_is_spelled(tmp_path, monkeypatch, column, again):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("x")
    header = HEADER.replace("lcmodel", column)
    said = refused(tmp_path, header + f"a\tx\tt\tf\t\nb\t{again}\tt\tf\t\n")
    assert f"line 3 (b): {column} is {again}, the scan of a in line 2" in said
    assert len(read(tmp_path, header + f"a\tx\tt\tf\tmoved\nb\t{again}\tt\tf\t\n")) == 2


def test_one_image_is_not_both_t1_and_flair(tmp_path):
    assert "line 2 (a): t1 and flair are one file, t" in refused(tmp_path, HEADER + "a\tx\tt\t./t\t\n")


@pytest.mark.parametrize("word", ["n/a", "NA", "nan", "None", "null", "-"])
def test_what_is_not_available_is_empty_in_every_column(tmp_path, word):
    columns = participants.REQUIRED + participants.OPTIONAL
    given = {"participant": "a", "t1": "t", "flair": "f", "lcmodel": "x"}
    fields = [given.get(column, word) for column in columns]
    (row,) = read(tmp_path, "\t".join(columns) + "\n" + "\t".join(fields) + "\n")
    assert row == participants.EMPTY | given


def test_a_scan_that_is_left_out_needs_no_files(tmp_path):
    rows = read(tmp_path, HEADER + "a\t\t\t\tno FLAIR\nb\tx\tt\tf\t\n")
    assert [row["participant"] for row in participants.included(rows)] == ["b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, "lists no participants"),
        ("", "the columns are none"),
        ("participant\tt1\n", "missing: flair"),
        ("participant,t1,flair\n", "separated by tabs"),
        (HEADER + "a\tx\tt\t\t\n", "line 2 (a) has no flair"),
        (HEADER + "\na\tx\tt\tn/a\t\n", "line 3 (a) has no flair"),
        (HEADER + "a\tx\tt\tf\t\na\ty\tt\tf\t\n", "line 3: participant a has two rows, here and in line 2"),
        (HEADER + "a\tx\tt\tf\t\nA\ty\tt\tf\t\n", "line 3: participant A has two rows, here and in line 2"),
        (HEADER + "a\tx\tt\tf\t\nb c\tx\tt\tf\t\n", "line 3: the participant has the name 'b c'"),
        (HEADER + "M\u00fcller\tx\tt\tf\tout\n", "line 2: the participant has the name 'M\u00fcller'"),
        (HEADER + "../x\tx\tt\tf\t\n", "line 2: the participant has the name '../x'"),
        (HEADER + "-x\tx\tt\tf\t\n", "not beginning with '-'"),
        (HEADER + "a{b}\tx\tt\tf\t\n", "the name 'a{b}'"),
        (HEADER + f"{'a' * 101}\tx\tt\tf\t\n", "at most 100 letters"),
        (HEADER + "\tx\tt\tf\t\n", "the name ''"),
        (HEADER + "a\t\tt\tf\t\n", "either lcmodel"),
        (HEADER.replace("t1", "T1") + "a\tx\tt\tf\t\n", "not known: T1"),
        (HEADER.replace("t1", "flair") + "a\tx\tt\tf\t\n", "twice: flair"),
        (HEADER.replace("t1", "") + "a\tx\tt\tf\t\n", "a column without a name"),
        (HEADER.replace("\n", "\t\n") + "a\tx\tt\tf\t\tmore\n", "a column without a name"),
        (HEADER + "a\tx\t\tt\tf\t\n", "line 2 (a) has 6 fields, the header has 5: take a tab out"),
        (HEADER.replace("\n", "\t\n") + "a\tx\t\tt\tf\t\t\n", "line 2 (a) has 6 fields, the header has 5"),
        (HEADER + "a\tx\tt\tf\n", "line 2 (a) has 4 fields, the header has 5: an empty field needs its tab too"),
        (HEADER + "a\tx/{b}\tt\tf\t\n", "line 2 (a): lcmodel is 'x/{b}', a path with '{', '}'"),
        (HEADER + "a\tx\tt\x07\tf\t\n", "line 2 (a): t1 is 't\\x07', a path with"),
        (HEADER + "a\tx\tt\tf</script>\t\n", "line 2 (a): flair is"),
        (b"\x00\x01\x02", "it is no text"),
        (HEADER.encode() + "a\tx\tt\tf\t\nM\u00fcller\tx\tt\tf\t\n".encode("latin-1"), "line 3 is not UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_says_why_and_where(tmp_path, text, said):
    assert said in refused(tmp_path, text)


def test_latin_1_is_named_with_the_letter_and_how_to_save(tmp_path):
    said = refused(tmp_path, HEADER.encode() + "M\u00fcller\tx\tt\tf\t\n".encode("latin-1"))
    assert "Latin-1" in said and "the letter \u00fc" in said and "save it as text, tab-separated, in UTF-8" in said


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("flip", "z", "line 2 (a): flip 'z' is not one of x, y, xy"),
        ("flip", "yx", "line 2 (a): flip 'yx'"),
        ("pattern", "mulivoxel", "line 2 (a): the pattern 'mulivoxel' is neither"),
        ("pattern", r"x(?P<x>\d+", "line 2 (a): the pattern"),
        ("pattern", r"(?P<x>\d)(?P<y>\d)", "lacks the named group z or slice"),
        ("fold", "0", "line 2 (a): fold is '0', expected a whole number from 1"),
        ("fold", "1.0", "line 2 (a): fold is '1.0'"),
        ("fold", "\u00b2", "line 2 (a): fold is '\u00b2'"),
        ("fold", "9" * 5000, "line 2 (a): fold is"),
        ("fold", "1001", "line 2 (a): fold is '1001'"),
    ],
)
def test_what_jobs_would_refuse_is_refused_before_any_runs(tmp_path, column, value, said):
    header = HEADER.replace("exclude", column)
    assert said in refused(tmp_path, header + f"a\tx\tt\tf\t{value}\n")
    read(tmp_path, header + "a\tx\tt\tf\t\n")


def test_every_faulty_line_is_named_at_once_up_to_a_number(tmp_path):
    said = refused(tmp_path, HEADER + "".join(f"p{k}\tx{k}\t\tf\t\n" for k in range(25)))
    assert said.count("has no t1") == 20 and "and 5 more" in said


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no participants table .*nothing\.tsv"):
        participants.read(tmp_path / "nothing.tsv")
    with pytest.raises(UserError, match="is a folder"):
        participants.read(tmp_path)


@pytest.mark.parametrize("word", ["raw", "prepared", "n/a", ""])
def test_mri_is_raw_or_prepared(tmp_path, word):
    (row,) = read(tmp_path, f"participant\tlcmodel\tt1\tflair\tmri\na\tx\tt\tf\t{word}\n")
    assert row["mri"] == word.removeprefix("n/a")


@pytest.mark.parametrize("word", ["Raw", "yes", "stripped"])
def test_any_other_word_under_mri_is_refused_by_line_and_column(tmp_path, word):
    said = refused(tmp_path, f"participant\tlcmodel\tt1\tflair\tmri\na\tx\tt\tf\t{word}\n")
    assert f"line 2 (a): mri is {word!r}, expected raw for T1 and FLAIR as they were scanned" in said
