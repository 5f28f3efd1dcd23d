"""Labels of methods take their numbers from the settings."""

import json
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.network import network_settings
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.labels import filled_in
from mrsi_sr.workflow.plan import Plan

DENOISER = network_settings({
    "architecture": "denoising_unet", "objective": "noise_prediction", "diffusion_steps": 100, "truncation": 10,
    "batch_size": 8, "learning_rate": 1e-4, "iterations": 10,
})  # fmt: skip
FTDDM = MethodSettings.of(sampler={"kind": "ftddm"}, networks={"flow": "f", "denoiser": "d"})
SWEPT = FTDDM | {"sweep": {"key": "temperature", "values": [0.0, 0.25]}}


@pytest.mark.parametrize(
    ("label", "method", "point", "shown"),
    [
        ("FTDDM (Ttrunc={truncation} of {diffusion_steps})", FTDDM, "", "FTDDM (Ttrunc=10 of 100)"),
        ("tau {temperature}", FTDDM, "", "tau 0.9"),
        ("tau = {value}", SWEPT, "0.25", "tau = 0.25"),
        ("tau = {temperature}", SWEPT, "0", "tau = 0"),
        ("FTDDM", SWEPT, "0.25", "FTDDM, 0.25"),
        ("FTDDM", SWEPT, "", "FTDDM"),
        ("tau = {value}", SWEPT, "", "tau = 0, 0.25"),
        ("{{braces}}", FTDDM, "", "{braces}"),
    ],
)
def test_names_in_braces_stand_for_settings(label, method, point, shown):
    assert filled_in(label, method, [DENOISER], point) == shown


@pytest.mark.parametrize(("label", "said"), [("{truncatoin}", "did you mean truncation"), ("{truncation", "braces")])
def test_a_name_that_is_none_is_refused(label, said):
    with pytest.raises(UserError, match=said):
        filled_in(label, FTDDM, [DENOISER], where="methods.ftddm.label")


def test_a_label_that_cannot_be_filled_in_is_refused_before_any_job(raw):
    raw["methods"]["munet"]["label"] = "MUNet {iteratoins}"
    with pytest.raises(UserError, match=r"methods\.munet\.label .*did you mean iterations"):
        Configuration.resolve(raw)


def test_model_cards_and_answer_sheets_have_labels_that_are_filled_in(raw, repository):
    raw["cohort"]["participants"] = str(repository / raw["cohort"]["participants"])
    raw["methods"]["munet"]["label"] = "MUNet of {iterations} steps"
    plan, place = Plan(raw), SimpleNamespace(experiment="toy")
    assert json.loads(plan.claim_settings(place))["labels"]["munet"] == "MUNet of 4 steps"
    assert json.loads(plan.hand_over_settings(place))["methods"]["munet"]["label"] == "MUNet of 4 steps"
