"""The two protocols of the papers, kinds of low resolution, and what goes with them."""

from typing import Literal

Protocol = Literal["clean", "paper"]
LowResolution = Literal["masked", "filled", "refitted"]
Region = Literal["mask", "frame"]
TestUnit = Literal["participant", "map"]

# Voxels that metrics are computed on, by protocol; the first is the one that tables show.
REGIONS: dict[str, tuple[str, ...]] = {"paper": ("frame",), "clean": ("mask", "frame")}
TEST_UNITS: dict[str, TestUnit] = {"paper": "map", "clean": "participant"}  # of the protocol's tests
SIZES = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32]  # low-resolution matrix sizes of FTDDM, section 3.1
