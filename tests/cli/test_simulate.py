"""The script simulate.py, run as people run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/simulate.py"
TOY = {"matrix": [32, 32, 20], "voxel_mm": [6.8, 6.8, 6.8], "slices": [9, 11]}


def simulate(*flags):
    return subprocess.run([sys.executable, SCRIPT, *map(str, flags)], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("more", "tables"),
    [({}, "lcmodel"), ({"naming": "vienna", "archive": True, "lesion": False}, "lcmodel.tar.gz")],
)
def test_it_writes_a_whole_participant(tmp_path, more, tables):
    out = tmp_path / "sub-01"
    done = simulate("--participant", "sub-01", "--seed", 1, "--settings", json.dumps(TOY | more), "--out", out)
    assert done.returncode == 0, done.stderr
    images = {f"{name}.nii.gz" for name in ("t1", "flair", "reference", "brain_mask")}
    assert {path.name for path in out.iterdir()} == images | {tables, "truth", "provenance.json", ".result.json"}
    record = json.loads((out / "truth/truth.json").read_text())
    assert (record["lesion"] is None) == (more.get("lesion") is False)
    assert [path.name for path in tmp_path.iterdir()] == ["sub-01"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--seed", 1, "--settings", '{"lesions": true}'), "lesions is not a known key: did you mean lesion?"),
        (("--seed", 1, "--settings", '{"matrix": [1, 2, 3]}'), "matrix.0 is 1, expected at least 8"),
        (("--seed", -1), "--seed is -1"),
        (("--seed", 1, "--sed", 2), "unknown argument --sed"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_2(tmp_path, flags, message):
    done = simulate("--participant", "sub-01", "--out", tmp_path / "sub-01", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


def test_a_name_that_is_no_name_is_refused(tmp_path):
    done = simulate("--participant", "../sub", "--seed", 1, "--out", tmp_path / "sub")
    assert done.returncode == 2
    assert "--participant has the name '../sub'" in done.stderr


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = simulate("--participant", "sub-01", "--seed", 1, "--out", tmp_path)
    assert done.returncode == 2
    assert "is no former result of simulate.py: it is not replaced" in done.stderr
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_help_is_quick_and_names_the_settings():
    done = simulate("--help")
    assert done.returncode == 0
    assert "voxel_mm" in done.stdout
