"""docs/cluster.md and the Slurm profile say what the programs of the pinned versions take."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import snakemake_executor_plugin_slurm
import snakemake_executor_plugin_slurm_jobstep
import yaml
from clone import REPOSITORY

SCRIPTS = {path.stem: path for path in (REPOSITORY / "workflow/scripts").glob("*.py")}
COMMAND = re.compile(r"python workflow/scripts/(\w+)\.py([^\"`\n]*)")
COMMANDS = COMMAND.findall((REPOSITORY / "docs/cluster.md").read_text().replace("\\\n", " "))


@pytest.mark.parametrize(("script", "arguments"), COMMANDS)
def test_every_command_of_the_guide_is_understood_by_its_script(script, arguments):
    parser = runpy.run_path(str(SCRIPTS[script]))["parser"]()
    parser.allow_abbrev = False
    parser.parse_args(shlex.split(arguments))


def test_the_guide_runs_every_script_by_hand():
    assert {script for script, _ in COMMANDS} == set(SCRIPTS)


@pytest.fixture(scope="module")
def profile() -> dict:
    """The Slurm profile with the settings that are commented out."""
    text = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    return yaml.safe_load(re.sub(r"^( *)# ( *[a-z][\w-]*:(?: |$))", r"\1\2", text, flags=re.MULTILINE))


def test_every_key_of_the_profile_is_an_option_of_snakemake(profile):
    command = [sys.executable, "-m", "snakemake", "--help"]
    options = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(profile) > 15
    assert [key for key in profile if f"--{key} " not in options and f"--{key}]" not in options] == []


def test_every_resource_of_the_profile_is_one_that_slurm_is_asked_for(profile):
    plugins = (snakemake_executor_plugin_slurm, snakemake_executor_plugin_slurm_jobstep)
    code = "".join(file.read_text() for each in plugins for file in Path(each.__file__).parent.glob("*.py"))
    named = [profile["default-resources"], *profile["set-resources"].values()]
    assert [key for names in named for key in names if f'job.resources.get("{key}"' not in code] == []


def test_no_job_asks_for_less_memory_than_snakemake_itself_needs(profile):
    rules = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    asked = [int(number) for number in re.findall(r"mem_mb=(\d+)", rules)]
    assert min(*asked, profile["default-resources"]["mem_mb"]) >= 600


def test_the_profile_is_found_by_its_name_in_a_clone():
    assert (REPOSITORY / "slurm").readlink() == Path("profiles/slurm")
