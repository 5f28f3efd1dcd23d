"""The configuration says what is wrong with it before any job starts."""

import copy
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.figure import MOST_PANELS
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.plan import Plan


def change(raw, path, value):
    changed = copy.deepcopy(raw)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["demo.yaml", "config.yaml"])
def test_the_shipped_configurations_resolve(repository, name):
    Configuration.read(repository / "config" / name)


def test_defaults_are_filled_in(raw):
    resolved = Configuration.resolve(raw)
    assert resolved.cohort.quality.min_snr == 2.5
    assert resolved.method("ddpm").sampler.variance == "posterior"
    assert resolved.experiments["toy"].sizes == list(range(8, 33, 2))


def test_defaults_of_one_network_are_not_shared_with_the_next(raw):
    resolved = Configuration.resolve(raw)
    resolved.network("ddpm", 1).adam_betas.append(1)
    assert Configuration.resolve(raw).network("ddpm", 1).adam_betas == [0.9, 0.999]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["networks", "munet", "learning_rate"], -1, ["networks.munet.learning_rate", "-1", "above 0"]),
        (["networks", "munet", "learning_rat"], 1, ["networks.munet.learning_rat", "did you mean learning_rate"]),
        (["networks", "munet", "architecture"], "monet", ["networks.munet.architecture", "monet", "munet"]),
        (["networks", "munet", "channels"], "8", ["networks.munet.channels", '"8"', "integer"]),
        (["networks", "munet"], None, ["networks.munet is null, expected an object"]),
        (["networks", "munet", "decay"], "halve", ["networks.munet.halve_epochs is null", "needs a number of epochs"]),
        (["networks", "ddpm", "attention_at"], [4], ["networks.ddpm.attention_at holds 4", "64, 32, 16, 8"]),
        (["networks", "ddpm", "heads"], 5, ["networks.ddpm.heads is 5", "divisor", "32"]),
        (["networks", "ddpm", "objective"], "regression", ["networks.ddpm", "diffusion_steps is not a known key"]),
        (["networks", "munet", "epochs"], 3, ["networks.munet", "either iterations or epochs"]),
        (["methods", "munet", "networks", "network"], "mune", ["methods.munet.networks.network", "mune", "munet"]),
        (["methods", "munet", "networks"], {}, ["methods.munet", "single_pass needs network"]),
        (["methods", "ddpm", "sampler", "temperature"], -0.1, ["temperature", "-0.1", "at least 0"]),
        (["methods", "ddpm", "sampler", "variance"], "learned", ["variance", "learned", "posterior, beta"]),
        (["methods", "munet", "sampler", "temperature"], 1, ["methods.munet.sampler.temperature is not a known key"]),
        (["methods", "ddpm", "networks", "denoiser"], "munet", ["methods.ddpm.networks.denoiser: munet", "regression"]),
        (["methods", "ddpm", "sampler"], {}, ["methods.ddpm.sampler lacks kind"]),
        (["methods", "ddpm", "sampler", "kind"], "magic", ["methods.ddpm.sampler.kind", "magic", "ancestral"]),
        (["experiments", "toy", "evaluate_sizes"], [64], ["evaluate_sizes", "64", "below the matrix"]),
        (["experiments", "toy", "evaluate_sizes"], [9], ["evaluate_sizes", "9", "multiple of 2"]),
        (["experiments", "toy", "methods"], ["zero_filled", "none"], ["experiments.toy.methods", "none"]),
        (["experiments", "toy", "protocol"], "cleen", ["protocol", "cleen", "clean, paper"]),
        (["experiments", "toy", "folds", "run"], [6], ["folds.run", "6", "1, 2, 3, 4, 5"]),
        (["experiments", "toy", "tables", "comparison", "region"], "brain", ["comparison.region", "mask, frame"]),
        (["experiments", "toy", "tables", "comparison", "metrics"], ["lpips_vgg"], ["comparison.metrics", "nrmse"]),
        (["cohort", "slices"], {"max_slices": 8}, ["cohort.slices.max_slices is 8", "min_slices, which is 9"]),
        (["cohort", "simulate", "slices"], [30, 39], ["cohort.simulate.slices is [30, 39]", "<= 38"]),
        (["cohort", "simulate", "slices"], [20, 22], ["cohort.simulate.slices is [20, 22]", "min_slices, which is 9"]),
        (["cohort", "metabolites"], ["tCho", "NAA", "GPC+PCh"], ["names one metabolite twice: tCho and GPC+PCh"]),
        (["cohort", "metabolites"], ["Ins", "mI"], ["names one metabolite twice: Ins and mI"]),
        (["cohort", "ingest"], {"pattern": "(?P<x>"}, ["cohort.ingest: the pattern '(?P<x>' is neither"]),
        (["cohort", "simulate", "lesion"], True, ["cohort.simulate.lesion is not a known key"]),
        (["cohort", "quality"], {"min_snr": "high"}, ["cohort.quality.min_snr", '"high"', "number"]),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_what_is_allowed(raw, path, value, said):
    with pytest.raises(UserError) as error:
        Configuration.resolve(change(raw, path, value))
    for words in said:
        assert words in str(error.value)


