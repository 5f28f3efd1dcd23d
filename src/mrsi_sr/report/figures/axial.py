"""Axial slices in figures: orientation, the part around the brain that is shown, and outlines of lesions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from mrsi_sr.report.figures import style

MARGIN_VOXELS = 2  # around the brain
CONVENTIONS = {
    "R": "neurological convention: the patient's left is on the left",
    "L": "radiological convention: the patient's right is on the left",
}


def orientation(affine: np.ndarray) -> str:
    """Directions of a grid's axes i and j, such as 'RA' (right, anterior)."""
    from nibabel import aff2axcodes

    return "".join(aff2axcodes(affine)[:2])


def convention(affine: np.ndarray) -> str:
    """Words for which side of the patient is on the left of a figure."""
    return CONVENTIONS.get(orientation(affine)[0], "shown along the scan's own axes")


def left_side(affine: np.ndarray) -> str:
    """Side of the head that is on the left of an image, L or R; empty where the image's axis is another one."""
    return {"R": "L", "L": "R"}.get(orientation(affine)[0], "")


def name_side(axes: Axes, affine: np.ndarray) -> None:
    """Write the side of the head that is on the left of an image, L or R, into its corner."""
    if side := left_side(affine):
        write(axes, 0.02, 0.02, side, va="bottom")


def write(axes: Axes, x: float, y: float, text: str, **how) -> None:
    """Write words into an image, white with a dark edge: read on any grey. x, y: in parts of the image."""
    drawn = axes.text(x, y, text, color="white", transform=axes.transAxes, fontsize=6, **how)
    drawn.set_path_effects([Stroke(linewidth=1.2, foreground="black"), Normal()])


def window(inside: np.ndarray) -> tuple[slice, slice]:
    """Square of voxels around what is inside, bool [X, Y], at most the whole slice along the shorter axis."""
    voxels = np.argwhere(inside)
    low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
    side = min(int((high - low).max()) + 2 * MARGIN_VOXELS, *inside.shape)
    starts = np.clip((low + high - side) // 2, 0, np.array(inside.shape) - side)
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def shown(image: np.ndarray, part: tuple[slice, slice], affine: np.ndarray, factor: int = 1) -> np.ndarray:
    """Shown part of an image [x, y], anterior up. factor: image voxels along each edge of a map voxel."""
    x, y = (slice(each.start * factor, each.stop * factor) for each in part)
    image = image[x, y]
    return image[:, ::-1] if orientation(affine)[1] == "P" else image


def outline(axes: Axes, mask: np.ndarray, factor: int = 1) -> None:
    """Draw the outline of a mask [x, y] that `shown` has cut out, where it has a voxel."""
    if mask.any():
        x, y = ((np.arange(size) + 0.5) * factor - 0.5 for size in mask.shape)
        drawn = axes.contour(
            x, y, mask.T, levels=[0.5], colors=style.LESION_COLOUR, linewidths=0.7, linestyles=[(0, (2.5, 1.5))]
        )
        drawn.set_path_effects([Stroke(linewidth=1.5, foreground=style.LESION_EDGE_COLOUR), Normal()])
