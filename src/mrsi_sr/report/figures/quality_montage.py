"""Montage of a quality mask: S/N, FWHM and every metabolite over slices, rejected voxels coloured by reason."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mrsi_sr.report.figures import style
from mrsi_sr.scan.quality import BIT
from mrsi_sr.scan.volumes import Status, Volumes
from mrsi_sr.settings.cohort import QualitySettings

COLUMNS = 9  # number of slices shown, spread evenly over those with fitted voxels
INCH_PER_IMAGE, BAR_INCH, LABEL_INCH, GAP_INCH = 0.78, 0.09, 0.95, 0.62
TOP_INCH, BOTTOM_INCH = 0.5, 0.72
WINDOW_PERCENTILE = 99  # percentile of the values of a row that has the brightest colour
# A voxel with several reasons has the colour of the first in this order. Voxels outside the brain stay dark.
ORDER = ("outside_brain", "not_fitted", "missing_value", "near_skull", "outlier", "low_snr", "broad_line", "high_sd")
REASON_COLOURS = {
    "outside_brain": style.INVALID_COLOUR,
    "not_fitted": "#9a9a9a",
    "missing_value": "#e8e8e8",
    "near_skull": "#b3541e",
    "outlier": "#ff1f5b",
    "low_snr": "#ff9d3b",
    "broad_line": "#f7a8d8",
    "high_sd": "#7a1f5c",
}
REASON_LABELS = {
    "outside_brain": "outside the brain",
    "not_fitted": "not fitted",
    "missing_value": "missing value",
    "near_skull": "nearer to the skull than {skull_margin_mm:g} mm",
    "outlier": "above {outlier_multiple:g} x median",
    "low_snr": "S/N < {min_snr:g}",
    "broad_line": "FWHM > {max_fwhm_ppm:g} ppm",
    "high_sd": "%SD > {max_sd_percent:g}",
}


def montage(
    participant: str, volumes: Volumes, reasons: dict[str, np.ndarray], brain: np.ndarray | None,
    settings: QualitySettings, unit: str,
) -> Figure:  # fmt: skip
    """Montage of a quality mask; reasons: metabolite -> bit flags [X, Y, Z], brain: bool [X, Y, Z] or None."""
    style.apply()
    region = brain if brain is not None else np.ones(volumes.shape, bool)
    # Percentages of the brain refer to the slices that were scanned.
    region = region & (volumes.status != Status.MISSING).any(axis=(0, 1))
    slices = shown_slices(region)
    rows = [("S/N", volumes.snr, None, None), ("FWHM", volumes.fwhm, None, "ppm")]
    rows += [(name, volumes.concentration[name], flags, unit) for name, flags in reasons.items()]
    width = LABEL_INCH + len(slices) * INCH_PER_IMAGE + GAP_INCH
    figure = Figure(figsize=(width, TOP_INCH + len(rows) * INCH_PER_IMAGE + BOTTOM_INCH))
    for position, row in enumerate(rows):
        _draw_row(figure, position, row, slices, region)
    figure.suptitle(f"{participant}: quality mask of {len(reasons)} metabolites", y=1 - 0.16 / figure.get_figheight())
    _legend(figure, reasons, settings, brain is not None)
    return figure


def shown_slices(region: np.ndarray) -> np.ndarray:
    """Up to COLUMNS slices, spread evenly over those with a voxel of the region [X, Y, Z]; over all if it is empty."""
    filled = np.flatnonzero(region.any(axis=(0, 1)))
    filled = filled if filled.size else np.arange(region.shape[2])
    positions = np.linspace(0, len(filled) - 1, min(COLUMNS, len(filled)))
    return filled[np.round(positions).astype(int)]


def reason_image(flags: np.ndarray) -> np.ma.MaskedArray:
    """First reason of each voxel as its position in ORDER, masked where the voxel is valid."""
    image = np.full(flags.shape, -1)
    for position, rule in reversed(list(enumerate(ORDER))):
        image[(flags & BIT[rule]) > 0] = position
    return np.ma.masked_less(image, 0)


def _draw_row(figure: Figure, position: int, row, slices: np.ndarray, region: np.ndarray) -> None:
    name, values, flags, unit = row
    width, height = figure.get_size_inches()
    bottom = 1 - (TOP_INCH + (position + 1) * INCH_PER_IMAGE) / height
    size = 0.97 * INCH_PER_IMAGE
    keep = (flags == 0) if flags is not None else region & np.isfinite(values)
    high = np.percentile(values[keep], WINDOW_PERCENTILE) if keep.any() else 1.0
    for column, k in enumerate(slices):
        left = (LABEL_INCH + column * INCH_PER_IMAGE) / width
        axes = figure.add_axes([left, bottom, size / width, size / height])
        drawn = style.show(axes, np.ma.array(values, mask=~keep)[:, :, k], style.METABOLITE_COLOUR_MAP, 0, high or 1.0)
        if flags is not None:
            colours = ListedColormap([REASON_COLOURS[rule] for rule in ORDER])
            axes.imshow(reason_image(flags[:, :, k]).T, cmap=colours, vmin=-0.5, vmax=len(ORDER) - 0.5, origin="lower")
        if position == 0:
            axes.set_title(f"slice {k}", pad=2)
    label = name if flags is None else f"{name}\n{_valid_percent(keep, region)}"
    figure.text((LABEL_INCH - 0.08) / width, bottom + size / height / 2, label, ha="right", va="center")
    left = (LABEL_INCH + len(slices) * INCH_PER_IMAGE + 0.05) / width
    bar = figure.add_axes([left, bottom + 0.1 * size / height, BAR_INCH / width, 0.8 * size / height])
    style.colour_bar(figure, drawn, bar, unit or "")


def _valid_percent(valid: np.ndarray, region: np.ndarray) -> str:
    percent = 100 * np.count_nonzero(valid & region) / max(1, np.count_nonzero(region))
    return f"{np.count_nonzero(valid):,} valid\n{percent:.0f} % of brain"


def _legend(figure: Figure, reasons: dict[str, np.ndarray], settings: QualitySettings, has_brain: bool) -> None:
    """Legend with one patch per occurring reason, and the range over metabolites of its number of voxels."""
    handles = []
    for rule in ORDER:
        counts = [int(np.count_nonzero(flags & BIT[rule])) for flags in reasons.values()]
        if max(counts):
            span = f"{counts[0]:,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
            label = REASON_LABELS[rule].format(**vars(settings))
            handles.append(
                Patch(facecolor=REASON_COLOURS[rule], edgecolor="#555555", linewidth=0.4, label=f"{label}: {span}")
            )
    where = "Voxels of the whole scan by reason; a voxel with several has the colour of the first listed."
    where += "" if has_brain else " No brain mask was used."
    figure.legend(
        handles=handles, loc="lower center", ncols=4, title=where, title_fontsize=6, handlelength=1.2,
        bbox_to_anchor=(0.5, 0.02 / figure.get_figheight()), columnspacing=1.2,
    )  # fmt: skip
