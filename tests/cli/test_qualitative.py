"""qualitative.py from its command line: a PNG and a PDF, or a message and neither."""

import json

import evaluated
import pytest


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return evaluated.write(tmp_path_factory.mktemp("cohort"))


def qualitative(run_script, cohort, folder, **settings):
    return run_script(
        "qualitative", "--samples", *(cohort["samples"][method, 1] for method in evaluated.METHODS),
        "--slices", *cohort["slices"], "--low-resolution", *cohort["low_resolution"],
        "--settings", json.dumps({"size": 4, "phantom": True} | settings),
        "--out-png", folder / "figure.png", "--out-pdf", folder / "figure.pdf",
    )  # fmt: skip


def test_the_figure_is_drawn_as_png_and_pdf_at_page_width(cohort, run_script, tmp_path):
    from matplotlib.image import imread

    done = qualitative(run_script, cohort, tmp_path)
    assert done.returncode == 0, done.stderr
    assert imread(tmp_path / "figure.png").shape[1] == pytest.approx(7.16 * 300, abs=2)
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    inputs = json.loads((tmp_path / "figure.provenance.json").read_text())["inputs_sha256"].keys()
    samples = [file for method in evaluated.METHODS for file in cohort["samples"][method, 1].glob("*.npz")]
    assert samples and inputs == {str(path) for path in (*samples, *cohort["slices"], *cohort["low_resolution"])}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"participant": "sub-99"}, "no map of participant sub-99"),
        ({"patient": "sub-11"}, "patient is not a known key: did you mean participant?"),
    ],
)
def test_what_cannot_be_shown_is_said(cohort, run_script, tmp_path, settings, message):
    done = qualitative(run_script, cohort, tmp_path, **settings)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr, done.stderr
    assert not list(tmp_path.glob("*"))
