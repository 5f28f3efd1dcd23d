"""One Slurm for all of its tests: started before the first, stopped after the last."""

import one_node
import pytest


@pytest.fixture(scope="session")
def slurm():
    if reason := one_node.why_not():
        pytest.skip(f"no Slurm of the tests' own: {reason}")
    controller = one_node.OneNodeSlurm(gpus=3)
    try:
        controller.start()
        yield controller
    finally:
        controller.stop()
