"""The code that a rule lists is the code that its script runs."""

import subprocess
import sys

import pytest

from mrsi_sr.results.code import code_of


def modules(files):
    return {file.split("src/")[-1] for file in files if "workflow/scripts" not in file}


@pytest.mark.parametrize("script", ["folds", "truncate"])
def test_nothing_is_imported_that_is_not_listed(script, repository, tmp_path):
    path = repository / "workflow" / "scripts" / f"{script}.py"
    code = (
        f"import runpy, sys; sys.argv = ['{script}.py']\n"
        f"runpy.run_path({str(path)!r})\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'mrsi_sr'))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert modules(loaded) <= modules(code_of(path))


def test_an_import_inside_a_function_counts(repository):
    assert "mrsi_sr/training.py" in modules(code_of(repository / "workflow" / "scripts" / "train.py"))


def test_scripts_that_train_nothing_do_not_depend_on_training(repository):
    for script in ("ingest", "mask", "slices", "table"):
        assert "mrsi_sr/training.py" not in modules(code_of(repository / "workflow" / "scripts" / f"{script}.py"))