def test_the_order_of_keys_does_not_change_the_settings_of_a_rule():
    assert as_json({"a": 1, "b": {"d": 2, "c": 3}}) == as_json({"b": {"c": 3, "d": 2}, "a": 1})


def test_the_region_of_a_table_is_one_that_its_protocol_scores(raw):
    table = ["experiments", "toy", "tables", "comparison"]
    resolved = Configuration.resolve(change(raw, ["experiments", "toy", "protocol"], "paper"))
    assert resolved.experiments["toy"].tables["comparison"].region == "frame"
    assert Configuration.resolve(raw).experiments["toy"].tables["comparison"].region == "mask"
    paper = change(change(raw, ["experiments", "toy", "protocol"], "paper"), [*table, "region"], "mask")
    with pytest.raises(UserError, match=r"comparison\.region is mask, expected one of frame in protocol paper"):
        Configuration.resolve(paper)


def test_what_the_mask_takes_from_elsewhere_is_an_input_of_its_rule(raw, repository, monkeypatch):
    monkeypatch.chdir(repository)
    wildcards = SimpleNamespace(participant="sub-01")
    assert Plan(raw).external_maps(wildcards) == []
    raw["cohort"]["quality"] = {"snr_map": "maps/{participant}_snr.nii.gz"}
    assert Plan(raw).external_maps(wildcards) == ["maps/sub-01_snr.nii.gz"]


def test_a_network_halves_the_frame_as_often_as_it_can_be_halved(raw):
    raw["cohort"]["slices"] = {"frame": 48}
    raw["networks"]["ddpm"] |= {"channels": [8] * 5, "attention_at": [], "heads": 4}
    Configuration.resolve(raw)
    with pytest.raises(UserError, match=r"ddpm\.channels makes 6 levels.* the frame of 48 cannot be halved 5"):
        Configuration.resolve(change(raw, ["networks", "ddpm", "channels"], [8] * 6))


def test_a_metric_that_has_no_value_in_the_frame_is_refused(raw):
    raw["experiments"]["toy"] |= {
        "metrics": ["nrmse", "psnr", "ssim", "lpips_alex"],
        "sizes": [8],
        "evaluate_sizes": [8],
    }
    raw["experiments"]["toy"]["tables"]["comparison"]["sizes"] = [8]
    raw["experiments"]["toy"]["figures"]["qualitative"]["maps"] = [{"size": 8}]
    Configuration.resolve(change(raw, ["cohort", "slices"], {"frame": 32}))
    with pytest.raises(UserError, match=r"experiments\.toy\.metrics has lpips_alex, which needs a frame of 32"):
        Configuration.resolve(change(raw, ["cohort", "slices"], {"frame": 16}))


def test_a_figure_of_more_methods_than_a_page_has_room_for_is_refused(raw):
    for k in range(MOST_PANELS):
        raw["methods"][f"more_{k}"] = {"label": "x", "sampler": {"kind": "zero_filled"}}
        raw["experiments"]["toy"]["methods"].append(f"more_{k}")
    with pytest.raises(UserError, match=r"figures\.qualitative shows 43 methods, expected at most 40"):
        Configuration.resolve(raw)
    raw["experiments"]["toy"]["figures"]["qualitative"]["methods"] = ["munet"]
    Configuration.resolve(raw)


@pytest.mark.parametrize(
    "lpips",
    [{}, {"download": True, "archive": "a.tar.gz"}, {"archive": "a", "lpips_vgg": {"backbone": "a", "linear": "b"}}],
)
def test_lpips_weights_have_one_source(raw, lpips):
    with pytest.raises(UserError, match="lpips needs one of archive"):
        Configuration.resolve(raw | {"lpips": lpips})
    assert Configuration.resolve(raw | {"lpips": {"archive": "a.tar.gz"}}).lpips.archive == "a.tar.gz"


def test_methods_of_two_parts_of_a_fold_are_shown_apart(raw):
    raw["methods"]["own"] = raw["methods"]["munet"] | {"part": "validation"}
    toy = raw["experiments"]["toy"]
    toy["methods"].append("own")
    said = (
        "tables.comparison shows methods of different participants: zero_filled, munet, ddpm of test participants; own"
    )
    with pytest.raises(UserError, match=said):
        Configuration.resolve(raw)
    others = toy["methods"][:-1]
    toy["tables"] = {"comparison": {"methods": others}, "validated": {"methods": ["own"]}}
    toy["figures"]["qualitative"]["methods"] = ["munet", "own"]
    with pytest.raises(UserError, match=r"figures\.qualitative shows methods of different participants"):
        Configuration.resolve(raw)
    toy["figures"]["qualitative"]["methods"] = others
    assert Configuration.resolve(raw).method("own").part == "validation"
