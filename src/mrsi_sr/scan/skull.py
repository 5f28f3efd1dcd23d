"""Skull in an image that should be stripped of it: bright scalp around dark bone, seen along rays from the middle.

A brain without its skull ends in air: going inwards from there the image is tissue all the way. Around it a head has
scalp (bright in T1 and FLAIR), then bone, which is nearly as dark as air, then the brain. Air itself says nothing: it
may be exactly zero in a head as well.
"""

import numpy as np

from mrsi_sr.scan import thresholds
from mrsi_sr.scan.grid import voxel_mm
from mrsi_sr.scan.volumes import axial_order

RAYS, SLICES = 72, 12  # rays of a slice, and slices of an image, that are looked at
STEP_MM = 0.5  # between samples of a ray
DARK = 0.3  # of the median of tissue: bone and air lie below, most of fluid above
SCALP_MM, BONE_MM = 2.0, 2.0  # smallest thickness of either along a ray
DEPTH_MM = 30.0  # from the outermost tissue, within which both are looked for
SKULL_ON, PERHAPS = 0.5, 0.25  # part of the rays that cross scalp and bone: in a head; in a head or an atrophied brain
WIDER = 1.25  # area of an image's tissue over that of the fitted voxels, above which PERHAPS becomes a skull


def rays_with_skull(image: np.ndarray, affine: np.ndarray, z_mm: tuple[float, float]) -> float | None:
    """Part of the rays that cross scalp and bone; None where the image has no tissue between two heights.

    image: float [X, Y, Z], air around zero; affine [4, 4], voxel to mm; z_mm: lowest and highest slice looked at.
    """
    order = axial_order(affine)
    image, affine = image.transpose(order), affine[:, [*order, 3]]
    height = affine[2, 2] * np.arange(image.shape[2]) + affine[2, :2] @ (np.array(image.shape[:2]) / 2) + affine[2, 3]
    inside = np.flatnonzero((height >= min(z_mm)) & (height <= max(z_mm)))
    chosen = inside[np.unique(np.linspace(0, len(inside) - 1, SLICES).round().astype(int))] if len(inside) else []
    slices = [image[:, :, k] for k in chosen]
    air = thresholds.of_brain(image)[0]
    tissue = np.concatenate([values[values > air] for values in slices] or [np.array([])])
    if not tissue.size:
        return None
    dark = max(air, DARK * float(np.median(tissue)))
    edges = voxel_mm(affine)[:2]
    found = np.concatenate([_crossings(values > dark, edges) for values in slices])
    return float(found.mean()) if found.size else None


def has_skull(rays: float | None, wider: float) -> bool:
    """Whether an image shows a skull.

    rays: of `rays_with_skull`. wider: area of its tissue over that of the fitted voxels.
    """
    return rays is not None and (rays >= SKULL_ON or (rays >= PERHAPS and wider > WIDER))


def _crossings(tissue: np.ndarray, edges_mm: np.ndarray) -> np.ndarray:
    """Which rays of a slice cross scalp and bone, bool [R]; none where there is no tissue. tissue: bool [X, Y]."""
    if not tissue.any():
        return np.zeros(0, bool)
    centre = np.argwhere(tissue).mean(axis=0)
    reach = np.arange(0, np.hypot(*(tissue.shape * edges_mm)), STEP_MM)
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1) / edges_mm
    places = np.rint(centre + reach[:, None, None] * directions).astype(int)  # [steps, rays, 2]
    within = ((places >= 0) & (places < tissue.shape)).all(axis=2)
    x, y = np.where(within[..., None], places, 0).transpose(2, 0, 1)
    return np.array([_crosses(ray) for ray in (tissue[x, y] & within).T])


def _crosses(ray: np.ndarray) -> bool:
    """Whether a ray, from the middle outwards, ends with tissue, bone and scalp. ray: bool, tissue or not."""
    if not ray.any():
        return False
    inwards = ray[: np.flatnonzero(ray)[-1] + 1][::-1][: round(DEPTH_MM / STEP_MM)]
    changes = np.flatnonzero(np.diff(inwards)) + 1
    lengths = np.diff([0, *changes, inwards.size]) * STEP_MM  # scalp, dark, tissue, dark, ..
    scalp = np.cumsum(lengths)[0::2]
    bones = lengths[1::2][: (len(lengths) - 1) // 2]  # dark with tissue below it
    return bool(any(bone >= BONE_MM and depth >= SCALP_MM for bone, depth in zip(bones, scalp, strict=False)))
