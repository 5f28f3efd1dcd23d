"""Characteristics of scans in a few numbers: of those that networks were trained on, and of a new one to compare."""

from collections.abc import Mapping, Sequence

import numpy as np

from mrsi_sr.scan import grid
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.volumes import Volumes

REFERENCE = "tCr"  # metabolite that concentrations are divided by, where there is one of that name
PERCENTILES = (5, 25, 50, 75, 95)
DIGITS = 4  # significant digits that are kept


def characteristics(volumes: Volumes, valid: Mapping[str, np.ndarray], brain: np.ndarray) -> dict:
    """Characteristics of one scan, each a number, or None where no voxel has a value.

    valid: quality mask by metabolite, bool [X, Y, Z]. brain: bool [X, Y, Z]; of an empty one nothing is rejected.
    | key | by metabolite | is |
    |---|---|---|
    | level | yes | median concentration of the valid voxels, in the volumes' unit |
    | ratio | yes | median ratio to the reference (tCr, or the first metabolite) where both are valid |
    | sd_percent | yes | median %SD of the valid voxels |
    | rejected | yes | fraction of the brain's voxels that are not valid |
    | snr, fwhm_ppm | no | median S/N and line width of the voxels that are valid for any metabolite |
    | voxel_mm | no | edges of a voxel, three numbers |
    """
    reference = reference_of(list(valid))
    whole = np.logical_or.reduce(list(valid.values()))
    values = volumes.concentration
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {name: values[name] / values[reference] for name in valid}
    return {
        "level": {name: _median(values[name], mask) for name, mask in valid.items()},
        "ratio": {name: _median(ratios[name], mask & valid[reference]) for name, mask in valid.items()},
        "sd_percent": {name: _median(volumes.sd[name], mask) for name, mask in valid.items()},
        "rejected": {name: _rounded(1 - mask[brain].mean()) if brain.any() else 0.0 for name, mask in valid.items()},
        "snr": _median(volumes.snr, whole),
        "fwhm_ppm": _median(volumes.fwhm, whole),
        "voxel_mm": [_rounded(edge) for edge in grid.voxel_mm(volumes.affine)],
    }


def characteristics_of_slices(volumes: Volumes, slices: ParticipantSlices) -> dict:
    """Characteristics of the slices of a participant that networks are trained on. volumes: of the whole scan."""

    def cut(volume: np.ndarray) -> np.ndarray:
        return volume[:, :, slices.slices]

    def in_matrix(mask: np.ndarray) -> np.ndarray:
        """A mask [S, N, N] in the frame as [X, Y, S]."""
        (x, y), (width, height, _) = slices.offset, volumes.shape
        return np.moveaxis(mask[:, x : x + width, y : y + height], 0, -1)

    taken = Volumes(
        {name: cut(volume) for name, volume in volumes.concentration.items()},
        {name: cut(volume) for name, volume in volumes.sd.items()},
        cut(volumes.snr), cut(volumes.fwhm), cut(volumes.status), volumes.affine,
    )  # fmt: skip
    valid = {name: in_matrix(slices.valid[:, index]) for index, name in enumerate(slices.metabolites)}
    return characteristics(taken, valid, in_matrix(slices.brain))


def distribution(scans: Sequence[dict]) -> dict:
    """Percentiles over scans of what `characteristics` gives of each, with their number and what they are.

    In place of each number stands the list of its percentiles, or None where no scan has the number; voxel_mm is the
    median.
    """
    return {
        "scans": len(scans),
        "percentiles": list(PERCENTILES),
        "reference": reference_of(list(scans[0]["level"])),
        **{
            key: {name: _percentiles([scan[key][name] for scan in scans]) for name in scans[0][key]}
            for key in ("level", "ratio", "sd_percent", "rejected")
        },
        **{key: _percentiles([scan[key] for scan in scans]) for key in ("snr", "fwhm_ppm")},
        "voxel_mm": [_rounded(edge) for edge in np.median([scan["voxel_mm"] for scan in scans], axis=0)],
    }


def reference_of(metabolites: Sequence[str]) -> str:
    """Metabolite that the others' concentrations are divided by: tCr, or the first."""
    return REFERENCE if REFERENCE in metabolites else metabolites[0]


def _percentiles(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return [_rounded(value) for value in np.percentile(known, PERCENTILES)] if known else None


def _median(values: np.ndarray, where: np.ndarray) -> float | None:
    inside = values[where]
    inside = inside[np.isfinite(inside)]
    return _rounded(np.median(inside)) if inside.size else None


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
