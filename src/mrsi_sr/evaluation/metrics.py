"""Metrics of an estimated map against the ground truth: NRMSE, PSNR, SSIM and intensity bias, one value per map."""

from dataclasses import dataclass

import numpy as np

SSIM_WINDOW = 7  # voxels, scikit-image's default
SSIM_K1, SSIM_K2 = 0.01, 0.03  # Wang et al. 2004, and scikit-image's defaults


@dataclass(frozen=True)
class Metric:
    """Presentation of a metric in tables. Better are higher values, lower ones, or those nearer to a target."""

    label: str
    decimals: int  # as printed in the papers
    lower_is_better: bool = False
    target: float | None = None
    has_unit: bool = False  # whether its values are in the unit of the maps

    @property
    def arrow(self) -> str:
        """Arrow in the direction of better values."""
        return f"→{self.target:g}" if self.target is not None else "↓" if self.lower_is_better else "↑"

    def badness(self, value: float) -> float:
        """How bad a value is; the lower the better."""
        return abs(value - self.target) if self.target is not None else value if self.lower_is_better else -value


METRICS = {
    "nrmse": Metric("NRMSE", 3, lower_is_better=True),
    "psnr": Metric("PSNR", 1),
    "ssim": Metric("SSIM", 3),
    "lpips_vgg": Metric("LPIPS (VGG)", 4, lower_is_better=True),
    "lpips_alex": Metric("LPIPS (AlexNet)", 4, lower_is_better=True),
    "slope": Metric("Slope", 3, target=1.0),
    "offset": Metric("Offset", 3, target=0.0, has_unit=True),
}
# The intensity bias is scored of every method. It has one region in both protocols, the valid voxels: elsewhere the
# truth is zero by definition, and zeros that are met would draw the offset to zero.
BIAS = ("slope", "offset")
BIAS_REGION = "mask"


def in_region(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray, region: str) -> tuple[np.ndarray, ...]:
    """Estimate, ground truth and counted voxels of a region, all [N, H, W], in double precision.

    The truth is set to zero where it is invalid. In 'frame' every voxel counts and the estimate is unchanged; in 'mask'
    the valid voxels count, and the estimate is set to zero elsewhere, so that it cannot influence any window of SSIM.
    """
    truth = np.where(valid, truth, 0).astype(np.float64)
    if region == "frame":
        return estimate.astype(np.float64), truth, np.ones(truth.shape, bool)
    return np.where(valid, estimate, 0).astype(np.float64), truth, valid.astype(bool)


def data_range(truth: np.ndarray) -> np.ndarray:
    """Range max - min of each true map in its frame, [N, H, W] -> [N]; used by PSNR and SSIM in both regions."""
    return truth.max(axis=(1, 2)) - truth.min(axis=(1, 2))


def nrmse(estimate: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """NRMSE, ||x - y|| / ||y|| over the counted voxels, [N, H, W] -> [N]; scikit-image's 'euclidean' normalisation."""
    error = np.sum((estimate - truth) ** 2, axis=(1, 2), where=counted)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(error / np.sum(truth**2, axis=(1, 2), where=counted))


def psnr(estimate: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """PSNR, 10 log10(range^2 / mean squared error) in dB over the counted voxels, [N, H, W] -> [N].

    Infinite where the estimate equals the truth.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_squared_error = _mean((estimate - truth) ** 2, counted)
        return 10 * np.log10(data_range(truth) ** 2 / mean_squared_error)


def ssim(estimate: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """SSIM, structural similarity (Wang et al. 2004) with scikit-image's defaults, [N, H, W] -> [N].

    For the whole frame, the mean of the SSIM map without its border of three voxels, as in scikit-image; else the mean
    over the counted voxels.
    """
    similarity = ssim_map(estimate, truth)
    if counted.all():
        border = SSIM_WINDOW // 2
        return similarity[:, border:-border, border:-border].mean(axis=(1, 2))
    return _mean(similarity, counted)


def _mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean over the counted voxels, [N, H, W] -> [N]; NaN where there are none."""
    with np.errstate(invalid="ignore"):
        return np.sum(values, axis=(1, 2), where=counted) / np.sum(counted, axis=(1, 2))


def ssim_map(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """SSIM of the 7x7 window around each voxel, [N, H, W]; sample covariance, uniform weights, reflected border."""
    from scipy.ndimage import uniform_filter

    def mean(x):
        return uniform_filter(x, size=(1, SSIM_WINDOW, SSIM_WINDOW))

    x, y = estimate, truth
    voxels = SSIM_WINDOW**2
    sample = voxels / (voxels - 1)  # sample covariance
    mean_x, mean_y = mean(x), mean(y)
    variance_x = sample * (mean(x * x) - mean_x**2)
    variance_y = sample * (mean(y * y) - mean_y**2)
    covariance = sample * (mean(x * y) - mean_x * mean_y)
    c1, c2 = ((k * data_range(y)[:, None, None]) ** 2 for k in (SSIM_K1, SSIM_K2))
    with np.errstate(divide="ignore", invalid="ignore"):
        luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        return luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)


FUNCTIONS = {"nrmse": nrmse, "psnr": psnr, "ssim": ssim}


def score(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray, region: str) -> dict[str, np.ndarray]:
    """NRMSE, PSNR and SSIM of each map in one region ('frame' or 'mask'): name -> [N].

    estimate, truth: [N, H, W] in one unit; valid: bool [N, H, W]. NRMSE and PSNR of a true map of zeros are not finite.
    """
    maps = in_region(estimate, truth, valid, region)
    return {name: function(*maps) for name, function in FUNCTIONS.items()}


def intensity_bias(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
    """Slope and offset of estimate against truth over the valid voxels of each map: name -> [N].

    Ordinary least squares, estimate = slope truth + offset; a faithful map has 1 and 0. The offset is in the unit of
    the maps. estimate, truth: [N, H, W] in one unit; valid: bool [N, H, W]. Not finite where the truth is constant.
    """
    x, y, counted = in_region(estimate, truth, valid, BIAS_REGION)
    mean_x, mean_y = _mean(x, counted), _mean(y, counted)
    deviation = y - mean_y[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = _mean(deviation * x, counted) / _mean(deviation**2, counted)
        return {"slope": slope, "offset": mean_x - slope * mean_y}
