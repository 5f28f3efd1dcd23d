"""Plan of experiments with refitted low-resolution scans: whose folders, which files, which sizes."""

from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.plan import Plan

PLACE = SimpleNamespace(experiment="toy", participant="sub-01", fold="1", network="munet", method="munet")


@pytest.fixture
def refitted(raw):
    """The toy configuration with refitted scans of its phantoms."""
    raw["cohort"]["simulate"]["refitted"] = [8, 16]
    raw["experiments"]["toy"] |= {"low_resolution": "refitted", "sizes": [8, 16], "evaluate_sizes": [8, 16]}
    return raw


def test_phantoms_have_their_own_refitted_scans_that_training_and_sampling_read(refitted):
    plan = Plan(refitted)
    assert plan.refitted_folder(PLACE) == "results/simulated/sub-01/low_resolution"
    assert plan.refitted_files(PLACE) == ["results/simulated/sub-01/provenance.json"]
    files = plan.low_resolution(PLACE)
    assert files[0] == "results/cohorts/toy/sub-01/low_resolution-clean-refitted.npz"
    assert plan.low_resolution_flags(PLACE) == f"--low-resolution refitted --refitted {' '.join(files)}"
    plan.check_against_cohort()


def test_they_are_made_and_read_where_nobody_is_tested(refitted):
    refitted["experiments"]["toy"] |= {"tables": {}, "figures": {}}
    refitted["experiments"]["toy"]["folds"] |= {"test": False}
    assert Plan(refitted).low_resolution(PLACE)


def test_masked_experiments_read_what_they_read_before(raw):
    plan = Plan(raw)
    assert plan.low_resolution_flags(PLACE) == "--low-resolution masked"
    assert plan.low_resolution(PLACE)[0] == "results/cohorts/toy/sub-01/low_resolution-clean.npz"


def test_a_size_that_is_not_refitted_is_refused_before_anything_runs(refitted):
    refitted["experiments"]["toy"]["sizes"] = [8, 12]
    with pytest.raises(UserError, match=r"experiments\.toy\.sizes has 12, but the phantoms are refitted at 8, 16"):
        Plan(refitted).check_against_cohort()


def test_participants_without_refitted_scans_are_named(refitted):
    refitted["cohort"]["simulate"]["refitted"] = []
    with pytest.raises(UserError, match="sub-01 has no folder of refitted scans"):
        Plan(refitted).check_against_cohort()


def test_protocol_paper_has_no_refitted_scans(refitted):
    refitted["experiments"]["toy"]["protocol"] = "paper"
    with pytest.raises(UserError, match=r"low_resolution.* is refitted, but protocol paper"):
        Plan(refitted)
