"""Page of all scans: made of their records, the least similar scan first, every link where its page is."""

import json

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.report.scans_page import scans_page


def scan(folder, name, score, warnings=(), method="ftddm"):
    path = folder / "results" / name
    path.mkdir(parents=True)
    record = {"name": name, "settings": {"method": method, "samples": 50}, "started": "2026-11-27T10:00:00"}
    (path / "provenance.json").write_text(json.dumps(record))
    (path / "trust.json").write_text(json.dumps({"score": score, "warnings": list(warnings)}))
    return path


def test_each_scan_has_a_line_and_the_least_similar_comes_first(tmp_path):
    folders = [scan(tmp_path, "sub-01", 0.9), scan(tmp_path, "sub-02", 0.125, ["S/N: 3", "<b>&"], "a & b")]
    text = scans_page(folders, tmp_path / "results")
    assert text.index("sub-02/scan.html") < text.index("sub-01/scan.html")
    assert '<a href="sub-01/scan.html">sub-01</a></td><td>0.90</td><td class="words">none' in text
    assert "<td>0.12</td>" in text and "S/N: 3<br>&lt;b&gt;&amp;" in text and "a &amp; b" in text
    assert "2 scans, 1 with warnings" in text and "Research use only" in text


def test_links_lead_from_where_the_page_is(tmp_path):
    text = scans_page([scan(tmp_path, "sub-01", 1.0)], tmp_path / "elsewhere")
    assert 'href="../results/sub-01/scan.html"' in text


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"score": null, "warnings": []}'])
def test_a_damaged_record_is_named_with_what_to_do(content, tmp_path):
    folder = scan(tmp_path, "sub-01", 1.0)
    (folder / "trust.json").write_text(content)
    with pytest.raises(UserError, match=r"sub-01.* cannot be read as") as error:
        scans_page([folder], tmp_path)
    assert "super_resolve.py again" in str(error.value)
