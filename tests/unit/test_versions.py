"""One set of versions: the pins, the conda environment and the package agree."""

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
