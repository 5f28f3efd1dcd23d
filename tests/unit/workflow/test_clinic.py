"""Experiments for new scans: what they ask for is planned, what nobody could use refused, nothing wrong shared."""

import copy
import json
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.settings.hand_over import HandOverSettings
from mrsi_sr.settings.text import read_yaml
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan
from mrsi_sr.workflow.runs import Run

PLACE = SimpleNamespace(experiment="clinic", fold="1", network="munet", participant="sub-01")


@pytest.fixture
def clinic(raw):
    """The toy configuration with an experiment for new scans beside its own."""
    raw["experiments"]["clinic"] = {
        "protocol": "clean", "low_resolution": "filled", "folds": {"number": 5, "run": [1], "test": False},
        "methods": ["munet", "ddpm"], "hand_over": True,
    }  # fmt: skip
    return raw


def changed(raw: dict, **changes) -> dict:
    raw = copy.deepcopy(raw)
    raw["experiments"]["clinic"] |= changes
    return raw


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": {"t": {"title": "T"}}}, r"clinic\.tables names t, but folds\.test is false"),
        (
            {"figures": {"f": {"kind": "qualitative"}}},
            r"clinic\.figures names f, but folds\.test is false",
        ),
        ({"folds": {"number": 5}}, r"clinic\.low_resolution is filled, but folds\.test is true"),
        ({"low_resolution": "interpolated"}, r"clinic\.low_resolution is \"interpolated\", expected"),
        ({"protocol": "paper"}, r"clinic\.hand_over is true, but protocol paper scales maps by their high-resolution"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_runs(clinic, changes, message):
    with pytest.raises(UserError, match=message):
        Configuration.resolve(changed(clinic, **changes))


def test_nobody_is_tested_so_nothing_is_truncated_sampled_or_scored(clinic):
    plan = Plan(clinic)
    assert plan.low_resolution(PLACE) == [] and plan.low_resolution_of_training(PLACE) == "filled"
    assert not [path for path in plan.of_fold(1) if "clinic/fold-1/metrics" in path]
    assert [path for path in plan.of_fold(1) if "toy/fold-1/metrics" in path]
    assert plan.handed_over() == ["results/clinic/hand_over/provenance.json"]
    assert json.loads(plan.fold_settings(PLACE)) == {"number": 5, "seed": 1, "test": False}
    plan.check_against_cohort()


def test_networks_of_the_two_ways_and_of_other_divisions_are_not_shared(clinic):
    same = changed(clinic, low_resolution="masked", folds={"number": 5, "run": [1]})
    assert Configuration.resolve(same).homes_of("clinic", "munet", Run(1, 1))[0] == ["clinic", "toy"]
    for different in (
        changed(same, folds={"number": 5, "run": [1], "test": False}),
        changed(clinic, low_resolution="masked"),
        clinic,
    ):
        assert Configuration.resolve(different).homes_of("clinic", "munet", Run(1, 1))[0] == ["clinic"]
    # Filled against masked with equal folds.
    two = changed(clinic, low_resolution="masked")
    two["experiments"]["filled"] = clinic["experiments"]["clinic"]
    assert Configuration.resolve(two).homes_of("clinic", "munet", Run(1, 1))[0] == ["clinic"]


def test_what_is_handed_over_is_what_the_experiment_trained(clinic):
    plan = Plan(clinic)
    settings = HandOverSettings.from_text(plan.hand_over_settings(PLACE))
    assert (settings.protocol, settings.low_resolution, settings.folds) == ("clean", "filled", [1])
    assert settings.cohort == "toy" and settings.phantom and settings.experiment == "clinic"
    assert settings.networks["ddpm"] == {"1": plan.configuration.network("ddpm", 1).plain()}
    folders = [f"results/clinic/fold-1/networks/{name}" for name in ("ddpm", "munet")]
    assert plan.networks_handed_over(PLACE) == [f"{folder}/provenance.json" for folder in folders]
    assert plan.hand_over_flags(PLACE) == f"1/ddpm={folders[0]} 1/munet={folders[1]}"


def test_the_low_resolution_reaches_the_training_and_its_code(clinic):
    masked = changed(clinic, low_resolution="masked")
    (one, other) = (Plan(each).code("train", PLACE) for each in (clinic, masked))
    assert set(one) - set(other) == {"mrsi_sr/scan/holes.py"}
    assert Plan(clinic).lineage("hand_over")(PLACE) != Plan(masked).lineage("hand_over")(PLACE)


def test_the_papers_clinic_is_planned_only_where_it_is_asked_for(repository):
    mine = read_yaml(repository / "config" / "config.yaml", "")
    asked = Configuration.resolve(layered(mine | {"run": ["clinic"]}))
    clinic = asked.experiments["clinic"]
    assert list(asked.experiments) == ["clinic"] and clinic.low_resolution == "masked" and not clinic.folds.test
    assert asked.networks_of("clinic") == ["munet_fs_metabolite", "truncated_100", "flow_100"]
    assert "clinic" not in Configuration.resolve(layered(mine)).experiments
