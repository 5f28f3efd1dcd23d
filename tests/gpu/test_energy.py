"""Energy of a GPU by its own counter, or the reason why there is no number."""

import pytest
import torch

from mrsi_sr.results.energy import EnergyMeter
from mrsi_sr.results.provenance import Provenance

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU")]


def work() -> None:
    x = torch.ones(4096, 4096, device="cuda")
    for _ in range(200):
        x = (x @ x).clamp(max=1)
    torch.cuda.synchronize()


def test_the_counter_rises_or_the_reason_is_said():
    torch.cuda.init()
    meter = EnergyMeter()
    work()
    joules = meter.joules()
    print(f"energy: {joules} J, {meter.why_not or 'measured'}")
    assert (joules is None) == bool(meter.why_not) and (joules is None or joules > 0)


def test_a_run_records_the_card_and_its_memory():
    torch.cuda.init()
    run = Provenance({}, code={})
    work()
    used = run.used()
    assert used["device"] == torch.cuda.get_device_name() != used["processor"]
    assert used["peak_memory_mb"]["gpu_reserved"] >= used["peak_memory_mb"]["gpu"] > 100
