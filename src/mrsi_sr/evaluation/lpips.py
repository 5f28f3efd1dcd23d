"""LPIPS, the perceptual distance of Zhang et al. (2018), of metabolic maps."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mrsi_sr.evaluation.lpips_networks import BACKBONES, Backbone, check_weights, linear_name
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import reading

BATCH = 32
EPSILON = 1e-10  # beside the length of a voxel's features
# Mean and standard deviation of ImageNet's colours, for images from -1 to 1.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Lpips:
    """An LPIPS network with its weights; a callable that compares maps.

    The network and its linear layers are those of the lpips package, version 0.1, which the tests compare it with. Here
    the features of a true map are computed once for all its estimates.
    """

    def __init__(self, metric: str, path: str | Path):
        """metric: 'lpips_vgg' or 'lpips_alex'. path: file of its weights, which lpips_weights.py wrote.

        Raises UserError for any other file.
        """
        weights = _read(path, metric)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.backends.cudnn.allow_tf32 = False  # a distance is the same on a GPU as on a CPU, to float32
        self._compared = BACKBONES[metric].compared
        self._layers = _layers(BACKBONES[metric], weights).to(self.device)
        self._linear = [weights[linear_name(i)].to(self.device) for i in range(len(self._compared))]
        self._shift, self._scale = (torch.tensor(each, device=self.device)[:, None, None] for each in (SHIFT, SCALE))

    def __call__(self, estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """LPIPS of each pair of maps, [N, H, W] -> [N]; 0 for maps that are equal up to a factor.

        Each map is an image of three equal channels, scaled from 0 and its own maximum to -1 and 1.
        """
        estimate, truth = _images(estimate), _images(truth)
        number_of = {each.tobytes(): i for i, each in enumerate(truth)}  # equal true maps have one number, the last
        numbers = np.array([number_of[each.tobytes()] for each in truth])
        values = np.empty(len(truth))
        # Estimates of one true map lie side by side, so that few batches share one.
        for rows in np.array_split(np.argsort(numbers, kind="stable"), math.ceil(len(truth) / BATCH)):
            different, which = np.unique(numbers[rows], return_inverse=True)
            values[rows] = self._distance(estimate[rows], truth[different], which)
        return values

    @torch.inference_mode()
    def _distance(self, estimates: np.ndarray, truths: np.ndarray, which: np.ndarray) -> np.ndarray:
        """LPIPS of estimates [N, H, W] and the truths [M, H, W] that `which` [N] names, [N]."""
        total = torch.zeros(len(estimates), device=self.device)
        which = torch.from_numpy(which).to(self.device)
        for x, y, weights in zip(self._features(estimates), self._features(truths), self._linear, strict=True):
            difference = (x - y[which]) ** 2
            total += nn.functional.conv2d(difference, weights).mean(dim=(1, 2, 3))
        return total.cpu().numpy()

    def _features(self, images: np.ndarray) -> list[Tensor]:
        """Feature maps of images [N, H, W] that are compared, each voxel's features scaled to length 1."""
        x = (torch.from_numpy(images).to(self.device)[:, None] - self._shift) / self._scale  # [N, 3, H, W]
        found = []
        for number, layer in enumerate(self._layers):
            x = layer(x)
            if number in self._compared:
                found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + EPSILON))
        return found


def _images(maps: np.ndarray) -> np.ndarray:
    """Maps scaled from 0 and their own maximum to -1 and 1, float32."""
    maximum = maps.max(axis=(1, 2), keepdims=True)
    return (2 * maps / np.where(maximum > 0, maximum, 1) - 1).astype(np.float32)


def _layers(backbone: Backbone, weights: dict[str, Tensor]) -> nn.Sequential:
    """Layers up to the last that is compared, with their weights."""
    layers: list[nn.Module] = []
    for number in range(max(backbone.compared) + 1):
        if number in backbone.convolutions:
            shape = backbone.convolutions[number]
            layer = nn.Conv2d(shape.inputs, shape.outputs, shape.kernel, shape.stride, shape.padding)
            layer.load_state_dict({name: weights[f"features.{number}.{name}"] for name in ("weight", "bias")})
            layers.append(layer)
        elif number in backbone.poolings:
            layers.append(nn.MaxPool2d(backbone.poolings[number], stride=2))
        else:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def _read(path: str | Path, metric: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    with reading(path, f"LPIPS weights of {metric}", "run lpips_weights.py again", SafetensorError):
        check_whole(path)
        weights = load_file(path)
        check_weights(weights, metric)
        return {name: torch.from_numpy(array) for name, array in weights.items()}
