"""What holds for every script: help at once, a mistyped option named, no Snakemake."""

import os
import subprocess
import sys

import pytest
from clone import REPOSITORY
from needed import NEEDED, SITECUSTOMIZE
from warm_python import CLIENT

SCRIPTS = sorted(path.stem for path in (REPOSITORY / "workflow" / "scripts").glob("*.py"))
STANDALONE = {"describe_networks"}  # scripts that tell a person something, and that no rule runs
OTHER_NAME = {"check_scan": "check", "check_new_scan": "check", "truncate_refitted": "truncate"}  # rules of one script
HEAVY = ("torch", "numpy", "pandas", "nibabel", "nilearn", "matplotlib", "scipy", "snakemake")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_explains_every_flag_and_loads_nothing_heavy(script):
    path = REPOSITORY / "workflow" / "scripts" / f"{script}.py"
    code = (
        f"import runpy, sys; sys.argv = ['{script}.py', '--help']\n"
        f"try: runpy.run_path({str(path)!r}, run_name='__main__')\n"
        f"except SystemExit as end: assert end.code == 0\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        f"assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout
    assert "--settings" not in done.stdout or "@FILE for a JSON or YAML file" in " ".join(done.stdout.split())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_mistyped_option_ends_with_code_2_and_one_message(script, run_script):
    done = run_script(script, "--ouut", "x")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "required" in done.stderr or "did you mean --out" in done.stderr


def test_every_rule_has_a_script_of_its_own_name_and_every_other_script_is_known_to_stand_alone():
    rules = [
        line.split()[1].rstrip(":")
        for file in (REPOSITORY / "workflow" / "rules").glob("*.smk")
        for line in file.read_text().splitlines()
        if line.startswith("rule ")
    ]
    assert sorted({*(OTHER_NAME.get(rule, rule) for rule in rules), *STANDALONE}) == SCRIPTS


@pytest.mark.parametrize(
    ("script", "imported", "missing"),
    [("train", "torch", "pandas"), ("table", "pandas", "scipy.stats"), ("slices", "scipy.ndimage", "nilearn.image")],
)
def test_where_tests_run_a_script_a_library_that_its_work_does_not_need_is_missing(
    script, imported, missing, tmp_path, warm_python
):
    assert set(NEEDED) <= set(SCRIPTS)
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)
    program = tmp_path / "workflow/scripts" / f"{script}.py"
    program.parent.mkdir(parents=True)
    package, _, module = missing.rpartition(".")
    imports = f"from {package} import {module}" if package else f"import {module}"
    program.write_text(f"import {imported}\nprint('imported')\n{imports}\n")
    path = f"{tmp_path}:{REPOSITORY / 'tests/support'}"
    done = subprocess.run(
        [CLIENT, program], env=os.environ | warm_python | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.stdout == "imported\n" and done.returncode == 1
    assert "Error: " in done.stderr and (module in done.stderr.splitlines()[-1])
