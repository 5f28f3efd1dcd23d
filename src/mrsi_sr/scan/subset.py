"""Which maps of which participants a method samples, where its settings name a part of them."""

from collections.abc import Mapping

import numpy as np

from mrsi_sr.cli import UserError
from mrsi_sr.scan.slices import Anatomy, ParticipantSlices
from mrsi_sr.settings.errors import check_known
from mrsi_sr.settings.subset import Subset


def usable(slices: ParticipantSlices, protocol: str, subset: Subset) -> tuple[np.ndarray, np.ndarray]:
    """A participant's maps that are sampled, bool [S, M], and the valid voxels of all maps, bool [S, M, H, W].

    Raises UserError for a metabolite of the subset that the slices do not have.
    """
    used, valid = slices.usable(protocol)
    if subset.slices is not None:
        kept = sorted(range(len(slices.slices)), key=lambda s: rank(slices, s), reverse=True)[: subset.slices]
        used = used & np.isin(np.arange(len(used)), kept)[:, None]
    for name in subset.metabolites or []:
        check_known(name, list(slices.metabolites), f"subset.metabolites of the slices of {slices.participant}")
    if subset.metabolites is not None:
        used = used & np.isin(slices.metabolites, subset.metabolites)
    return used, valid


def participants_in(subset: Subset, slices: Mapping[str, Anatomy | ParticipantSlices]) -> list[str]:
    """Participants that are sampled, in the given order: those with the largest lesions, or the first of equals.

    slices: of every test participant by name. Raises UserError where the subset asks for more than there are.
    """
    names = list(slices)
    if subset.participants is None:
        return names
    if subset.participants > len(names):
        raise UserError(
            f"subset.participants is {subset.participants}, but {len(names)} participants are tested:"
            f" {', '.join(names)}\n  ask for fewer, or leave it out for all"
        )
    chosen = sorted(names, key=lambda name: int(slices[name].lesion.sum()), reverse=True)[: subset.participants]
    return [name for name in names if name in chosen]


def rank(slices: Anatomy | ParticipantSlices, s: int) -> tuple[int, int]:
    """Rank of a participant's slice, by which the highest is taken first: voxels of lesion, then of brain."""
    return int(slices.lesion[s].sum()), int(slices.brain[s].sum())
