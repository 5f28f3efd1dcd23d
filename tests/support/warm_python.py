"""A Python that has everything imported already: programs run in processes forked from it, and start at once.

A test's program, or a job of a workflow, spends seconds on importing torch, pandas and Snakemake. Here one process per
session of tests imports them, and forks for each program a process that becomes it: its command line, folder,
environment, standard streams, sitecustomize and exit code are those that it would have. The package of this repository
is not imported beforehand: each program imports that of its own clone.

CLIENT is called as `python` would be, in the server's environment; jobs of a workflow find its folder first in PATH.
"""

import importlib
import importlib.util
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from threading import Thread

SOCKET = "WARM_PYTHON"  # variable of the environment: the server's socket
EXECUTABLE = "WARM_EXECUTABLE"  # variable of the environment: what programs take for Python, where it is another
CLIENT = Path(__file__).parent / "warm" / "python"
IMPORTED = (
    "torch._dynamo", "torch.testing", "pandas", "pyarrow.parquet", "nibabel", "nilearn.image", "scipy.stats",
    "scipy.ndimage", "scipy.sparse.linalg", "statsmodels.stats.multitest", "matplotlib.pyplot",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "safetensors.torch", "SimpleITK", "tqdm",
    "pydantic", "yaml", "markdown_it", "snakemake.cli",
)  # fmt: skip


# Variables that count when a process starts, and not in the forked ones: as the Snakefile has them for all jobs.
AT_START = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
AT_START |= {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}


class WarmPython:
    """The server, in a process of its own. environment: variables that CLIENT needs."""

    def __init__(self, folder: Path):
        address = str(folder / "warm")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen(64)
            environment = {"PYTHONPATH": str(Path(__file__).parent), "MPLBACKEND": "agg"} | AT_START
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"import warm_python; warm_python.serve({listening.fileno()})"],
                pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
                env=os.environ | environment,
            )  # fmt: skip
        self.environment = {SOCKET: address}

    def __enter__(self) -> "WarmPython":
        return self

    def __exit__(self, *_) -> None:
        """End the server; programs that still run go on."""
        self.process.kill()
        self.process.wait()


def serve(number: int) -> None:
    """Answer requests on a listening socket, with a process for each. number: its file descriptor."""
    for name in IMPORTED:
        importlib.import_module(name)
    listening = socket.socket(fileno=number)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    while True:
        connection, _ = listening.accept()
        if not os.fork():
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(connection)
        connection.close()


def _keep(connection: socket.socket) -> None:
    """Fork the program's process, wait for its end and tell the exit code, negative for a signal."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    program = os.fork()
    if not program:
        connection.close()
        for stream, number in zip(streams, range(3), strict=True):
            os.dup2(stream, number)
            os.close(stream)
        _become(**json.loads(message))
    Thread(target=_end_with_client, args=(connection, program), daemon=True).start()
    _, status = os.waitpid(program, 0)
    with suppress(OSError):  # nobody waits any more
        connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _end_with_client(connection: socket.socket, program: int) -> None:
    """Stop the program when who asked for it is gone: killed by a signal that the program was meant to get."""
    if not connection.recv(1):
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGTERM)


def _become(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Turn this process into that of a program: `python ARGUMENTS` in a folder with an environment."""
    code = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        given = [str(Path(part).resolve()) for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
        sys.path[:] = [*given, *(part for part in sys.path if part and part != str(Path(__file__).parent))]
        sys.executable = environment.get(EXECUTABLE, sys.executable)
        sys.orig_argv = [sys.executable, *arguments]
        sys.modules.pop("sitecustomize", None)
        if importlib.util.find_spec("sitecustomize"):
            importlib.import_module("sitecustomize")
        _run(arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    _end(code)


def _run(arguments: list[str]) -> None:
    first, *rest = arguments
    if first == "-m":
        sys.path.insert(0, str(Path.cwd()))
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(first).resolve().parent))
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


def _end(code: int) -> None:
    """End as an interpreter does: threads, what was asked for at exit, streams."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
