"""Reading: whatever a file holds becomes a result or one message; names that are parts of paths are plain ones."""

import json
import os

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results.names import METABOLITE, check_name
from mrsi_sr.results.reading import UNREADABLE, read_json, reading


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_a_reader_raises_becomes_a_message_with_the_file(kind, tmp_path):
    file = tmp_path / "scores.json"
    file.write_text("x")
    expected = pytest.raises(UserError, match=r"scores\.json cannot be read as a record: .*\n  run it again")
    with expected, reading(file, "a record", "run it again"):
        raise kind("of such a content")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere"), lambda path: None])
def test_a_pipe_a_folder_a_broken_link_and_nothing_are_refused_before_they_are_opened(make, tmp_path):
    make(tmp_path / "record.json")
    with pytest.raises(UserError, match=r"record\.json"):
        read_json(tmp_path / "record.json", "a record", "run it again")


@pytest.mark.parametrize("text", ["", "{", "[1]", "7", '{"a": 1', "\x00", "[" * 100_000])
def test_json_that_is_cut_or_of_another_shape_is_refused(text, tmp_path):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read as a record"):
        read_json(tmp_path / "record.json", "a record", "run it again")


def test_a_json_object_is_read_as_it_was_written(tmp_path):
    (tmp_path / "record.json").write_text(json.dumps({"fold": 1}))
    assert read_json(tmp_path / "record.json", "a record", "run it again") == {"fold": 1}


@pytest.mark.parametrize("name", ["../x", "", "-x", "a/b", "a b", "ä", "a\n", "{x}", ".", "²", 7, None])
def test_a_name_that_is_no_plain_word_becomes_no_path(name):
    with pytest.raises(UserError, match=r"the participant in folds\.csv has the name"):
        check_name(name, "the participant in folds.csv")


def test_plain_words_are_names_and_combinations_are_metabolites():
    assert check_name("sub-01_b", "x") == "sub-01_b"
    assert check_name("GPC+PCh", "x", METABOLITE) == "GPC+PCh"
