"""Changed scans of a participant: lesions planted and erased in maps, k-space, T1 and FLAIR; MRI of somebody else.

A measurement is linear in the map. So the k-space of a changed scan is the measured one plus the k-space of the change,
whatever the measured one is made of: truncated maps, or a scan that was fitted anew.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import numpy as np
import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.probing.cases import Case
from mrsi_sr.probing.lesions import Plane, on_map, profile, soft
from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices
from mrsi_sr.settings.probe import ProbeSettings

MRI = ("t1", "flair")
ERASED_EDGE_MM = 5.0  # width of the transition around a lesion that is erased


def planted(
    slices: ParticipantSlices, cases: Sequence[Case], plane: Plane, settings: ProbeSettings, *, in_maps: bool,
    in_mri: bool,
) -> ParticipantSlices:  # fmt: skip
    """Slices with lesions, at most one in each slice: in all metabolites, in T1 and FLAIR, or in both."""
    maps, t1, flair = slices.maps.copy(), slices.t1.copy(), slices.flair.copy()
    for case in cases:
        fine = profile(plane, case.place, case.diameter_mm, settings.edge_mm)
        if in_maps:
            contrast = np.array([case.contrast(name, settings) for name in slices.metabolites], np.float32)
            maps[case.slice] *= 1 + (contrast[:, None, None] - 1) * on_map(fine)
        if in_mri:
            t1[case.slice] *= 1 + (settings.t1_factor - 1) * fine
            flair[case.slice] = np.minimum(flair[case.slice] * (1 + (settings.flair_factor - 1) * fine), 1)
    return replace(slices, maps=maps, t1=t1, flair=flair)


def erased(
    slices: ParticipantSlices, valid: np.ndarray, normal: np.ndarray, plane: Plane, *, in_mri: bool
) -> ParticipantSlices:
    """Slices in which the participant's own lesion has the values that lie opposite, where these are normal tissue.

    Elsewhere it has the median of the slice's normal tissue. Around it the change fades out within some millimetres.
    valid: bool [S, M, X, Y]. normal: bool [S, X, Y].
    """
    maps, mri = slices.maps.copy(), {name: getattr(slices, name).copy() for name in MRI}
    opposite = plane.opposite(normal)
    for s in np.flatnonzero(slices.lesion.any(axis=(1, 2))):
        part = soft(slices.lesion[s], plane, ERASED_EDGE_MM)
        for m in range(maps.shape[1]):
            filling = _filling(maps[s, m], opposite[s], normal[s], plane)
            maps[s, m] = np.where(valid[s, m], maps[s, m] + part * (filling - maps[s, m]), maps[s, m])
        if in_mri:
            fine = [each[s].repeat(MRI_FACTOR, 0).repeat(MRI_FACTOR, 1) for each in (slices.lesion, opposite, normal)]
            part = soft(fine[0], plane, ERASED_EDGE_MM, MRI_FACTOR)
            for image in mri.values():
                filling = np.stack([_filling(each, *fine[1:], plane, MRI_FACTOR) for each in image[s]])
                image[s] += part * (filling - image[s])
    return replace(slices, maps=maps, **mri)


def _filling(image: np.ndarray, opposite: np.ndarray, normal: np.ndarray, plane: Plane, factor: int = 1) -> np.ndarray:
    """What a lesion in an image [X, Y] is replaced by."""
    middle = np.median(image[normal]) if normal.any() else 0.0
    return np.where(opposite, plane.opposite(image, factor), middle).astype(image.dtype)


def with_mri_of(slices: ParticipantSlices, other: ParticipantSlices) -> ParticipantSlices:
    """Slices with T1 and FLAIR of another participant: those of its slice with the nearest number, within its own."""
    nearest = [int(np.abs(other.slices.astype(int) - int(k)).argmin()) for k in slices.slices]
    return replace(slices, **{name: getattr(other, name)[nearest] for name in MRI})


def measured(
    measurements: Measurements, slices: ParticipantSlices, changed: ParticipantSlices, truncation: Truncation
) -> Measurements:
    """Measurements of the changed scan: those of the scan, and at each size the k-space of what has changed."""
    change = torch.from_numpy(changed.maps - slices.maps)
    result = copy(measurements)
    result.kspace = {
        size: kspace + truncation.measure(change.flatten(0, 1)[:, None], size).view(kspace.shape).numpy()
        for size, kspace in measurements.kspace.items()
    }
    return result
