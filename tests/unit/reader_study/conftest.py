"""A small reader study, shared by the tests of its page, its ratings and their analysis."""

import pytest
import reader_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Folder of a study: page, key, text; four slices of two participants with two metabolites each."""
    return reader_study.write(tmp_path_factory.mktemp("study"))
