"""Laws of settings: each key has a meaning and an allowed default, the code knows the same names, faults are named."""

import json
from importlib import import_module
from inspect import Parameter, signature
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import BIAS, METRICS
from mrsi_sr.samplers import sampler_of
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.base import Metric, Settings
from mrsi_sr.settings.cohort import CohortSettings, PhantomSettings, QualitySettings, SliceSettings
from mrsi_sr.settings.documents import MODULES
from mrsi_sr.settings.experiment import ExperimentSettings, FoldSettings
from mrsi_sr.settings.help import default_of, help_of, keys_of
from mrsi_sr.settings.method import AnySampler, MethodSettings, PlannedMethod
from mrsi_sr.settings.network import NetworkSettings, network_settings
from mrsi_sr.settings.objective import OBJECTIVES
from mrsi_sr.settings.protocol import REGIONS, Protocol, Region
from mrsi_sr.settings.report import Bias, FigureSettings, TableSettings
from mrsi_sr.settings.sampler import SAMPLERS
from mrsi_sr.settings.sampler_base import CONDITIONED
from mrsi_sr.settings.text import as_json, read_object, read_yaml

CLASSES = {
    each.__name__: each
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Settings)
}
EVERY_CLASS = pytest.mark.parametrize("settings", CLASSES.values(), ids=CLASSES)


@EVERY_CLASS
def test_every_key_has_a_meaning_and_is_required_or_has_a_default_that_is_allowed(settings):
    schema = settings.model_json_schema()
    for key, node in keys_of(schema).items():
        assert node["description"], key
        assert ("default" in node) != (key in schema.get("required", [])), key
    defaults = {key: node["default"] for key, node in keys_of(schema).items() if "default" in node}
    assert not list(Draft202012Validator({**schema, "required": []}).iter_errors(defaults))


@EVERY_CLASS
def test_help_has_every_key_with_its_default_and_its_meaning(settings):
    text = " ".join(help_of(settings).split())
    for key, node in keys_of(settings.model_json_schema()).items():
        assert f" {key} {default_of(node)} {node['description']}" in text


def test_help_names_the_choices_of_a_key():
    text = " ".join(help_of(PhantomSettings, TableSettings).split())
    assert "one of multivoxel, vienna" in text and "one of mask, frame, null" in text


def test_the_settings_and_the_code_know_the_same_names():
    assert list(METRICS) == [*get_args(Metric), *get_args(Bias)] and get_args(Bias) == BIAS
    assert sorted(REGIONS) == sorted(get_args(Protocol))
    assert REGIONS["clean"] == get_args(Region)


def test_what_may_be_chosen_has_a_class_of_its_own():
    fields = NetworkSettings.model_fields
    assert get_args(fields["architecture"].annotation) == tuple(ARCHITECTURES)
    assert get_args(fields["objective"].annotation) == tuple(OBJECTIVES)
    kinds = {get_args(sampler.model_fields["kind"].annotation): sampler for sampler in SAMPLERS.values()}
    assert kinds == {(kind,): sampler for kind, sampler in SAMPLERS.items()}
    assert set(get_args(get_args(AnySampler)[0])) == set(SAMPLERS.values())


