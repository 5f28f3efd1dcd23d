"""folds.py by itself."""

import json

import pytest

from mrsi_sr import folds


def table(path, participants, folds_of=None, excluded=()):
    """A participants table; folds_of: participant -> text of its column fold."""
    lines = ["participant\tlcmodel\tt1\tflair\tfold\texclude"]
    for name in participants:
        reason = "moved" if name in excluded else ""
        lines.append(
            f"{name}\t{name}/lcmodel\t{name}/t1.nii.gz\t{name}/flair.nii.gz\t{(folds_of or {}).get(name, '')}\t{reason}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


NAMES = [f"sub-{number:02d}" for number in range(1, 8)]


def make(run_script, participants, out, **settings):
    return run_script("folds", "--participants", participants, "--settings", json.dumps(settings), "--out", out)


def test_the_order_of_rows_does_not_matter_and_the_excluded_are_left_out(run_script, tmp_path):
    first = table(tmp_path / "first.tsv", NAMES, excluded=["sub-03"])
    second = table(tmp_path / "second.tsv", reversed(NAMES), excluded=["sub-03"])
    for participants, out in ((first, "first.csv"), (second, "second.csv")):
        done = make(run_script, participants, tmp_path / out, number=3, seed=4)
        assert done.returncode == 0, done.stderr
    assert "fold 1: 2 train, 2 validation, 2 test" in done.stderr
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    rows = folds.load(tmp_path / "first.csv")
    assert {row.participant for row in rows} == set(NAMES) - {"sub-03"}


def test_a_column_of_folds_is_followed(run_script, tmp_path):
    chosen = {name: str(place % 3 + 1) for place, name in enumerate(NAMES)}
    done = make(run_script, table(tmp_path / "p.tsv", NAMES, chosen), tmp_path / "folds.csv", number=3)
    assert done.returncode == 0, done.stderr
    assert folds.participants_of(folds.load(tmp_path / "folds.csv"), 2, "test") == ["sub-02", "sub-05"]


@pytest.mark.parametrize(
    ("names", "folds_of", "number", "message"),
    [
        (NAMES, {}, 8, "7 participants cannot make 8 folds"),
        (NAMES, {}, 2, "number is 2, expected at least 3"),
        (NAMES, {"sub-01": "1"}, 3, "the column fold is empty for sub-02"),
        ([*NAMES, "sub-01"], {}, 3, "participant sub-01 has two rows"),
    ],
)
def test_tables_that_cannot_be_divided_write_nothing(names, folds_of, number, message, run_script, tmp_path):
    done = make(run_script, table(tmp_path / "p.tsv", names, folds_of), tmp_path / "folds.csv", number=number)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
    assert not (tmp_path / "folds.csv").exists()
