"""Laws of settings: the schemas say everything, the code knows the same keys and names, and what is wrong is named."""

from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import metrics
from mrsi_sr.evaluation.scores import TableSettings
from mrsi_sr.maps.folds import FoldSettings
from mrsi_sr.phantom.settings import PhantomSettings
from mrsi_sr.report.figures.qualitative import QualitativeSettings
from mrsi_sr.scan.quality import QualitySettings
from mrsi_sr.scan.slicing import SliceSettings
from mrsi_sr.settings import old_base as settings
from mrsi_sr.settings.old_base import allowed, check, from_json, help_of, schema
from mrsi_sr.settings.old_method import ConfiguredMethod, MethodSettings
from mrsi_sr.settings.old_network import TrainingSettings

KINDS = sorted(path.name.removesuffix(".schema.yaml") for path in settings.SCHEMAS.glob("*.schema.yaml"))
CLASSES = [
    ConfiguredMethod, FoldSettings, MethodSettings, PhantomSettings, QualitativeSettings, QualitySettings,
    SliceSettings, TableSettings,
]  # fmt: skip
KEYWORDS = {
    "type", "items", "enum", "default", "description", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "uniqueItems", "minLength", "pattern", "minProperties",
}  # fmt: skip
# What a schema says beside its keys: which networks go together.
RULES = {"x-networks", "x-optional-networks", "x-by-size", "x-objective", "x-needs"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_describes_each_key_in_words_that_are_known(kind):
    assert set(schema(kind)) <= {"required", "properties"} | RULES
    for key, part in schema(kind)["properties"].items():
        Draft202012Validator.check_schema(part)
        # An unquoted comma in a description would end it, and make a key of what follows.
        assert set(part) <= KEYWORDS, key
        assert isinstance(part["description"], str), key


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_required_or_has_a_default_that_is_allowed(kind):
    required, properties = schema(kind).get("required", []), schema(kind)["properties"]
    assert set(required) <= set(properties)
    optional = {"cohort": {"simulate"}}.get(kind, set())
    defaults = {key: part["default"] for key, part in properties.items() if "default" in part}
    assert set(defaults) | set(required) | optional == set(properties)
    part = {"type": "object", "properties": properties}
    assert not list(Draft202012Validator(part).iter_errors(defaults))


@pytest.mark.parametrize("kind", CLASSES)
def test_settings_have_a_field_without_default_for_each_key(kind):
    keys = {key for each in kind.kinds for key in schema(each)["properties"]}
    assert {field.name for field in fields(kind)} == keys
    with pytest.raises(TypeError):
        kind()


def test_training_reads_keys_that_every_network_has():
    assert {field.name for field in fields(TrainingSettings)} <= set(schema("network")["properties"])


def test_the_schemas_and_the_code_know_the_same_names():
    for kind in ("experiment", "table"):
        assert schema(kind)["properties"]["metrics"]["items"]["enum"] == list(metrics.METRICS)
    for kind in ("experiment", "table-origin", "figure-origin"):
        assert sorted(allowed(kind, "protocol")) == sorted(metrics.REGIONS)
    assert allowed("table", "region") == [*metrics.REGIONS["clean"], None]
    assert allowed("network", "architecture") == list(networks.ARCHITECTURES)


@pytest.mark.parametrize(
    ("kind", "key", "prefix"),
    [("network", "architecture", ""), ("network", "objective", ""), ("sampler", "kind", "sampler")],
)
def test_what_may_be_chosen_has_a_schema_of_its_own(kind, key, prefix):
    chosen = {f"{prefix or key}-{name}" for name in allowed(kind, key)}
    assert chosen == {each for each in KINDS if each.startswith(f"{prefix or key}-")}


def test_no_other_file_of_the_package_repeats_what_a_schema_says():
    folder = Path(settings.__file__).parent
    for name in ("check_number", "holds=", "__post_init__"):
        assert [path.name for path in folder.rglob("*.py") if name in path.read_text()] == []


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("folds", {"number": 5.0}, "number is 5.0, expected integer"),
        ("folds", {"number": True}, "number is true, expected integer"),
        ("slices", {"min_valid_fraction": float("nan")}, "min_valid_fraction is NaN, expected number"),
        ("slices", {"min_valid_fraction": float("inf")}, "min_valid_fraction is Infinity, expected number"),
        ("slices", {"frames": 64}, "frames is not a known key: did you mean frame?"),
        ("slices", {"colour": 64}, "colour is not a known key: known are min_valid_fraction, min_valid_voxels"),
        ("quality", {"min_snr": "high"}, 'min_snr is "high", expected number, null'),
        ("table", {"region": "brain"}, 'region is "brain", expected one of mask, frame, null'),
        ("phantom", {"matrix": [64, 64]}, "matrix is [64, 64], expected at least 3 entries"),
        ("method-configured", {"label": ""}, 'label is "", expected at least 1 letters'),
        ("method", {}, "the whole lacks sampler"),
        ("folds", [1], "the whole is [1], expected object"),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_what_is_allowed(kind, given, said):
    with pytest.raises(UserError) as error:
        check(kind, given)
    assert said in str(error.value)
    with pytest.raises(UserError) as error:
        check(kind, given, "cohort.part")
    assert "cohort.part" in str(error.value)


def test_every_fault_is_named_at_once():
    with pytest.raises(UserError, match=r"(?s)max_slices is 0.*min_slices is -1"):
        SliceSettings.of(max_slices=0, min_slices=-1)


def test_what_is_left_out_is_as_the_schema_says_and_what_is_given_is_kept():
    assert FoldSettings.from_json('{"seed": 7}') == FoldSettings(number=5, seed=7)


@pytest.mark.parametrize(("text", "said"), [("{", "--settings is not JSON"), ("[1]", "--settings is [1]")])
def test_text_that_is_no_object_is_refused(text, said):
    with pytest.raises(UserError) as error:
        from_json(text, "--settings")
    assert said in str(error.value) and "expected a" in str(error.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("configuration", "cohort")])
def test_help_has_every_key_with_its_default_and_its_meaning(kind):
    text = " ".join(help_of(kind).split())
    for key, part in schema(kind)["properties"].items():
        assert f"{key} " in text and " ".join(part["description"].split()) in text
