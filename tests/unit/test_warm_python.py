"""A program in the warm Python of the tests is what it is in a Python of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from warm_python import CLIENT

TELLS = """
import os, sys
sys.stdout.write(f"{sys.argv} {sys.path[:2]} {os.getcwd()} {os.environ['TOLD']} {sys.stdin.read()} {__name__}\\n")
sys.stderr.write(f"{sys.modules.get('noted')}\\n")
import beside
"""
ENDS = {"no_error": "", "exit_3": "sys.exit(3)", "exit_words": "sys.exit('in words')", "raises": "1 / 0"}
ENDS |= {"killed": "os.kill(os.getpid(), 9)", "at_exit": "import atexit; atexit.register(print, 'the end')"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory, warm_python):
    """A folder with a program, a module beside it and a sitecustomize; runs the program in either Python."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text("import sys\nsys.modules['noted'] = 'noted'\n")
    (folder / "beside.py").write_text("print('beside')\n")

    def run(python, text: str, *arguments) -> subprocess.CompletedProcess:
        (folder / "program.py").write_text(text)
        environment = os.environ | warm_python | {"PYTHONPATH": "site", "TOLD": "told"}
        return subprocess.run(
            [python, *(arguments or ["program.py", "-x", "y z"])],
            cwd=folder, env=environment, input="in", capture_output=True, text=True,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("end", ENDS)
def test_streams_arguments_folder_environment_and_code_are_those_of_a_python_of_its_own(end, programs):
    text = f"{TELLS}\n{ENDS[end]}\n"
    warm, own = programs(CLIENT, text), programs(sys.executable, text)
    assert (warm.returncode, warm.stdout) == (own.returncode, own.stdout)
    assert "beside" in own.stdout and "told in __main__" in own.stdout
    assert warm.stderr.splitlines()[:1] == own.stderr.splitlines()[:1] == ["noted"]
    assert warm.stderr.splitlines()[-1:] == own.stderr.splitlines()[-1:]


def test_a_module_is_run_by_its_name(programs):
    warm, own = (programs(python, TELLS, "-m", "program", "x") for python in (CLIENT, sys.executable))
    assert (warm.returncode, warm.stdout) == (own.returncode, own.stdout) and "beside" in own.stdout


def test_a_program_ends_when_who_asked_for_it_is_stopped(tmp_path, warm_python):
    (tmp_path / "waits.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [CLIENT, tmp_path / "waits.py"], env=os.environ | warm_python, stdout=subprocess.PIPE, text=True
    ) as asking:
        program = int(asking.stdout.readline())
        asking.send_signal(signal.SIGTERM)
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{program}"):  # noqa: PTH110
        assert time.monotonic() < end
        time.sleep(0.05)
