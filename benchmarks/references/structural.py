"""Reference of the reconstruction loss: L1 and MS-SSIM on maps resampled to 192x192, by pytorch-msssim."""

from pytorch_msssim import ms_ssim
from torch import Tensor
from torch.nn.functional import interpolate


def reconstruction_loss(image: Tensor, target: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) L1 + alpha (1 - MS-SSIM) of maps [B, 1, H, W] with range 1."""
    finer = (interpolate(x, size=(192, 192), mode="bicubic") for x in (image, target))
    return (1 - alpha) * (image - target).abs().mean() + alpha * (1 - ms_ssim(*finer, data_range=1.0))
