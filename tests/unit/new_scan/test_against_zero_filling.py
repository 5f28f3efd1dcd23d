"""What trained methods have to be for a scan: better than zero-filling it."""

from importlib import import_module

import numpy as np
import pytest

from mrsi_sr.workflow.layers import layered


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_trained_method_is_worse_than_zero_filling(repository, tmp_path, monkeypatch):
    """A phantom acquired at 16x16 and fitted anew, with networks that were trained a little, as `clinic` trains them.

    NRMSE against the concentrations put in, inside the target mask, mean of metabolites.
    """
    monkeypatch.syspath_prepend(repository / "benchmarks")
    phantoms, benchmark = import_module("phantoms"), import_module("new_scan")
    monkeypatch.setattr(benchmark, "SIZES", [16])
    monkeypatch.setattr(phantoms, "METABOLITES", ("tCr", "tCho", "NAA", "Ins"))
    shipped = layered({})["experiments"]["clinic"]["low_resolution"]
    participants = [phantoms.slices_of(name, tmp_path / name) for name in ("sub-01", "sub-02", "sub-03")]
    trained = {shipped: benchmark.trained_methods(participants, shipped, lengths=0.3)}
    volumes = phantoms.scanned("new-01", tmp_path / "new-01", [16, 16])
    scan, true = phantoms.on_target(*volumes, tmp_path / "new-01", {})
    ways = {name: way for name, way in benchmark.WAYS.items() if way == (shipped, shipped == "filled")}
    maps = dict(benchmark.super_resolved(scan, trained, ways, samples=2))
    error = {name: np.mean(phantoms.nrmse(each, true, scan.valid)) for name, each in maps.items()}
    zero_filled = error.pop("zero-filled")
    assert len(error) == len(benchmark.METHODS)
    assert all(each < zero_filled for each in error.values()), (zero_filled, error)
