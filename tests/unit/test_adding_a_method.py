"""docs/adding_a_method.md is true: all that it shows is carried out on a copy of the repository."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from warm_python import CLIENT

BLOCK = re.compile(r"(?:^\*\*(?P<path>\S+)\*\*\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("src", "workflow", "config", "tests")


@pytest.fixture(scope="module")
def followed(repository, tmp_path_factory, warm_python):
    """A copy of the repository in which the document has been followed, with the names of the methods it adds."""
    copy, methods = tmp_path_factory.mktemp("followed"), {}
    for folder in COPIED:
        shutil.copytree(repository / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(repository / "pyproject.toml", copy)
    for block in BLOCK.finditer((repository / "docs" / "adding_a_method.md").read_text()):
        path, language, text = block["path"], block["language"], block["text"]
        if path:
            assert not (copy / path).exists()
            (copy / path).write_text(text)
        elif language == "diff":
            # Lines around an edit that have changed since are an error.
            subprocess.run(["git", "apply", "-"], input=text, text=True, cwd=copy, check=True)
        else:
            methods |= yaml.safe_load(text)["methods"]
    configuration = copy / "config" / "own_method.yaml"  # of which test_every_method.py samples every method
    schema, whole = configuration.open().readline(), yaml.safe_load(configuration.read_text())
    whole["methods"] |= methods
    whole["experiments"]["mine"] = {"methods": list(methods)}
    configuration.write_text(schema + yaml.safe_dump(whole | {"run": [*whole["run"], "mine"]}))

    def run(*command) -> str:
        environment = os.environ | warm_python | {"PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([CLIENT, *command], cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "mrsi_sr.settings.documents")
    return run, list(methods)


def test_the_methods_that_are_added_sample(followed):
    run, names = followed
    assert names == ["enhancer_sharp", "enhancer_median"]
    tests = [f"tests/unit/sampling/test_every_method.py::test_every_method_samples[{name}]" for name in names]
    assert "2 passed" in run("-m", "pytest", *tests)


def test_what_is_added_keeps_the_rules_of_the_house(followed):
    run, _ = followed
    tests = ("samplers/test_flow_median.py", "settings/test_documents.py", "test_house.py")
    run("-m", "pytest", *(f"tests/unit/{name}" for name in tests))
    run("-m", "ruff", "check", "src", "tests")
    run("-m", "ruff", "format", "--check", "src", "tests")


def test_the_help_of_sampling_shows_the_new_sampler(followed):
    run, _ = followed
    assert "keys of a sampler of kind flow_median" in run("workflow/scripts/sample.py", "--help")