def test_what_may_be_chosen_takes_its_own_keys_as_arguments():
    for name, settings in ARCHITECTURES.items():
        network = getattr(import_module(networks.module_of(name)), settings.__name__)
        assert set(signature(network).parameters) == set(settings.model_fields)
    for name, settings in OBJECTIVES.items():
        objective = getattr(import_module(f"mrsi_sr.objectives.{name}"), settings.__name__)
        assert set(signature(objective).parameters) == {*settings.model_fields, *settings.needed_roles}
    for kind, settings in SAMPLERS.items():
        arguments = signature(sampler_of(kind)).parameters.values()
        own = {each.name for each in arguments if each.kind is Parameter.KEYWORD_ONLY}
        passed_on = any(each.kind is Parameter.VAR_KEYWORD for each in arguments)
        keys = {*settings.model_fields, *settings.of_network} - {"kind", *CONDITIONED}
        assert own < keys if passed_on else own == keys


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        (FoldSettings, {"number": 5.0}, "number is 5.0, expected integer"),
        (FoldSettings, {"number": True}, "number is true, expected integer"),
        (FoldSettings, {"number": "8"}, 'number is "8", expected integer'),
        (SliceSettings, {"min_valid_fraction": float("nan")}, "min_valid_fraction is NaN, expected number"),
        (SliceSettings, {"min_valid_fraction": float("inf")}, "min_valid_fraction is Infinity, expected number"),
        (SliceSettings, {"frames": 64}, "frames is not a known key: did you mean frame?"),
        (SliceSettings, {"colour": 64}, "colour is not a known key: known are min_valid_fraction, min_valid_voxels"),
        (QualitySettings, {"min_snr": "high"}, 'min_snr is "high", expected number, null'),
        (QualitySettings, {"outlier_multiple": 0.5}, "outlier_multiple is 0.5, expected at least 1"),
        (TableSettings, {"region": "brain"}, 'region is "brain", expected one of mask, frame, null'),
        (TableSettings, {"metrics": ["ssim", "ssim"]}, 'metrics is ["ssim", "ssim"], expected entries that differ'),
        (PhantomSettings, {"matrix": [64, 64]}, "matrix is [64, 64], expected at least 3 entries"),
        (PlannedMethod, {"label": ""}, 'label is "", expected at least 1 letters'),
        (MethodSettings, {}, "the whole lacks sampler"),
        (MethodSettings, {"sampler": {"kind": "ancestra"}}, 'kind "ancestra" is not known: did you mean ancestral?'),
        (CohortSettings, {"slices": {"max_slices": 3}}, "slices.max_slices is 3, expected at least min_slices"),
        (FoldSettings, [1], "the whole is [1], expected object"),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_what_is_allowed(settings, given, said):
    with pytest.raises(UserError) as error:
        settings.checked(given)
    assert said in str(error.value)
    with pytest.raises(UserError) as error:
        settings.checked(given, "cohort.part")
    assert "cohort.part" in str(error.value)


def test_every_fault_is_named_at_once():
    with pytest.raises(UserError, match=r"(?s)min_slices is -1.*max_slices is 0"):
        SliceSettings.of(max_slices=0, min_slices=-1)


def test_what_is_left_out_is_the_default_and_what_is_given_is_kept():
    assert FoldSettings.from_text('{"seed": 7}') == FoldSettings(number=5, seed=7)


def test_other_values_are_checked_again():
    assert FoldSettings.of() | {"seed": 2} == FoldSettings.of(seed=2)
    with pytest.raises(UserError, match="seed is -1"):
        FoldSettings.of() | {"seed": -1}


@pytest.mark.parametrize(
    "settings", [FoldSettings.of(seed=7), TableSettings.of(protocol="paper"), QualitySettings.of()]
)
def test_settings_are_the_same_again_from_their_text(settings):
    assert type(settings).from_text(settings.as_json()) == settings
    assert json.loads(settings.as_json()) == settings.plain()


@pytest.mark.parametrize(("name", "text"), [("folds.yaml", "# of the study\nseed: 7\n"), ("folds.json", '{"seed": 7}')])
def test_settings_may_be_in_a_file_of_json_or_yaml(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert FoldSettings.from_text(f"@{tmp_path / name}") == FoldSettings.of(seed=7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "--settings is not JSON"),
        ("[1]", "--settings is [1]"),
        ("@list.yaml", "--settings is @list.yaml"),
        ("@wrong.yaml", "wrong.yaml cannot be read as the YAML file of --settings"),
        ("@absent.yaml", "no file absent.yaml, expected the YAML file of --settings"),
    ],
)
def test_text_that_is_no_object_is_refused(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "wrong.yaml").write_text("a: [")
    with pytest.raises(UserError) as error:
        read_object(text, "--settings")
    assert said in str(error.value)
    assert "@" in text or "expected a" in str(error.value)


