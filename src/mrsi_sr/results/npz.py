"""Reading of NPZ files: named arrays of known type and dimensions, and nothing that a damaged header promises."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import check_memory, reading

# Types of NumPy's arrays, by the letter of their kind.
KINDS = {
    "f": "real numbers",
    "c": "complex numbers",
    "i": "whole numbers",
    "u": "whole numbers",
    "b": "booleans",
    "U": "text",
}
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what np.savez and np.savez_compressed write
LARGEST_RATIO = 1032  # of deflate: no more bytes come out of one that went in


def read_npz(
    path: str | Path, arrays: Mapping[str, str], what: str, to_do: str, whole: bool = True
) -> dict[str, np.ndarray]:
    """Some arrays of an NPZ file.

    arrays: kinds (letters of KINDS) and number of axes by name, such as {"maps": "f4", "participant": "U0"}.
    what, to_do: description of the file and advice, for errors. whole: whether the file is compared with its record
    (outputs.check_whole). Sizes are compared with the file's before memory is taken, and CRCs are checked.
    Raises UserError for a file that is no such file, or is not what its script wrote.
    """
    path = Path(path)
    with reading(path, what, to_do):
        if whole:
            check_whole(path)
        with zipfile.ZipFile(path) as archive:
            found = {name: _member(archive, name, kind[:-1], int(kind[-1])) for name, kind in arrays.items()}
            check_memory(sum(info.file_size for info in found.values()))
            return {name: _array(archive, info) for name, info in found.items()}


def _member(archive: zipfile.ZipFile, name: str, kinds: str, axes: int) -> zipfile.ZipInfo:
    """The entry of an array. Raises ValueError unless there is one, of these kinds and as large as its header says."""
    entries = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
    if len(entries) != 1:
        raise ValueError(f"it has {len(entries) or 'no'} arrays {name}, expected one")
    info = entries[0]
    if info.compress_type not in COMPRESSIONS or info.file_size > LARGEST_RATIO * info.compress_size + 1024:
        raise ValueError(f"the size of {name} cannot be true")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](member)
        if dtype.kind not in kinds or len(shape) != axes:
            raise ValueError(f"{name} has {len(shape)} axes of type {dtype}, expected {axes} of {KINDS[kinds[0]]}")
        size_bytes = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or member.tell() + size_bytes != info.file_size:
            raise ValueError(f"{name} is said to be {shape}, which is not its size in the file")
    return info


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
