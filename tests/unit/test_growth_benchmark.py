"""The stages that benchmarks/growth.py measures do their work."""

import pytest


@pytest.mark.slow
def test_every_stage_does_its_work_at_half_its_size(repository, tmp_path, monkeypatch):
    """All but the plan, whose dry run is in tests/workflow."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    from stages import STAGES

    for place, (name, stage) in enumerate(STAGES.items()):
        if name != "plan (dry run)":
            folder = tmp_path / str(place)
            folder.mkdir()
            stage.prepare(folder, stage.number // 2)
            stage.work(folder, stage.number // 2)
