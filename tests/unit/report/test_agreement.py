"""Laws of what may stand in one table: scores of equal settings, of equal networks, of the configuration asked for."""

import json

import evaluated
import pandas as pd
import pytest
from tiny_cohort import MUNET

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.scores import methods_of
from mrsi_sr.report.agreement import check_agreement, fold_scores, read_records
from mrsi_sr.report.presence import absent_scores, refuse
from mrsi_sr.settings.method import MethodSettings, sampling_fingerprint
from mrsi_sr.settings.network import network_settings
from mrsi_sr.settings.report import TableSettings
from mrsi_sr.settings.sampler import SinglePass

SETTINGS = evaluated.SETTINGS | {"sharp": evaluated.SETTINGS["munet"] | {"seed": 7}}  # two methods of one network
NETWORK = MUNET.plain()
OTHER = NETWORK | {"learning_rate": 2e-4}


def record(method: str, fold: int, network: dict = NETWORK, **changes) -> dict:
    own = SETTINGS[method] | changes
    networks = dict.fromkeys(own["networks"], network)
    origin = {"settings": {"lpips_weights": {}, "lpips_reason": ""}, "code": {}, "inputs_sha256": {}, "made_from": {}}
    return origin | {"method": method, "fold": fold, "seed": 1, "sampling_settings": own, "networks": networks}


def check(*records: dict, **settings) -> list[str]:
    rows = [(each["method"], each["fold"], 1, f"fold-{each['fold']}/{each['method']}.parquet") for each in records]
    table = pd.DataFrame(rows, columns=["method", "fold", "seed", "file"])
    asked = TableSettings.of(**settings)
    scores = fold_scores(table, records, methods_of(table, asked))
    if absent := absent_scores(scores, methods_of(table, asked), asked):
        refuse(absent)
    return check_agreement(scores, asked)


def test_folds_of_equal_settings_say_nothing():
    assert check(*(record(method, fold) for method in SETTINGS for fold in (1, 2, 3))) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (record("munet", 3, OTHER), "networks.munet.learning_rate is 0.01 in fold 1, fold 2 and 0.0002 in fold 3"),
        (record("munet", 3, seed=2), "methods.munet.seed is 1 in fold 1, fold 2 and 2 in fold 3"),
        (record("munet", 3, weights="last"), 'methods.munet.weights is "best" in fold 1, fold 2 and "last" in fold 3'),
        (
            record("munet", 3, sampler=SinglePass.of(kind="single_pass", adversarial_weight=0.1).plain()),
            "methods.munet.sampler.adversarial_weight is null in fold 1, fold 2 and 0.1 in fold 3",
        ),
    ],
)
def test_folds_that_differ_are_refused_or_said_where_they_are_to_be_mixed(changed, said):
    records = [record("munet", 1), record("munet", 2), changed]
    with pytest.raises(UserError, match="the folds of munet were made with different settings") as error:
        check(*records)
    assert said in str(error.value) and "set mix_folds: true in the table" in str(error.value)
    assert check(*records, mix_folds=True) == [said]


def test_scores_of_scans_prepared_in_different_ways_are_refused_even_where_folds_may_be_mixed():
    records = [record("munet", fold) | {"cohort": {"quality": {"min_snr": fold}}} for fold in (1, 2)]
    with pytest.raises(UserError, match=r"cohort\.quality\.min_snr is 1 in .* and 2 in"):
        check(*records, mix_folds=True)


def test_scores_of_test_and_of_validation_participants_never_stand_in_one_table():
    own = [record("munet", 1, part="validation"), record("sharp", 1, part="validation")]
    assert check(*own) == []
    with pytest.raises(UserError, match="munet of validation participants; sharp of test participants"):
        check(own[0], record("sharp", 1), mix_folds=True)