def test_a_network_has_the_keys_of_its_architecture_its_objective_and_its_training():
    given = {"architecture": "munet", "objective": "regression", "epochs": 1, "batch_size": 2, "learning_rate": 1e-3}
    keys = {*ARCHITECTURES["munet"].model_fields, *OBJECTIVES["regression"].model_fields, *NetworkSettings.model_fields}
    assert set(network_settings(given).plain()) == keys
    with pytest.raises(UserError, match=r"networks\.munet\.heads is not a known key"):
        network_settings(given | {"heads": 4}, "networks.munet")


@pytest.mark.parametrize("name", ["folds.yaml", "folds.json"])
@pytest.mark.parametrize(
    "text", ['{"seed": 7, "number": 3, "seed": 8}', '{"a": {"b": 1, "c": 2, "b": 1}}', '{"1": 2, "1": 3}']
)
def test_a_key_that_is_given_twice_is_refused_wherever_settings_come_from(name, text, tmp_path):
    with pytest.raises(UserError, match="given twice"):
        read_object(text, "--settings")
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=r"given twice in the object that begins in line 1"):
        read_yaml(tmp_path / name, "--settings")


def test_one_key_in_two_objects_an_anchor_and_a_merged_key_are_not_given_twice(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("top: {q: &x {<<: &a {b: 0, c: 1}, b: 1}, r: {<<: *x, d: 2}}\nother: {b: 1}\nlist: [*a, *a]\n")
    read = read_yaml(path, "--settings")
    assert (
        read["top"] == {"q": {"b": 1, "c": 1}, "r": {"b": 1, "c": 1, "d": 2}} and read["list"] == [{"b": 0, "c": 1}] * 2
    )


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: *a}",
        "a: &a [*a]",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join(['*' + chr(97 + k)] * 10)}]\n" for k in range(8)),
        "a: &a {x: 1}\n"
        + "".join(f"{chr(98 + k)}: &{chr(98 + k)} {{<<: [{', '.join(['*' + chr(97 + k)] * 10)}]}}\n" for k in range(8)),
        "[" * 60 + "]" * 60,
        "[" * 30_000,
        "{" * 30_000,
        "a: " + "9" * 5000,
        "? [a]\n: b\n? {c: d}\n: e",
        "a: !!python/object/apply:os.system [ls]",
        "a: *unknown",
        "\x00",
    ],
    ids=[
        "circle", "circle of a list", "anchors in anchors", "merged anchors in anchors", "deep", "brackets", "braces",
        "a number of many digits", "an object as key", "Python", "no such anchor", "zero byte",
    ],
)  # fmt: skip
def test_a_file_that_no_program_could_use_is_refused_in_words(text, tmp_path):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UserError, match=r"settings\.yaml cannot be read as the YAML file of --settings"):
        read_yaml(tmp_path / "settings.yaml", "--settings")
    if len(text) > 1000 and text[0] in "[{":
        with pytest.raises(UserError, match="--settings is not JSON"):
            read_object(text, "--settings")


@pytest.mark.parametrize("label", ["T\u00a0= 100", "5\u202f%", "\u00b5mol/g", "\u6bd4\u8f83", "a"])
def test_a_label_has_any_letters_and_blanks_of_any_width(label):
    assert PlannedMethod.of(label=label, sampler={"kind": "zero_filled"}).label == label


