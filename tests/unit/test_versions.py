"""One set of versions: the pins, the conda environment and the package agree."""

import re
import tomllib

import yaml


def pins(lines):
    return dict(line.strip().lower().split("==") for line in lines if "==" in line)


def test_the_conda_environment_has_the_pinned_versions(repository):
    pinned = pins((repository / "constraints.txt").read_text().splitlines())
    environment = yaml.safe_load((repository / "envs" / "mrsi-sr.yaml").read_text())
    in_conda = pins(environment["dependencies"][-1]["pip"])
    assert {name: pinned[name] for name in in_conda} == in_conda


def test_every_dependency_is_pinned(repository):
    pinned = pins((repository / "constraints.txt").read_text().splitlines())
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    named = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert {name.split("==")[0].split(">=")[0] for name in named} <= set(pinned)


def test_the_container_has_every_dependency_and_no_version_of_its_own(repository):
    recipe = (repository / "envs" / "mrsi-sr.def").read_text()
    words = {word for line in recipe.split("%post")[1].splitlines() if "#" not in line for word in line.split()}
    pinned = pins((repository / "constraints.txt").read_text().splitlines())
    assert {name: pinned[name] for name in pins(words)} == pins(words)
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert {re.split("[=>]", name)[0] for name in project["dependencies"]} <= {word.split("==")[0] for word in words}
    assert "--constraint /opt/constraints.txt" in recipe
