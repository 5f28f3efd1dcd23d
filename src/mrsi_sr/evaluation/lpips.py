"""LPIPS, the perceptual distance of Zhang et al. (2018), with backbone weights from the configuration."""

import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.results.reading import reading
from mrsi_sr.settings.base import read_object
from mrsi_sr.settings.errors import check_known
from mrsi_sr.settings.experiment import LpipsWeights

BACKBONES = {"lpips_vgg": "vgg", "lpips_alex": "alex"}  # metric -> the lpips package's name
ARCHITECTURES = {"lpips_vgg": "vgg16", "lpips_alex": "alexnet"}  # metric -> torchvision's name
BATCH = 32


class Lpips:
    """An LPIPS network with its weights; a callable that compares maps."""

    def __init__(self, metric: str, weights: LpipsWeights):
        """metric: 'lpips_vgg' or 'lpips_alex'.

        Raises UserError where a file is missing, is a pickle of anything but tensors, or belongs to another network.
        """
        import torch

        lpips = import_lpips()
        backbone = _download(metric) if weights.backbone is None else _read_tensors(weights.backbone)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torchvision's, about deprecated arguments that lpips uses
            network = lpips.LPIPS(net=BACKBONES[metric], pnet_rand=True, verbose=False)
        # lpips cuts torchvision's `features` into slices and keeps the numbers: slice2.5.weight is features.5.weight.
        wanted = {name: f"features.{name.split('.', 1)[1]}" for name in network.net.state_dict()}
        _load(network.net, wanted, backbone, f"a torchvision {ARCHITECTURES[metric]}", weights.backbone)
        if weights.linear is not None:
            wanted = {f"{i}.model.1.weight": f"lin{i}.model.1.weight" for i in range(len(network.lins))}
            _load(network.lins, wanted, _read_tensors(weights.linear), "LPIPS linear layers", weights.linear)
        self.network = network.to(self.device)

    def __call__(self, estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """LPIPS of each pair of maps, [N, H, W] -> [N]; 0 for maps that are equal up to a factor."""
        import torch

        values = []
        with torch.inference_mode():
            for start in range(0, len(truth), BATCH):
                pair = [self._image(maps[start : start + BATCH]) for maps in (estimate, truth)]
                values.append(self.network(*pair).flatten().cpu().numpy())
        return np.concatenate(values).astype(np.float64)

    def _image(self, maps: np.ndarray):
        """Maps as images with three equal channels [N, 3, H, W], each scaled from 0 and its own maximum to -1 and 1."""
        import torch

        maximum = maps.max(axis=(1, 2), keepdims=True)
        scaled = 2 * maps / np.where(maximum > 0, maximum, 1) - 1
        return torch.from_numpy(scaled.astype(np.float32))[:, None].expand(-1, 3, -1, -1).to(self.device)


@cache
def import_lpips():
    """The lpips module, also with a torchvision that was built for another torch than the installed CPU-only one.

    Such a torchvision fails at import, since its compiled operators nms and qnms are missing. LPIPS needs only its
    model definitions: after the two operators' schemas are declared, a second import succeeds.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision

        torchvision.schemas = library  # the declarations live as long as this object
    import lpips

    return lpips


def weights_of(text: str, metrics: list[str]) -> dict[str, LpipsWeights]:
    """Weights of the LPIPS metrics among these, from the value of --lpips-weights: {metric: {backbone: path, ..}, ..}.

    Raises UserError for an unknown metric, and for weights that are not allowed, also of a metric that is not computed.
    """
    weights = {}
    for metric, given in read_object(text, "--lpips-weights").items():
        check_known(metric, BACKBONES, "the LPIPS weights' metric")
        weights[metric] = LpipsWeights.checked(given, f"the LPIPS weights of {metric}")
    return {metric: each for metric, each in weights.items() if metric in metrics}


def weights_files(weights: dict[str, LpipsWeights]) -> list[str]:
    """Weights files of LPIPS metrics, on which the scores depend as on samples and ground truth."""
    return [path for each in weights.values() for path in (each.backbone, each.linear) if path is not None]


def _read_tensors(path: str) -> dict:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    to_do = "expected a state dict saved by torch.save or safetensors; pickles of other objects are not loaded"
    if not Path(path).exists():
        raise UserError(f"no LPIPS weights file {path}\n  give an existing file, or leave the LPIPS metric out")
    with reading(path, "a file of tensors", to_do, SafetensorError):
        state = load_file(path) if path.endswith(".safetensors") else torch.load(path, "cpu", weights_only=True)
        if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise ValueError(f"it contains a {type(state).__name__} of other things, expected tensors by name")
    return state


def _download(metric: str) -> dict:
    import torch
    from torchvision import models

    url = models.get_model_weights(ARCHITECTURES[metric]).IMAGENET1K_V1.url
    try:
        return torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except OSError as error:
        raise UserError(
            f"the weights of {metric} cannot be downloaded from {url}: {error}\n"
            "  download them on a machine with internet access, and give the file as the metric's backbone"
        ) from error


def _load(module, wanted: dict[str, str], state: dict, what: str, path: str | None) -> None:
    """Copy state[wanted[name]] to each parameter of a module; further entries of the state dict are ignored."""
    missing = [source for source in wanted.values() if source not in state]
    if missing:
        raise UserError(f"{path} has no weights of {what}: it lacks {', '.join(missing[:3])}")
    own = module.state_dict()
    for name, source in wanted.items():
        if own[name].shape != state[source].shape:
            raise UserError(
                f"{path} has no weights of {what}: {source} is {tuple(state[source].shape)}, "
                f"expected {tuple(own[name].shape)}"
            )
    module.load_state_dict({name: state[source] for name, source in wanted.items()})
