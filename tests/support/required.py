"""Programs of the system that some tests need: absent, a test is skipped, or fails where they have to be installed."""

import os
from typing import NoReturn

import pytest

REQUIRED = "MRSI_SR_PROGRAMS"  # set to 'required' where they are installed: then no test is skipped for one


def skip_or_fail(words: str) -> NoReturn:
    """Skip the test with words on the missing program, or fail it where none may be missing."""
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{words}, but {REQUIRED} is required")
    pytest.skip(words)
