"""Energy of a run: the counter of the card that torch uses, no number where that would be another's or is not told."""

import os
from types import SimpleNamespace

import pytest

from mrsi_sr.results import energy
from mrsi_sr.results.energy import EnergyMeter

UUID = "9f3b1c2d-0000-1111-2222-333344445555"


class NVMLError(Exception):
    pass


class NotSupported(NVMLError):
    pass


class NotFound(NVMLError):
    pass


class NoPermission(NVMLError):
    pass


class Library:
    """NVML with one card, by the real names of its calls; an exception as an answer is raised."""

    NVMLError, NVMLError_NotSupported, NVMLError_NotFound = NVMLError, NotSupported, NotFound
    NVMLError_FunctionNotFound = type("FunctionNotFound", (NVMLError,), {})

    def __init__(self, **answers):
        self.millijoules, self.name = 7_000_000, f"GPU-{UUID}"
        self.answers = {"processes": [os.getpid()], "mps": [], "mig_mode": [0, 0], "is_part": 0, "init": None} | answers

    def _answer(self, what):
        answer = self.answers[what]
        if isinstance(answer, NVMLError):
            raise answer
        return answer

    def nvmlInit(self):
        return self._answer("init")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != self.name:
            raise NotFound("Not Found")
        return "the card"

    def nvmlDeviceIsMigDeviceHandle(self, card):
        return self._answer("is_part")

    def nvmlDeviceGetMigMode(self, card):
        return self._answer("mig_mode")

    def nvmlDeviceGetMPSComputeRunningProcesses(self, card):
        return self._answer("mps")

    def nvmlDeviceGetComputeRunningProcesses(self, card):
        return [SimpleNamespace(pid=pid) for pid in self._answer("processes")]

    def nvmlDeviceGetTotalEnergyConsumption(self, card):
        assert card == "the card"
        return (self.answers.get("energy") and self._answer("energy")) or self.millijoules


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch):
    """torch on a card, as a process has it that computes there."""
    properties = {2: SimpleNamespace(uuid=UUID)}
    cuda = SimpleNamespace(current_device=lambda: 2, get_device_properties=properties.__getitem__)
    monkeypatch.setattr(energy, "gpu", lambda: cuda)


def test_joules_are_what_the_counter_of_torchs_card_has_risen_since_the_start():
    library = Library()
    meter = EnergyMeter(library)
    library.millijoules += 1_234_500
    assert meter.joules() == pytest.approx(1234.5)
    library.millijoules += 500
    assert meter.joules() == pytest.approx(1235.0) and meter.why_not == ""


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"init": NVMLError("Driver Not Loaded")}, "the card does not tell: Driver Not Loaded"),
        ({"energy": NotSupported("Not Supported")}, "the card does not tell: Not Supported"),
        ({"energy": NoPermission("Insufficient Permissions")}, "the card does not tell: Insufficient Permissions"),
        ({"processes": NoPermission("Insufficient Permissions")}, "the card does not tell: Insufficient Permissions"),
        ({"processes": []}, "the card does not say which processes use it"),
        ({"processes": [os.getpid(), 1, 2]}, "2 other processes use the card"),
        ({"processes": [1, 2]}, "2 other processes use the card"),
        ({"mps": [SimpleNamespace(pid=os.getpid())]}, "the card is shared by an MPS server"),
        ({"mps": NotSupported("Not Supported"), "processes": [1, os.getpid()]}, "1 other processes use the card"),
        ({"mig_mode": [1, 1]}, "the card is divided (MIG)"),
        ({"is_part": 1}, "the card is divided (MIG)"),
    ],
)
def test_a_card_that_is_shared_or_does_not_tell_has_no_number(answers, reason):
    meter = EnergyMeter(Library(**answers))
    assert meter.joules() is None and meter.why_not == reason


def test_a_part_of_a_card_is_known_by_its_own_name():
    library = Library(is_part=1)
    library.name = f"MIG-{UUID}"
    meter = EnergyMeter(library)
    assert meter.joules() is None and meter.why_not == "the card is divided (MIG)"


def test_an_older_card_without_parts_and_without_mps_has_a_number():
    library = Library(mig_mode=NotSupported("Not Supported"), mps=NotSupported("Not Supported"))
    meter = EnergyMeter(library)
    library.millijoules += 3000
    assert meter.joules() == pytest.approx(3)


def test_in_a_container_a_list_of_one_process_is_this_one():
    library = Library(processes=[1])
    assert EnergyMeter(library).joules() == 0


def test_a_card_that_was_shared_for_a_while_has_no_number_afterwards():
    library = Library()
    meter = EnergyMeter(library)
    library.answers["processes"] = [os.getpid(), 1]
    assert meter.joules() is None
    library.answers["processes"] = [os.getpid()]
    assert meter.joules() is None and meter.why_not == "1 other processes use the card"


def test_a_counter_that_went_back_gives_no_number():
    library = Library()
    meter = EnergyMeter(library)
    library.millijoules -= 1
    assert meter.joules() is None and meter.why_not == "the card's counter was reset"


def test_without_a_gpu_there_is_no_number_and_nvml_is_not_asked(monkeypatch):
    monkeypatch.setattr(energy, "gpu", lambda: None)
    meter = EnergyMeter(SimpleNamespace())
    assert meter.joules() is None and meter.why_not == energy.NO_GPU


def test_every_call_that_is_made_is_one_of_nvidia_ml_py():
    import pynvml

    calls = [name for name in vars(Library) if name.lower().startswith("nvml")]
    assert len(calls) > 8 and [name for name in calls if not hasattr(pynvml, name)] == []
