"""Layers of the two LPIPS networks, AlexNet and VGG16 up to their last feature map, and the names of their weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Convolution:
    """A convolution with square kernel, biased, and followed by a ReLU."""

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Backbone:
    """Layers of torchvision's `features` by their number: convolutions, and kernels of max poolings of stride 2.

    All other layers are ReLUs; LPIPS compares the outputs of those in `compared`.
    """

    convolutions: dict[int, Convolution]
    poolings: dict[int, int]
    compared: tuple[int, ...]

    @property
    def channels(self) -> list[int]:
        """Number of channels of each feature map that is compared."""
        return [self.convolutions[number - 1].outputs for number in self.compared]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor of weights, by the names of torchvision (backbone) and of LPIPS (linear layers)."""
        shapes = {}
        for number, layer in self.convolutions.items():
            shapes[f"features.{number}.weight"] = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
            shapes[f"features.{number}.bias"] = (layer.outputs,)
        return shapes | {linear_name(i): (1, channels, 1, 1) for i, channels in enumerate(self.channels)}


def linear_name(number: int) -> str:
    """Name of the weights of a linear layer of LPIPS."""
    return f"lin{number}.model.1.weight"


_VGG_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_VGG_CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)

BACKBONES = {  # by metric
    "lpips_vgg": Backbone(
        {number: Convolution(*_VGG_CHANNELS[i : i + 2]) for i, number in enumerate(_VGG_NUMBERS)},
        poolings={4: 2, 9: 2, 16: 2, 23: 2},
        compared=(3, 8, 15, 22, 29),
    ),
    "lpips_alex": Backbone(
        {
            0: Convolution(3, 64, kernel=11, stride=4, padding=2),
            3: Convolution(64, 192, kernel=5, padding=2),
            6: Convolution(192, 384),
            8: Convolution(384, 256),
            10: Convolution(256, 256),
        },
        poolings={2: 3, 5: 3},
        compared=(1, 4, 7, 9, 11),
    ),
}


def check_weights(weights: Mapping[str, np.ndarray], metric: str) -> None:
    """Raise ValueError unless these are the weights of a metric's network: float32, of the right shapes, finite."""
    for name, shape in BACKBONES[metric].shapes.items():
        array = weights.get(name)
        if array is None:
            raise ValueError(f"it has no weights of {metric}: {name} is missing")
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
            is_now = f"{array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"it has no weights of {metric}: {name} is {is_now}, expected {shape} of float32")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} of {metric} has values that are not finite")
