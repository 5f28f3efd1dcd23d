"""Layers that MUNet and its variants share: convolutions of thin slabs, done in two dimensions.

A slab has S slices and is stored as [B, C * S, H, W], the slices of a channel side by side (c * S + s). Then a 3-D
convolution whose kernel is 3 slices deep is a 2-D one with a banded kernel, instance norm over a slab is group norm
with one group per channel, and S = 1 is the plane itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, pad, prelu

from mrsi_sr.networks.modulators import AMLayer, Conditioning, FilterScaling, Hypernetwork, Sharpness, convolve_each
from mrsi_sr.networks.normalisation import group_norm
from mrsi_sr.scan.slices import MRI_FACTOR


@dataclass(frozen=True)
class Modulation:
    """Modulation of the units of a MUNet.

    kind: none, filter_scaling, am_layer or hypernetwork. metabolites: number of those that filter scaling is
    conditioned on, None for none. sharpness: whether the adversarial weight acts.
    """

    kind: str = "none"
    metabolites: int | None = None
    sharpness: bool = False


UNMODULATED = Modulation()


class SlabConvolution(nn.Module):
    """Convolution to a slab of `slices` slices, same size in plane; zeros beyond every edge, also of the slab.

    slices 1: kernel 3x3x1. slices 3: kernel 3x3x3, weight [o, i, 3 (slice), 3, 3]. `from_plane` takes one plane that
    stands for three equal slices, which is what trilinear upsampling makes of a plane, and reads it only once.
    """

    def __init__(self, inputs: int, outputs: int, slices: int = 1, *, bias: bool = False, from_plane: bool = False):
        super().__init__()
        shape = (3, 3) if slices == 1 else (MRI_FACTOR, 3, 3)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *shape))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.slices, self.from_plane = slices, from_plane
        nn.init.kaiming_normal_(self.weight, a=PReLU.START)

    def forward(self, x: Tensor) -> Tensor:
        """[B, i * S, H, W] (from_plane: [B, i, H, W]) -> [B, o * S, H, W]."""
        bias = None if self.bias is None else self.bias.repeat_interleave(self.slices)
        kernel = self.plane_kernel(self.weight)
        if x.device.type == "cpu" and kernel.shape[0] % 16 and kernel.shape[1] % 8 == 0:
            # oneDNN pads channels to a multiple of 16, those of a group to one of 8: 24 of 8 x 3 take half the time.
            return convolve_each(x, kernel.expand(len(x), *kernel.shape), bias)
        return conv2d(x, kernel, bias, padding=1)

    def plane_kernel(self, weight: Tensor) -> Tensor:
        """The kernel that acts on the stored layout: [o, i, 3, 3] as it is, [o, i, 3, 3, 3] -> [o * S, i * S, 3, 3].

        Output slice s reads input slice t through plane t - s + 1 of the kernel, if that exists.
        """
        if self.slices == 1:
            return weight
        beyond = pad(weight, (0, 0, 0, 0, 1, 1))  # a plane of zeros on either side: t - s = -2 and 2
        rows = torch.stack([beyond[:, :, 2 - s : 5 - s] for s in range(MRI_FACTOR)], dim=1)  # [o, s, i, t, 3, 3]
        return rows.sum(3).flatten(0, 1) if self.from_plane else rows.flatten(2, 3).flatten(0, 1)


class PReLU(nn.Module):
    """Leaky rectifier with one learned slope per channel (He et al. 2015), of slabs."""

    START = 0.25

    def __init__(self, channels: int, slices: int = 1):
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels,), self.START))
        self.slices = slices

    def forward(self, x: Tensor) -> Tensor:
        """[B, C * S, H, W] -> the same."""
        slope = self.slope.repeat_interleave(self.slices).to(x.dtype)
        return prelu(x, slope) if x.is_cuda else VectorisedPReLU.apply(x, slope)


class VectorisedPReLU(torch.autograd.Function):
    """prelu with gradients in vectorised operations; torch's own are scalar on a CPU, and take three times as long."""

    @staticmethod
    def forward(ctx, x: Tensor, slope: Tensor) -> Tensor:
        """x [B, C, H, W], slope [C] -> [B, C, H, W]."""
        ctx.save_for_backward(x, slope)
        return prelu(x, slope)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of x and of the slope."""
        x, slope = ctx.saved_tensors
        where_positive = torch.ops.aten.threshold_backward(gradient, x, 0)
        elsewhere = gradient - where_positive
        of_slope = torch.linalg.vecdot(elsewhere.flatten(2), x.flatten(2)).sum(0)
        return where_positive.addcmul_(elsewhere, slope[:, None, None]), of_slope


class Unit(nn.Module):
    """Convolution without bias, instance norm without parameters, PReLU; modulators act here."""

    def __init__(self, inputs: int, outputs: int, slices: int = 1, modulation: Modulation = UNMODULATED):
        super().__init__()
        self.convolution = SlabConvolution(inputs, outputs, slices)
        self.activation = PReLU(outputs, slices)
        self.channels, self.slices = outputs, slices
        self.factors = self.predicted = None
        if modulation.kind == "filter_scaling":
            self.factors = FilterScaling(inputs, outputs, modulation.metabolites)
        if modulation.kind == "hypernetwork":
            self.predicted = Hypernetwork(tuple(self.convolution.weight.shape))
            self.convolution.weight = None
        affine = [AMLayer(outputs)] if modulation.kind == "am_layer" else []
        self.affine = nn.ModuleList(affine + ([Sharpness(outputs)] if modulation.sharpness else []))

    def forward(self, x: Tensor, conditioning: Conditioning | None = None) -> Tensor:
        """[B, i * S, H, W] -> [B, o * S, H, W]; conditioning: for the modulators, None without any."""
        features = self.convolved(x, conditioning)
        scale = shift = None
        for modulator in self.affine:
            factor, addend = modulator(features.unflatten(1, (self.channels, self.slices)), conditioning)
            scale = factor if scale is None else factor * scale
            shift = addend if shift is None else factor * shift + addend
        return self.activation(self.normalised(features, scale, shift))

    def normalised(self, x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
        """Instance norm of slabs [B, C * S, H, W], scaled and shifted by [B, C] of each map, or by nothing (None).

        The maps are taken for further channels of one: then the norm itself scales each map in its own way.
        """
        if scale is None:
            return group_norm(x, self.channels)
        batch, _, height, width = x.shape
        affine = (each.flatten().repeat_interleave(self.slices) for each in (scale, shift))
        return group_norm(x.reshape(1, -1, height, width), batch * self.channels, *affine).reshape(x.shape)

    def convolved(self, x: Tensor, conditioning: Conditioning | None) -> Tensor:
        """The convolution, with each map's own weights."""
        if self.factors is not None:
            weight = self.convolution.weight
            factors = self.factors(conditioning)
            weights = weight * factors.reshape(*factors.shape, *[1] * (weight.ndim - 2))
        elif self.predicted is not None:
            weights = self.predicted(conditioning)
        else:
            return self.convolution(x)
        kernels = self.convolution.plane_kernel(weights.flatten(0, 1))
        return convolve_each(x, kernels.unflatten(0, (len(x), -1)))


class Block(nn.ModuleList):
    """Two units: [B, i * S, H, W] -> [B, o * S, H, W]."""

    def __init__(self, inputs: int, outputs: int, slices: int = 1, modulation: Modulation = UNMODULATED):
        super().__init__([Unit(inputs, outputs, slices, modulation), Unit(outputs, outputs, slices, modulation)])

    def forward(self, x: Tensor, conditioning: Conditioning | None = None) -> Tensor:
        """See Unit."""
        for unit in self:
            x = unit(x, conditioning)
        return x
