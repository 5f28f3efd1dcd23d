"""Laws of the pages of the HTML report: they hold all they show, and text stays text."""

import json

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.report.result_page import PNG, result_page
from mrsi_sr.results.files import checksum

TABLE = "| Method | SSIM ↑ |\n| --- | ---: |\n| MUNet \\| 1 | **0.9±0.1** |\n\nCohort <i>toys</i>.\n"


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table.md").write_text(TABLE)
    return tmp_path / "table.md"


def test_a_table_is_one_of_html_and_its_markup_alone_is_markup(table):
    page = result_page("Table <1> of demo", texts=[table])
    assert "<th>Method</th>" in page and "<td>MUNet | 1</td>" in page and "<strong>0.9±0.1</strong>" in page
    assert "&lt;i&gt;toys" in page and "<h1>Table &lt;1&gt; of demo</h1>" in page


def test_a_picture_is_in_the_page_itself(tmp_path, table):
    (tmp_path / "figure.png").write_bytes(PNG + b"content")
    page = result_page("Figure", pictures=[tmp_path / "figure.png"], texts=[table])
    assert 'src="data:image/png;base64,iVBORw0KGgpjb250ZW50"' in page
    assert page.index("<img") < page.index("<table") and "http" not in page.split("<body>")[1]


def test_another_file_than_a_picture_is_refused(table):
    with pytest.raises(UserError, match=r"table\.md cannot be read as a picture"):
        result_page("Figure", pictures=[table])


def test_a_text_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.md").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"a\.md cannot be read as a text"):
        result_page("Figure", texts=[tmp_path / "a.md"])


def test_a_table_that_was_changed_after_it_was_written_is_refused(table):
    record = {"script": "table.py", "outputs_sha256": {"table.md": checksum(table)}}
    table.with_name("table.provenance.json").write_text(json.dumps(record))
    assert "MUNet" in result_page("Table", texts=[table])
    table.write_text(TABLE.replace("0.9", "1.0"))
    with pytest.raises(UserError, match=r"table\.md"):
        result_page("Table", texts=[table])
