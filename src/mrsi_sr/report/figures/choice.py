"""Choice of the maps that a figure shows: those that its settings name, and others by the size of the lesion."""

from collections.abc import Mapping, Set
from typing import NamedTuple

from mrsi_sr.cli import UserError
from mrsi_sr.scan.slices import Anatomy
from mrsi_sr.scan.subset import rank
from mrsi_sr.settings.figure import Figure, Metabolites, RepeatedSamples, ShownMap

TUMOUR_METABOLITE = "tCho"  # choline is raised in gliomas: shown by default


class MapKey(NamedTuple):
    """A map by its participant, index of its slice in the scan, metabolite and low-resolution size."""

    participant: str
    slice: int
    metabolite: str
    size: int


def choose(figure: Figure, available: Set[MapKey], truths: Mapping[str, Anatomy]) -> list[MapKey]:
    """Maps that a figure shows, in its order.

    available: maps that all methods of the figure have. truths: brain and lesion of their participants, by name.
    Raises UserError where a map that the settings ask for is not available.
    """
    if isinstance(figure, Metabolites):
        return _all_metabolites(figure, available, truths)
    chosen: list[MapKey] = []
    for wanted in [figure.map] if isinstance(figure, RepeatedSamples) else figure.maps:
        fitting = [key for key in sorted(available) if _fits(key, wanted)]
        if not fitting:
            raise _not_available(wanted, available)
        shown = {key.participant for key in chosen}
        chosen.append(
            max(
                fitting,
                key=lambda key: (
                    key.participant not in shown,
                    _rank(key, truths),
                    key.metabolite == TUMOUR_METABOLITE,
                    -truths[key.participant].metabolites.index(key.metabolite),
                ),
            )
        )
    return chosen


def _all_metabolites(figure: Metabolites, available: Set[MapKey], truths: Mapping[str, Anatomy]) -> list[MapKey]:
    """Maps of one slice: each metabolite at the first size, then at the next. As many metabolites as there are."""
    wanted = ShownMap.of(participant=figure.participant, slice=figure.slice, size=figure.sizes[0])
    found: dict[tuple[str, int], list[str]] = {}
    for key in sorted(available):
        if _fits(key, wanted) and all(key._replace(size=size) in available for size in figure.sizes):
            found.setdefault((key.participant, key.slice), []).append(key.metabolite)
    if not found:
        raise _not_available(wanted, available, f"sizes {', '.join(map(str, figure.sizes))}")
    participant, k = max(
        found, key=lambda place: (len(found[place]), _rank(MapKey(*place, "", figure.sizes[0]), truths))
    )
    names = [name for name in truths[participant].metabolites if name in found[participant, k]]
    return [MapKey(participant, k, name, size) for size in figure.sizes for name in names]


def _fits(key: MapKey, wanted: ShownMap) -> bool:
    return all(getattr(wanted, name) in (None, value) for name, value in key._asdict().items())


def _rank(key: MapKey, truths: Mapping[str, Anatomy]) -> tuple[int, int, int]:
    """Lesion of the participant and of the slice, and brain of the slice, in voxels."""
    truth = truths[key.participant]
    return int(truth.lesion.sum()), *rank(truth, truth.slices.tolist().index(key.slice))


def _not_available(wanted: ShownMap, available: Set[MapKey], more: str = "") -> UserError:
    asked = [f"{name} {value}" for name, value in wanted.plain().items() if value is not None]
    columns = {name: sorted({getattr(key, name) for key in available}) for name in MapKey._fields}
    there = [f"{name} {', '.join(map(str, values)) or 'none'}" for name, values in columns.items()]
    return UserError(
        f"no map of {', '.join([*asked, *([more] if more else [])])} that all methods of the figure have\n"
        f"  available: {'; '.join(there)}\n  sample this map by all of them, or choose another"
    )
