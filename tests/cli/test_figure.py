"""shown_maps.py and figure.py from their command lines: one small file, then PNG and PDF, or a message and neither."""

import json
import shutil

import evaluated
import pytest


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    made = evaluated.write(folder)
    return made | evaluated.score(made, folder / "scores") | {"folder": folder}


def settings_of(**settings):
    figure = {"kind": "qualitative", "maps": [{"size": 4} | settings.pop("map", {})]}
    return json.dumps({"figure": figure, "phantom": True} | settings)


def shown_maps(run_script, cohort, out, **settings):
    return run_script(
        "shown_maps", "--samples", *cohort["samples"].values(), "--metrics", *cohort["metrics"],
        "--provenance", *cohort["provenance"], "--slices", *cohort["slices"],
        "--low-resolution", *cohort["low_resolution"], "--settings", settings_of(**settings), "--out", out,
    )  # fmt: skip


def test_a_figure_is_drawn_from_its_small_file_when_all_else_is_gone(cohort, run_script, tmp_path):
    from matplotlib.image import imread

    done = shown_maps(run_script, cohort, tmp_path / "shown" / "figure.npz")
    assert done.returncode == 0, done.stderr
    inputs = json.loads((tmp_path / "shown" / "figure.provenance.json").read_text())["inputs_sha256"].keys()
    samples = [file for folder in cohort["samples"].values() for file in folder.glob("*.npz")]
    read = [
        *samples,
        *(path for name in ("metrics", "provenance", "slices", "low_resolution") for path in cohort[name]),
    ]
    assert samples and inputs == {str(path) for path in read}
    assert (tmp_path / "shown" / "figure.npz").stat().st_size < 100_000

    shutil.move(tmp_path / "shown" / "figure.npz", tmp_path / "elsewhere.npz")
    done = run_script(
        "figure", "--maps", tmp_path / "elsewhere.npz", "--settings", settings_of(labels={"munet": "MUNet"}),
        "--out-png", tmp_path / "drawn.png", "--out-pdf", tmp_path / "drawn.pdf",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert imread(tmp_path / "drawn.png").shape[1] == pytest.approx(7.16 * 300, abs=2)
    assert (tmp_path / "drawn.pdf").read_bytes().startswith(b"%PDF")
    record = json.loads((tmp_path / "drawn.provenance.json").read_text())
    assert record["inputs_sha256"].keys() == {str(tmp_path / "elsewhere.npz")}
    assert "mrsi_sr/report/figures/qualitative.py" in record["code"]
    assert not record["code"].keys() & {"mrsi_sr/report/figures/curves.py", "mrsi_sr/report/figures/samples.py"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"map": {"participant": "sub-99"}}, "no map of size 4, participant sub-99"),
        ({"map": {"patient": "sub-11"}}, "patient is not a known key: did you mean participant?"),
    ],
)
def test_what_cannot_be_shown_is_said(cohort, run_script, tmp_path, settings, message):
    done = shown_maps(run_script, cohort, tmp_path / "figure.npz", **settings)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr, done.stderr
    assert not list(tmp_path.glob("*"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--metrics", "IN/zero_filled-1.parquet"], "of kind qualitative needs --maps\n  given: --metrics"),
        ([], "of kind qualitative needs --maps\n  given: none of them"),
        (["--maps", "IN/zero_filled-1.parquet"], "cannot be read as content of a figure of maps"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_none(cohort, run_script, tmp_path, given, message):
    given = [word.replace("IN", str(cohort["folder"] / "scores")) for word in given]
    out = ["--out-png", tmp_path / "drawn.png", "--out-pdf", tmp_path / "drawn.pdf"]
    done = run_script("figure", *given, "--settings", settings_of(), *out)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr, done.stderr
    assert not list(tmp_path.glob("*"))
