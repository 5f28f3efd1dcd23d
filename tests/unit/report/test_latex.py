"""Tables compile with LaTeX and booktabs, also with every character that LaTeX reads as markup."""

import latex
import pytest
from required import REQUIRED
from scored import RECORDS, SETTINGS, build, long_table

from mrsi_sr.report import layout, sheet, statistics
from mrsi_sr.report.collect import collect

ODD = r"A & B_1 [50 %] #2 $x^2$ ~ \ {curly} <0.5> * | × ± ↓ → ✓ †"
MARKS = [{"heading": "Mask & MRI", "methods": ["munet"]}]


def test_every_kind_of_table_compiles(tmp_path):
    scores = long_table().query("not (method == 'munet' and fold == 2)")
    whole = SETTINGS | {"labels": {"zero_filled": ODD, "munet": "[MUNet]"}, "marks": MARKS}
    partial = whole | {"allow_partial": True, "mark_significance": True, "title": ODD}
    grid = {"rows": ["one", ODD], "columns": ["a", ODD], "methods": [["zero_filled", "munet"], [None, "munet"]]}
    one_number = {"grid": grid, "costs": [], "metrics": ["ssim"], "sizes": [8], "marks": []}
    tables = {
        "rows": sheet.latex(layout.sheet_of(build(long_table(), RECORDS, whole | {"pool_sizes": True}))),
        "partial": sheet.latex(layout.sheet_of(build(scores, RECORDS, partial))),
        "grid": sheet.latex(layout.sheet_of(build(long_table(), RECORDS, whole | one_number))),
    }
    collected = collect(long_table(), RECORDS, whole)
    tables["tests"] = sheet.latex_long(layout.sheet_of_tests(statistics.compare(collected), collected))
    for name, text in tables.items():
        assert text.isascii()
        (tmp_path / f"{name}.tex").write_text(text)
    log = latex.compiled(tmp_path, *tables)
    assert "Undefined control sequence" not in log and "Missing character" not in log


def test_without_latex_the_test_is_skipped_with_a_reason_and_fails_in_the_gate(monkeypatch, tmp_path):
    monkeypatch.setattr(latex.shutil, "which", lambda name: None)
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install texlive-latex-recommended"):
        latex.compiled(tmp_path)
    monkeypatch.setenv(REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match="pdflatex not installed"):
        latex.compiled(tmp_path)
