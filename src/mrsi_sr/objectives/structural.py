"""The structural loss of maps: 1 - MS-SSIM."""

from pytorch_msssim import ms_ssim
from torch import Tensor
from torch.nn.functional import interpolate

MS_SSIM_SIZE = 192  # the smallest coarsest level of MS-SSIM needs more than 160 pixels; the papers use the MRI's grid


def structural_loss(image: Tensor, target: Tensor) -> Tensor:
    """1 - MS-SSIM of maps [B, 1, H, W] with range 1, both resampled to 192x192 (bicubic), mean over the batch."""
    finer = [interpolate(x, size=(MS_SSIM_SIZE, MS_SSIM_SIZE), mode="bicubic") for x in (image, target)]
    return 1 - ms_ssim(*finer, data_range=1.0)