@pytest.mark.parametrize("unknown", [{}, {"quality": None}, {"slices": {"max_slices": 9}}])
def test_scores_of_slices_without_a_record_are_compared_in_what_is_known_of_them(unknown):
    known = {"slices": {"max_slices": 9}, "quality": {"min_snr": 5}}
    records = [record("munet", fold) | {"cohort": each} for fold, each in enumerate((known, unknown, known), 1)]
    assert check(*records) == []
    records[2]["cohort"] = {"quality": {"min_snr": 3}}
    with pytest.raises(UserError, match=r"cohort\.quality\.min_snr is 5 in .*fold-1.* and 3 in .*fold-3"):
        check(*records)


def test_what_two_methods_mix_of_one_network_is_said_once():
    records = [
        record(method, fold, OTHER if fold == 2 else NETWORK) for method in ("munet", "sharp") for fold in (1, 2)
    ]
    assert check(*records, mix_folds=True) == ["networks.munet.learning_rate is 0.01 in fold 1 and 0.0002 in fold 2"]


@pytest.mark.parametrize("mix", [False, True])
def test_methods_that_share_a_network_must_have_the_same_one_in_each_fold(mix):
    records = [record("munet", 1), record("munet", 2, OTHER), record("sharp", 1), record("sharp", 2)]
    with pytest.raises(UserError, match="munet and sharp use munet in fold 2, but not the same one") as error:
        check(*records, mix_folds=mix)
    assert "networks.munet.learning_rate is 0.0002 in munet and 0.01 in sharp" in str(error.value)
    assert "fold-2/munet.parquet" in str(error.value) and "fold-2/sharp.parquet" in str(error.value)


def configured(each: dict) -> str:
    """The fingerprint that the workflow expects of a record's settings."""
    networks = {role: network_settings(given) for role, given in each["networks"].items()}
    return sampling_fingerprint(MethodSettings.of(**each["sampling_settings"]), networks)


def test_scores_of_another_configuration_are_refused_with_the_key_where_another_fold_tells_it():
    records = [record("munet", 1), record("munet", 2, OTHER)]
    right = configured(records[0])
    assert check(records[0], expected={"munet": {"1": right}}) == []
    with pytest.raises(UserError, match=r"fold-2/munet\.parquet was made with other settings") as error:
        check(*records, expected={"munet": {"1": right, "2": right}}, mix_folds=True)
    said = str(error.value)
    assert "networks.munet.learning_rate is 0.0002 in it and 0.01 in fold-1/munet.parquet" in said
    assert "sample and evaluate them again" in said and "--configfile" in said
    with pytest.raises(UserError, match=r"fold-2/munet\.parquet was made with other settings"):
        check(records[1], expected={"munet": {"2": right}})


def test_a_fold_with_settings_of_its_own_is_as_expected_when_they_are_the_configurations():
    records = [record("munet", 1), record("munet", 2, OTHER)]
    expected = {"munet": {str(each["fold"]): configured(each) for each in records}}
    with pytest.raises(UserError, match="the folds of munet were made with different settings"):
        check(*records, expected=expected)
    assert len(check(*records, expected=expected, mix_folds=True)) == 1


def test_methods_that_the_table_does_not_show_are_not_looked_at():
    records = [record("munet", 1), record("munet", 2), record("sharp", 1), record("sharp", 2, OTHER)]
    assert check(*records, methods=["munet"]) == []


def test_lpips_of_different_weights_is_not_shown_together():
    def scored(checksum: str) -> dict:
        return {"settings": {"lpips_weights": {"lpips_vgg": checksum}, "lpips_reason": ""}}

    same = [record("munet", 1) | scored("1"), record("zero_filled", 1) | scored("1")]
    other = [same[0], record("zero_filled", 1) | scored("2")]
    assert check(*same, metrics=["lpips_vgg"]) == check(*other, metrics=["psnr"]) == []
    with pytest.raises(UserError, match=r"of different LPIPS weights: lpips_weights\.lpips_vgg is .*munet\.parquet"):
        check(*other, metrics=["lpips_vgg"])


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"method": "munet", "fold": 1, "sampling_settings": {}})])
def test_a_file_that_is_no_record_of_scores_is_named(text, tmp_path):
    (tmp_path / "munet.provenance.json").write_text(text)
    with pytest.raises(UserError, match=r"munet\.provenance\.json .*record of scores"):
        read_records([tmp_path / "munet.provenance.json"], [])
