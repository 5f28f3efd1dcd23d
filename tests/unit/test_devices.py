"""Laws of what a device's choice sets for the whole process."""

import resource
import sys

import pytest
import torch

from mrsi_sr import devices


@pytest.mark.skipif(sys.platform != "linux", reason="memory is kept by glibc's allocator")
def test_memory_of_a_freed_tensor_is_used_again_by_the_next_one():
    devices.choose("cpu")

    def pages_fetched() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(64 << 20, dtype=torch.uint8)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages_fetched()
    pages = (64 << 20) // resource.getpagesize()
    assert max(pages_fetched() for _ in range(3)) < pages / 10
