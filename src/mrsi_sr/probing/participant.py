"""Probing of a method with one participant: every changed scan super-resolved, and measured against what is known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.probing import measures, variants
from mrsi_sr.probing.cases import Case, cases_of
from mrsi_sr.probing.lesions import Plane, normal_tissue, on_map, profile
from mrsi_sr.probing.measures import OfMap, Row
from mrsi_sr.probing.neighbours import beside
from mrsi_sr.probing.spectrum import window
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import sample_participant
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.subset import usable
from mrsi_sr.settings.probe import ProbeSettings

Name = tuple[int, str, int]  # slice, metabolite and size of a map
Estimates = dict[Name, np.ndarray]
PLANTED = {"lesion": (True, True), "hidden": (True, False), "mri_only": (False, True)}  # in maps, in MRI
ERASED = {"erased": True, "erased_in_map": False}  # in MRI


@dataclass
class Findings:
    """Rows of a participant, one example of each size, and what the sampler took: maps, seconds, evaluations of a map.

    examples: by size the maps [5, X, Y] of a planted lesion, as files.Example has them, and one of its rows.
    """

    rows: list[Row] = field(default_factory=list)
    examples: dict[int, tuple[Row, np.ndarray]] = field(default_factory=dict)
    cost: dict = field(default_factory=lambda: {"maps": 0, "seconds": 0.0, "nfe": 0})


class Probing:
    """A method and a participant's scan, ready to be probed."""

    def __init__(
        self, method: Method, slices: ParticipantSlices, measurements: Measurements, protocol: str,
        sizes: Sequence[int], settings: ProbeSettings, tell: Callable[[], None] = lambda: None,
    ):  # fmt: skip
        """method: with the subset of the probe. sizes: low-resolution sizes. tell: called before every batch."""
        self.method, self.slices, self.measurements = method, slices, measurements
        self.protocol, self.sizes, self.settings, self.tell = protocol, sizes, settings, tell
        self.used, self.valid = usable(slices, protocol, method.settings.subset)
        self.plane = Plane.of(slices)
        probed = self.valid[:, self.used.any(axis=0)]
        self.normal = normal_tissue(slices, probed, self.plane)
        self.truncation = Truncation(protocol, slices.maps.shape[-1])
        self.row_of = {int(k): s for s, k in enumerate(slices.slices)}
        self.column_of = {str(name): m for m, name in enumerate(slices.metabolites)}
        self.findings = Findings()

    def run(self, other: ParticipantSlices | None) -> Findings:
        """Probe with every kind of change. other: the participant whose MRI is taken for the kind `foreign`."""
        used = np.flatnonzero(self.used.any(axis=1))
        cases = cases_of(self.slices, used, self.normal, self.plane, self.settings)
        estimates = self._estimates(self.slices, self.measurements)
        maps = {name: self._of_map(name, image) for name, image in estimates.items()}
        self._add(self._of_scan(maps, cases))
        for number in range(self.settings.lesions):
            of_number = {case.slice: case for case in cases if case.number == number}
            for kind in [kind for kind in PLANTED if kind in self.settings.kinds and of_number]:
                self._add(self._of_planted(kind, of_number, maps))
        for kind in [kind for kind in ERASED if kind in self.settings.kinds and self.slices.lesion[used].any()]:
            self._add(self._of_erased(kind, maps))
        if other is not None:
            self._add(self._of_foreign(other, maps))
        return self.findings

    def _add(self, rows: Iterator[Row]) -> None:
        self.findings.rows.extend(rows)

    def _of_map(self, name: Name, estimate: np.ndarray) -> OfMap:
        s, m = self.row_of[name[0]], self.column_of[name[1]]
        return OfMap(
            name, self.slices.maps[s, m], self.valid[s, m], self.normal[s], estimate, self.plane, self.settings
        )

    def _of_scan(self, maps: dict[Name, OfMap], cases: list[Case]) -> Iterator[Row]:
        windows = {size: window(size, self.protocol, self.plane.frame) for size in self.sizes}
        for name, of in maps.items():
            s = self.row_of[name[0]]
            yield from measures.of_scan(of, self._zero_filled(name, self.measurements), windows[name[2]])
            yield from measures.of_controls(of, [case for case in cases if case.slice == s])

    def _of_planted(self, kind: str, cases: dict[int, Case], maps: dict[Name, OfMap]) -> Iterator[Row]:
        """cases: one of each slice, by its position."""
        in_maps, in_mri = PLANTED[kind]
        changed = variants.planted(
            self.slices, list(cases.values()), self.plane, self.settings, in_maps=in_maps, in_mri=in_mri
        )
        measured = self._measured(changed)
        if self.method.neighbours and in_maps:
            measured = beside(
                measured, self.measurements, self.slices, cases, self.plane, self.settings, self.truncation
            )
        for name, image in self._estimates(changed, measured).items():
            s, m = self.row_of[name[0]], self.column_of[name[1]]
            if (case := cases.get(s)) is None:
                continue
            rows = list(measures.of_lesion(maps[name], kind, case, changed.maps[s, m], image))
            if kind == self._kind_of_examples:
                low = self._zero_filled(name, measured) * self.valid[s, m]
                shape = on_map(profile(self.plane, case.place, case.diameter_mm, self.settings.edge_mm))
                self._keep(rows[0], np.stack([changed.maps[s, m], low, image, maps[name].estimate, shape]))
            yield from rows

    def _of_erased(self, kind: str, maps: dict[Name, OfMap]) -> Iterator[Row]:
        changed = variants.erased(self.slices, self.valid, self.normal, self.plane, in_mri=ERASED[kind])
        for name, image in self._estimates(changed, self._measured(changed)).items():
            s, m = self.row_of[name[0]], self.column_of[name[1]]
            if (lesion := self.slices.lesion[s]).any():
                yield from measures.of_erased(maps[name], kind, lesion, changed.maps[s, m], image)

    def _of_foreign(self, other: ParticipantSlices, maps: dict[Name, OfMap]) -> Iterator[Row]:
        changed = variants.with_mri_of(self.slices, other)
        edges, own_edges = (_edges(each) for each in (changed, self.slices))
        for name, image in self._estimates(changed, self.measurements).items():
            s = self.row_of[name[0]]
            yield from measures.of_foreign(maps[name], image, edges[s], own_edges[s])

    @property
    def _kind_of_examples(self) -> str:
        return "hidden" if "hidden" in self.settings.kinds else "lesion"

    def _keep(self, row: Row, maps: np.ndarray) -> None:
        """Keep a map as the example of its size where its lesion is larger, or as large and stronger, than before."""

        def weight(each: Row) -> tuple[float, float]:
            return each.diameter_mm, abs(each.contrast - 1)

        before = self.findings.examples.get(row.size)
        if before is None or weight(row) > weight(before[0]):
            self.findings.examples[row.size] = row, maps

    def _measured(self, changed: ParticipantSlices) -> Measurements:
        return variants.measured(self.measurements, self.slices, changed, self.truncation)

    def _estimates(self, slices: ParticipantSlices, measurements: Measurements) -> Estimates:
        """The method's maps of a scan, with the same noise for every change of it."""
        arrays, cost = sample_participant(self.method, slices, measurements, self.protocol, self.sizes, tell=self.tell)
        total = self.findings.cost
        self.findings.cost = {name: total[name] + cost[name] for name in ("maps", "seconds")} | {"nfe": cost["nfe"]}
        names = zip(arrays["slice"].tolist(), arrays["metabolite"].tolist(), arrays["size"].tolist(), strict=True)
        return dict(zip(names, arrays["maps"], strict=True))

    def _zero_filled(self, name: Name, measurements: Measurements) -> np.ndarray:
        """Zero-filled map [X, Y] of a measurement, not masked."""
        kspace = measurements.kspace[name[2]][self.row_of[name[0]], self.column_of[name[1]]]
        return self.truncation.image(torch.from_numpy(kspace)).numpy()


def _edges(slices: ParticipantSlices) -> list[np.ndarray]:
    """Strength of the edges in T1 and FLAIR together, [X, Y] of each slice."""
    return [
        np.hypot(*(measures.edges_of(getattr(slices, name)[s]) for name in variants.MRI))
        for s in range(len(slices.slices))
    ]
