"""What a run has used: time, memory and energy, over all sessions of one that was interrupted and resumed."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch

from mrsi_sr.cli import UserError
from mrsi_sr.results import provenance
from mrsi_sr.results.checkpoint import Checkpoint
from mrsi_sr.results.energy import NO_GPU
from mrsi_sr.results.provenance import Provenance, cost_of_record

CPU = torch.device("cpu")


class Meter:
    """A meter whose card has used so many joules, or does not tell."""

    def __init__(self, joules, why_not=""):
        self.joules, self.why_not = (lambda: joules), why_not


def session(joules, why_not="", started=0.0) -> Provenance:
    run = Provenance({}, code={})
    run._energy, run.started = Meter(joules, why_not), run.started - started
    return run


def test_a_process_without_a_gpu_says_so_and_names_its_processor(monkeypatch):
    used = Provenance({}, code={}).used()
    assert used["energy_joules"] is None and used["energy_note"] == NO_GPU
    assert used["device"] == used["processor"] != ""
    assert set(used["peak_memory_mb"]) == {"host"} and used["threads"] == torch.get_num_threads()
    assert used["started"] <= used["ended"] and used["processor_seconds"] > 0


def test_on_a_gpu_its_name_and_both_kinds_of_its_memory_are_recorded(monkeypatch):
    cuda = SimpleNamespace(
        get_device_name=lambda: "a card", max_memory_allocated=lambda: 3 << 20, max_memory_reserved=lambda: 5 << 20
    )
    monkeypatch.setattr(provenance, "gpu", lambda: cuda)
    used = session(12.34).used()
    assert used["device"] == "a card" and used["energy_joules"] == 12.3
    assert used["peak_memory_mb"] | {"host": 0} == {"host": 0, "gpu": 3.0, "gpu_reserved": 5.0}
    assert cost_of_record(used)["gpu"] and not cost_of_record(used | {"peak_memory_mb": {"host": 1.0}})["gpu"]


def test_a_resumed_run_adds_up_over_its_sessions_through_the_checkpoint(tmp_path):
    first = session(1000.0, started=60)
    Checkpoint(tmp_path / "run", "a", provenance=first).save({"iteration": 4})
    second = session(500.0, started=30)
    assert Checkpoint(tmp_path / "run", "a", provenance=second).load(CPU) == {"iteration": 4}
    used = second.used()
    assert used["energy_joules"] == 1500 and 90 <= used["seconds"] < 100
    assert used["started"] == first.used()["started"] < used["ended"]
    Checkpoint(tmp_path / "run", "a", provenance=second).save({"iteration": 8})
    third = session(1.0)
    Checkpoint(tmp_path / "run", "a", provenance=third).load(CPU)
    assert third.used()["energy_joules"] == 1501


@pytest.mark.parametrize("notes", [("", "shared"), ("shared", "")])
def test_energy_that_one_session_does_not_know_is_not_known(notes):
    sessions = [session(None if note else 10.0, note) for note in notes]
    sessions[1].resume(sessions[0].used())
    assert sessions[1].used()["energy_joules"] is None and sessions[1].used()["energy_note"] == "shared"


def test_a_run_on_two_devices_names_both_and_has_the_largest_memory_of_each():
    before = session(None, "no GPU").used() | {"device": "a card", "peak_memory_mb": {"host": 1e9, "gpu": 7.0}}
    run = session(None, "no GPU")
    run.resume(before)
    assert run.used()["device"] == f"a card, {provenance.processor_name()}"
    assert run.used()["peak_memory_mb"] == {"host": 1e9, "gpu": 7.0}


def test_what_a_run_has_used_is_not_taken_from_another_file():
    with pytest.raises(ValueError, match="seconds"):
        Provenance({}, code={}).resume(session(1.0).used() | {"seconds": "many"})


def test_a_checkpoint_without_it_is_refused_with_what_to_do(tmp_path):
    torch.save({"fingerprint": "a", "run": {}}, tmp_path / "run")
    with pytest.raises(UserError, match="delete it, and run the same again"):
        Checkpoint(tmp_path / "run", "a").load(CPU)


def test_a_checkpoint_of_another_run_adds_nothing(tmp_path, caplog):
    Checkpoint(tmp_path / "run", "a", provenance=session(1000.0)).save({})
    run = session(1.0)
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(tmp_path / "run", "b", provenance=run).load(CPU) is None
    assert run.used()["energy_joules"] == 1


def test_a_record_has_them_under_their_names(tmp_path):
    session(8.0).write(tmp_path / "provenance.json", {})
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert record["energy_joules"] == 8 and set(Provenance({}, code={}).used()) <= set(record)
