"""probe.py and probe_table.py through their command lines: what a person can mend is said in one message."""

import json

import pytest

ZERO_FILLED = json.dumps({"sampler": {"kind": "zero_filled"}})
FILES = ["--slices", "a.npz", "--low-resolution", "b.npz", "--folds", "c.csv", "--protocol", "clean"]
PROBED = ["--method", "zf", "--settings", ZERO_FILLED, *FILES, "--fold", "1", "--sizes", "8"]
OUTPUTS = ["csv", "md", "tex", "rows", "curves-png", "curves-pdf", "examples-png", "examples-pdf"]


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"diameters": [10]}, "diameters is not a known key: did you mean diameters_mm"),
        ({"increases": [0.5]}, "increases"),
        ({"kinds": ["lesions"]}, "lesions"),
        ({"diameters_mm": [10, 10]}, "diameters_mm"),
    ],
)
def test_settings_of_a_probe_that_cannot_be_used_are_named(probe, message, tmp_path, run_script):
    done = run_script("probe", *PROBED, "--probe", json.dumps(probe), "--out", tmp_path / "out")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_without_findings_is_named(tmp_path, run_script):
    files = [word for name in OUTPUTS for word in (f"--out-{name}", tmp_path / "out" / f"{name}.x")]
    done = run_script("probe_table", "--findings", tmp_path / "nowhere", *files)
    assert done.returncode == 2 and "no findings of a probe in" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
