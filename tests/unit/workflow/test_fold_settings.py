"""Laws of a fold's own settings: that fold and no other has them, and they are checked as all others are."""

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.network_table import as_text


def with_folds(raw: dict, folds: dict, network: str = "munet") -> dict:
    raw["networks"][network]["folds"] = folds
    return raw


@pytest.mark.parametrize("fold", [3, "3"], ids=["yaml", "json"])
def test_a_fold_has_its_own_settings_and_all_others_keep_the_networks(raw, fold):
    before = Configuration.resolve(raw).network("munet", 3)
    changed = Configuration.resolve(with_folds(raw, {fold: {"learning_rate": 2e-4, "sizes": [8, 16]}}))
    assert changed.network("munet", 3) == before | {"learning_rate": 2e-4, "sizes": [8, 16]}
    assert all(changed.network("munet", other) == before for other in (1, 2, 4, 5))
    assert changed.network("ddpm", 3) == Configuration.resolve(raw).network("ddpm", 1)
    assert changed.training_sizes("toy", "munet", 3) == [8, 16] and changed.training_sizes("toy", "munet", 2) == [
        *range(8, 33, 2)
    ]


def test_a_fold_may_choose_another_length_and_its_defaults_follow(raw):
    changed = Configuration.resolve(with_folds(raw, {2: {"iterations": None, "epochs": 3, "metabolite": False}}))
    assert changed.network("munet", 2).epochs == 3 and changed.network("munet", 2).iterations is None


def test_a_fold_that_tells_metabolites_apart_knows_as_many_as_the_cohort_has(raw):
    own = {"modulation": "filter_scaling", "metabolite": True}
    raw["cohort"]["metabolites"] = ["tCho", "NAA", "Glu"]
    assert Configuration.resolve(with_folds(raw, {2: own})).network("munet", 2).metabolites == 3
    with pytest.raises(UserError, match=r"networks\.munet\.folds\.2\.metabolites is 5"):
        Configuration.resolve(with_folds(raw, {2: own | {"metabolites": 5}}))


def test_what_train_is_given_says_nothing_of_folds_or_checkpoints(raw):
    configuration = Configuration.resolve(with_folds(raw, {3: {"checkpoint_every": 7}}))
    assert configuration.network("munet", 3) == configuration.network("munet", 2)
    assert not {"folds", "checkpoint_every"} & set(configuration.network("munet", 3).plain())
    assert [configuration.checkpoint_every("munet", fold) for fold in (2, 3)] == [2, 7]


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ({3: {"learning_rate": -1}}, "networks.munet.folds.3.learning_rate is -1, expected above 0"),
        ({"3": {"learning_rat": 1}}, "networks.munet.folds.3.learning_rat is not a known key: did you mean learning"),
        ({3: {"epochs": 2}}, "networks.munet.folds.3 needs either iterations or epochs"),
        ({3: {"sizes": [64]}}, "networks.munet.folds.3.sizes has 64"),
        ({3: {"sharpness": True}}, "networks.munet.folds.3.sharpness is true and objective regression"),
        ({3: {"architecture": "flow"}}, "networks.munet.folds.3.architecture is given, but a fold cannot have its own"),
        ({3: {"objective": "adversarial"}}, "networks.munet.folds.3.objective is given"),
        ({3: {"needs": {}}}, "networks.munet.folds.3.needs is given"),
        ({3: {"folds": {}}}, "networks.munet.folds.3.folds is given"),
        ({6: {"learning_rate": 1}}, "networks.munet.folds.6 is given, but no experiment has fold 6: expected 1 to 5"),
        ({3: 2e-4}, "networks.munet.folds.3 is 0.0002, expected an object"),
        ({"three": {}}, 'networks.munet.folds has the fold "three", expected whole numbers from 1'),
        ({0: {}}, "networks.munet.folds has the fold 0, expected whole numbers from 1"),
        ({3: {}, "3": {}}, "networks.munet.folds names fold 3 twice"),
        ([3], "networks.munet.folds is [3], expected object"),
    ],
)
def test_what_a_fold_cannot_have_is_named_with_its_place(raw, folds, said):
    with pytest.raises(UserError) as error:
        Configuration.resolve(with_folds(raw, folds))
    assert said in str(error.value)


def test_what_a_method_needs_of_its_networks_is_checked_in_each_fold(raw):
    with pytest.raises(UserError, match=r"fold 2 of methods\.ddpm\.networks\.denoiser has learned the first 3 steps"):
        Configuration.resolve(with_folds(raw, {2: {"truncation": 3}}, "ddpm"))
    raw["methods"]["ddpm"]["sampler"] = {"kind": "respaced", "steps": 3}
    Configuration.resolve(with_folds(raw, {2: {"diffusion_steps": 3}}, "ddpm"))
    with pytest.raises(UserError, match=r"fold 2 of methods\.ddpm\.sampler\.steps is 3, expected at most diffusion"):
        Configuration.resolve(with_folds(raw, {2: {"diffusion_steps": 2}}, "ddpm"))


def test_what_a_network_needs_is_checked_in_each_fold(raw):
    raw["networks"]["munet"] |= {"modulation": "filter_scaling", "objective": "adversarial"}
    raw["networks"]["flow"] = {
        "architecture": "flow", "objective": "likelihood", "iterations": 1, "batch_size": 1, "learning_rate": 1.0,
        "needs": {"super_resolver": "munet"},
    }  # fmt: skip
    networks = {"flow": "flow", "super_resolver": "munet"}
    raw["methods"]["munet"] = {"label": "Enhancer", "sampler": {"kind": "flow"}, "networks": networks}
    Configuration.resolve(raw)
    with pytest.raises(UserError, match=r"networks\.flow\.needs\.super_resolver: munet of fold 4 has sharpness"):
        Configuration.resolve(with_folds(raw, {4: {"sharpness": True}}))


def test_the_list_of_networks_says_which_folds_have_settings_of_their_own(raw):
    configuration = Configuration.resolve(with_folds(raw, {3: {"learning_rate": 2e-4, "channels": 4}}))
    assert "munet: fold 3 has its own channels, learning_rate" in as_text([], configuration)
    assert "in all: 2 trainings" in as_text([], configuration)