def test_no_text_of_settings_ends_a_program_in_html():
    text = as_json({"label": "</script><!-- <script>"})
    assert "<" not in text and json.loads(text) == {"label": "</script><!-- <script>"}


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        (PlannedMethod, {"label": "a\nb"}, 'label is "a\\nb", expected one line of text'),
        (PlannedMethod, {"label": "a\x07"}, "label is"),
        (PlannedMethod, {"label": "\u2028"}, "label is"),
        (PlannedMethod, {"label": " a"}, "label is"),
        (TableSettings, {"title": "A\n\nB"}, 'title is "A\\n\\nB", expected one line of text'),
        (TableSettings, {"title": ""}, 'title is "", expected at least 1 letters'),
        (TableSettings, {"labels": {"a": "\n"}}, 'labels.a is "\\n", expected one line'),
        (TableSettings, {"sizes": [10**9]}, "sizes.0 is 1000000000, expected at most 1024"),
        (CohortSettings, {"unit": "mM\r"}, "unit is"),
        (CohortSettings, {"unit": "</script>"}, "unit is"),
        (CohortSettings, {"name": "-x"}, "name is"),
        (CohortSettings, {"name": "../x"}, "name is"),
        (CohortSettings, {"metabolites": ["tCho,NAA"]}, 'metabolites.0 is "tCho,NAA", expected a name of letters'),
        (CohortSettings, {"metabolites": ["../x"]}, "metabolites.0 is"),
        (CohortSettings, {"metabolites": [""]}, "metabolites.0 is"),
        (CohortSettings, {"metabolites": ["-x"]}, "metabolites.0 is"),
        (CohortSettings, {"metabolites": ["{x}"]}, "metabolites.0 is"),
        (CohortSettings, {"ingest": {"maps": {"valu": "x"}}}, "ingest.maps has the name"),
        (CohortSettings, {"ingest": {"maps": {"value": "x"}}}, "ingest.maps.value is x, but must have {metabolite}"),
        (CohortSettings, {"ingest": {"maps": {"snr": "{metabolite}"}}}, "but must not have {metabolite}"),
        (QualitySettings, {"snr_map": "{participants}.nii"}, "snr_map is"),
        (QualitySettings, {"snr_map": "a\nb"}, "snr_map is"),
        (FigureSettings, {"participant": "../x"}, "participant is"),
        (FigureSettings, {"metabolite": "a/b"}, "metabolite is"),
        (FoldSettings, {"number": 10**12}, "number is 1000000000000, expected at most 1000"),
    ],
)
def test_words_that_would_break_a_path_a_rule_or_a_table_are_refused(settings, given, said):
    with pytest.raises(UserError) as error:
        settings.checked(given)
    assert said in str(error.value)


def numbers_of(node: dict, schema: dict, path: str = ""):
    """Every number and every list of a JSON schema, with its place."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for option in node.get("anyOf", []) + node.get("oneOf", []):
        yield from numbers_of(option, schema, path)
    if node.get("type") in ("integer", "number", "array") and "enum" not in node:
        yield path, node
    for key, value in node.get("properties", {}).items():
        yield from numbers_of(value, schema, f"{path}.{key}")
    for inside in (node.get("items"), node.get("additionalProperties")):
        if isinstance(inside, dict):
            yield from numbers_of(inside, schema, f"{path}[]")


@pytest.mark.parametrize(
    "settings",
    [
        CohortSettings, PhantomSettings, ExperimentSettings, TableSettings, FigureSettings, PlannedMethod,
        NetworkSettings, *ARCHITECTURES.values(), *OBJECTIVES.values(), *SAMPLERS.values(),
    ],
)  # fmt: skip
def test_every_number_has_bounds_and_every_list_a_length(settings):
    schema = settings.model_json_schema()
    unbounded = [
        path
        for path, node in numbers_of(schema, schema)
        if node["type"] != "array"
        if not ({"minimum", "exclusiveMinimum"} & set(node) and {"maximum", "exclusiveMaximum"} & set(node))
    ]
    # A list of different bounded whole numbers or of a choice is bounded by what there is.
    endless = [
        path
        for path, node in numbers_of(schema, schema)
        if node["type"] == "array" and "maxItems" not in node and not {"maximum", "enum"} & set(node["items"])
    ]
    assert not unbounded + endless
