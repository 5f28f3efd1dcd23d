"""folds.py by itself."""

import json

import pytest

from mrsi_sr.maps import folds

NAMES = [f"sub-{number:02d}" for number in range(1, 8)]


def make(run_script, participants, out, folds_of=None, **settings):
    """folds_of: participant -> the fold that tests it, as text."""
    chosen = ",".join(f"{name}={folds_of[name]}" if name in (folds_of or {}) else name for name in participants)
    return run_script("folds", "--participants", chosen, "--settings", json.dumps(settings), "--out", out)


def test_the_order_of_names_does_not_matter(run_script, tmp_path):
    for participants, out in ((NAMES, "first.csv"), (NAMES[::-1], "second.csv")):
        done = make(run_script, participants, tmp_path / out, number=3, seed=4)
        assert done.returncode == 0, done.stderr
    assert "fold 1: 2 train, 2 validation, 3 test" in done.stderr
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    assert {row.participant for row in folds.read(tmp_path / "first.csv")} == set(NAMES)


def test_folds_that_are_given_are_followed(run_script, tmp_path):
    chosen = {name: str(place % 3 + 1) for place, name in enumerate(NAMES)}
    done = make(run_script, NAMES, tmp_path / "folds.csv", chosen, number=3)
    assert done.returncode == 0, done.stderr
    assert folds.participants_of(folds.read(tmp_path / "folds.csv"), 2, "test") == ["sub-02", "sub-05"]


def test_settings_may_be_in_a_yaml_file(run_script, tmp_path):
    (tmp_path / "settings.yaml").write_text("number: 3  # of seven participants\nseed: 4\n")
    done = run_script(
        "folds",
        "--participants",
        ",".join(NAMES),
        "--settings",
        f"@{tmp_path}/settings.yaml",
        "--out",
        tmp_path / "a.csv",
    )
    assert done.returncode == 0, done.stderr
    assert make(run_script, NAMES, tmp_path / "b.csv", number=3, seed=4).returncode == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(
    ("names", "folds_of", "number", "message"),
    [
        (NAMES, {}, 8, "7 participants cannot make 8 folds"),
        (NAMES, {}, 2, "number is 2, expected at least 3"),
        (NAMES, {"sub-01": "1"}, 3, "the column fold is empty for sub-02"),
        ([*NAMES, "sub-01"], {}, 3, "expected each name once"),
    ],
)
def test_participants_who_cannot_be_divided_write_nothing(names, folds_of, number, message, run_script, tmp_path):
    done = make(run_script, names, tmp_path / "folds.csv", folds_of, number=number)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
    assert not (tmp_path / "folds.csv").exists()
