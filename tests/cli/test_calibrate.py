"""calibrate.py and calibration_report.py from the command line: what they write, and what they refuse."""

import json

import pandas as pd
import pytest
from calibrated import cohort, sample


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    """Flags of a calibration on four validation participants, without settings and output."""
    folder = tmp_path_factory.mktemp("calibrate")
    slices = cohort(folder / "slices", 5)
    sample(folder / "own", slices[:1])
    sample(folder / "held_out", slices[1:], "held_out", part="validation")
    return [
        "--samples", folder / "own", "--validation", folder / "held_out", "--slices", *slices, "--fold", "1",
        "--method", "own", "--protocol", "clean", "--experiment", "toy",
    ]  # fmt: skip


def test_a_level_that_four_participants_do_not_support_ends_with_code_2_and_the_arithmetic(flags, run_script, tmp_path):
    done = run_script("calibrate", *flags, "--settings", '{"levels": [80, 90]}', "--out", tmp_path / "own")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "has 90 %, but 4 calibration participants support at most 4/5 = 80.0 %" in done.stderr
    assert "90 % needs 9" in done.stderr and not (tmp_path / "own").exists()


def test_the_tables_of_a_fold_and_the_report_on_them(flags, run_script, tmp_path):
    done = run_script("calibrate", *flags, "--settings", '{"levels": [50, 80]}', "--out", tmp_path / "own")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_parquet(tmp_path / "own" / "maps.parquet").scaling) == {"raw", "rescaled"}
    record = json.loads((tmp_path / "own" / "provenance.json").read_text())
    assert record["settings"]["levels"] == [50, 80] and set(record["factors"]) == {"4", "8"}
    settings = {"experiment": "toy", "levels": [50, 80], "methods": {"own": "held_out"}}
    report = ["--calibrations", tmp_path / "own", "--settings", json.dumps(settings), "--out", tmp_path / "report"]
    done = run_script("calibration_report", *report)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "report").iterdir()} - {".result.json", "provenance.json"}
    tables = {f"{name}.{end}" for name in ("scores", "coverage", "intervals") for end in ("csv", "md")}
    assert names == tables | {f"{name}.{end}" for name in ("calibration", "tissues") for end in ("png", "pdf")}
    damaged = tmp_path / "own" / "intervals.csv"
    damaged.write_text(damaged.read_text()[:100])
    done = run_script("calibration_report", *report)
    assert done.returncode == 2 and "is damaged" in done.stderr
