"""Words on the orientation of a scan's maps: what was found, and the `flip` to set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mrsi_sr.scan.orientation import AXES, Orientation, margin

FLIPPED = "xy"  # axes of a matrix that `flip` mirrors
TOWARDS = (("right", "left"), ("front", "back"), ("top", "feet"))  # ends of the scanner's axes in RAS, first the upper


@dataclass
class Proposal:
    """What a scan's orientation comes to.

    facts: column of the table -> value; flip_proposed is as in the participants table, n/a for none. findings: words
    on what wins.
    """

    facts: dict[str, str | float] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def propose(found: Orientation | None, affine: np.ndarray, flip: str, axes: Sequence[int] | None) -> Proposal:
    """Words and facts of an orientation.

    affine [4, 4] of the volumes that were compared. flip: as configured. axes: of the matrix whose flip that is, in the
    order of the volumes' axes; None for ready-made maps.
    """
    if found is None:
        return Proposal({"orientation": "not checked: too few well-fitted voxels in the T1"})
    best = found.best
    told = found.sides_told
    facts = {
        "orientation": "as configured" if best == found.unmoved else "another",
        "left_right": "told" if told else "not told",
        "information": round(best.information, 3),
        "flip": flip,
    }
    if best == found.unmoved:
        return Proposal(facts)
    facts["margin"] = round(margin(best, found.unmoved), 1)
    words = [_mirroring(best.mirrored, told, flip, axes, facts)] if best.mirrored else []
    words += [_shift(best.shift, affine, facts)] if any(best.shift) else []
    sure = f"{facts['margin']:.0f} standard errors of the mutual information with the T1"
    return Proposal(facts, [f"the maps fit better {' and '.join(words)} ({sure})"])


def new_flip(flip: str, mirrored: str, axes: Sequence[int]) -> str | None:
    """The flip that mirrors a scan along further axes of its volumes; None where no flip does.

    axes: of the matrix that the flip is of, in the order of the volumes' axes.
    """
    turned = {AXES[axes[AXES.index(axis)]] for axis in mirrored}
    return "".join(sorted(set(flip) ^ turned)) if turned <= set(FLIPPED) else None


def _mirroring(mirrored: str, told: bool, flip: str, axes: Sequence[int] | None, facts: dict) -> str:
    other = "".join(sorted(set(mirrored) ^ {"x"}))
    names = [mirrored] if told else [mirrored, other]
    words = f"mirrored along {' or '.join(', '.join(name) for name in names)}"
    if axes is None:
        return f"{words}: correct the affine of the map files"
    flips = [new_flip(flip, name, axes) for name in names]
    if None in flips:
        return f"{words}: number the slices from the other end (the pattern's slice, or the reference)"
    facts["flip_proposed"] = flips[0] or "n/a"
    return f"{words}: {' or '.join(f'set flip to {name}' if name else 'leave flip empty' for name in flips)}"


def _shift(shift: Sequence[int], affine: np.ndarray, facts: dict) -> str:
    """Words on a shift in voxels of the volumes. affine [4, 4] of these."""
    moved_mm = affine[:3, :3] @ np.array(shift)
    facts["shift_mm"] = " ".join(f"{value:.1f}" for value in moved_mm)
    ends = [
        f"{abs(moved):.1f} mm to the {upper if moved > 0 else lower}"
        for moved, (upper, lower) in zip(moved_mm, TOWARDS, strict=True)
        if abs(moved) > 0.05 * np.abs(moved_mm).max()
    ]
    return f"moved {', '.join(ends)}: check the scan's position (reference, or matrix and voxel_mm)"
