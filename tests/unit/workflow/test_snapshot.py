"""Jobs take the configuration that their workflow was started with."""

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import snapshot
from mrsi_sr.workflow.layers import layered

TABLE = "participant\tlcmodel\tt1\tflair\nsub-01\ta.tar\tt1.nii\tflair.nii\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(snapshot.VARIABLE, "")  # so that it is put back
    monkeypatch.delenv(snapshot.VARIABLE)
    (tmp_path / "participants.tsv").write_text(TABLE)
    return tmp_path


def configuration(rate):
    return {"cohort": {"participants": "participants.tsv"}, "networks": {"munet": {"learning_rate": rate}}}


def test_what_is_edited_after_the_start_reaches_no_job(folder):
    first = snapshot.started_with(configuration(1e-3))
    (folder / "participants.tsv").write_text(TABLE.replace("sub-01", "sub-02"))
    assert snapshot.started_with(configuration(2e-3)) == first  # a job: the variable is in its environment
    raw, rows, scans = first
    assert raw == layered(configuration(1e-3))
    assert [row["participant"] for row in rows] == ["sub-01"]
    assert scans == []


def test_the_table_of_new_scans_is_part_of_it(folder):
    (folder / "scans.tsv").write_text("participant\tlcmodel\nnew-01\tb.tar\n")
    with_scans = configuration(1e-3) | {"scans": {"table": "scans.tsv", "method": "ftddm_100"}}
    first = snapshot.started_with(with_scans)
    (folder / "scans.tsv").unlink()
    assert snapshot.started_with(with_scans) == first
    assert [row["participant"] for row in first[2]] == ["new-01"]


def test_a_new_start_takes_what_is_there_now(folder, monkeypatch):
    snapshot.started_with(configuration(1e-3))
    monkeypatch.delenv(snapshot.VARIABLE)
    assert snapshot.started_with(configuration(2e-3))[0] == layered(configuration(2e-3))


def test_a_configuration_that_is_gone_is_no_reason_to_take_another(folder, monkeypatch):
    monkeypatch.setenv(snapshot.VARIABLE, str(folder / "gone.json"))
    with pytest.raises(UserError, match="start the workflow again"):
        snapshot.started_with(configuration(1e-3))
