"""What is written from the settings' classes is up to date: the tables of config/README.md, the editors' schema."""

import json

import pytest
import yaml
from clone import REPOSITORY
from jsonschema import Draft7Validator

from mrsi_sr.settings.documents import EDITOR_SCHEMA, README, tables
from mrsi_sr.settings.editor import editor_schema

FILES = [*(REPOSITORY / "config").glob("*.yaml"), REPOSITORY / "tests" / "workflow" / "toy.yaml"]
CHANGES = """
networks:
  munet: {like: munet_16, epochs: null, iterations: 5, folds: {3: {learning_rate: 2.0e-4}}}
  obsolete: null
methods: {ddpm: {like: munet, sampler: {kind: respaced, steps: null}, networks: null}}
experiments: {papers: {tables: {comparison: {region: null}, other: null}, folds: {run: [1]}}}
cohort: {name: mine, simulate: null, quality: {min_snr: null}}
run: [papers]
"""


@pytest.fixture(scope="module")
def faults():
    """Faults that an editor marks in the text of a configuration."""
    Draft7Validator.check_schema(editor_schema())
    validator = Draft7Validator(editor_schema())
    return lambda text: [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_tables_of_the_readme_are_what_the_classes_say():
    assert tables(README.read_text()) == README.read_text(), "make documents"


def test_the_schema_for_editors_is_what_the_classes_say():
    assert json.loads(EDITOR_SCHEMA.read_text()) == editor_schema(), "make documents"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_an_editor_accepts_the_configurations(file, faults):
    assert faults(file.read_text()) == []


def test_every_configuration_names_its_schema_to_editors():
    for path in (REPOSITORY / "config").glob("*.yaml"):
        assert path.read_text().startswith(f"# yaml-language-server: $schema={EDITOR_SCHEMA.name}\n"), path


def test_an_editor_accepts_changes_to_the_papers_configuration(faults):
    assert faults(CHANGES) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "network: {}",
        "cohort: {participant: a.tsv}",
        "cohort: {quality: {min_snrr: 1}}",
        "networks: {munet: {chanels: 8}}",
        "networks: {munet: {channels: eight}}",
        "networks: {munet: {folds: {3: {learning_rat: 1.0e-4}}}}",
        "networks: {a-b: {channels: 8}}",
        "methods: {ddpm: {sampler: {kind: ancestrall}}}",
        "methods: {ddpm: {sampler: {kind: ancestral, tau: 1}}}",
        "experiments: {papers: {tables: {comparison: {colour: red}}}}",
        "experiments: {papers: {protocol: dirty}}",
        "run: papers",
    ],
)
def test_an_editor_marks_a_mistyped_key_and_a_wrong_value(wrong, faults):
    assert faults(wrong)
