"""A participant with a head like a phantom's and a lesion, and methods that know the truth, for tests of probing."""

from dataclasses import replace

import numpy as np
import torch

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.probing.participant import Probing
from mrsi_sr.sampling.method import Method
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.settings.probe import ProbeSettings

FRAME, SIZES, METABOLITES = 32, (8, 16), ("tCho", "NAA")
SETTINGS = ProbeSettings.of(diameters_mm=[20.0, 30.0], edge_mm=3.0)  # of voxels of 7 mm


def participant(name: str = "sub-1", seed: int = 1, lesion: bool = True, whole: bool = False) -> ParticipantSlices:
    """Two slices of an ellipse of brain, higher on one side of a lesion's place; whole: valid in the whole frame."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(*[np.arange(FRAME)] * 2, indexing="ij")
    brain = ((x - 15.5) / 12) ** 2 + ((y - 15.5) / 14) ** 2 < 1
    waves = random.uniform(0.1, 0.3, (2, 2, 2, 1, 1))
    maps = 4 + np.sin(waves[:, :, 0] * np.abs(x - 15.5)) + np.cos(waves[:, :, 1] * y)  # equal on both sides
    own = np.zeros((2, FRAME, FRAME), bool)
    if lesion:
        own[0] = np.hypot(x - 10, y - 20) < 2.5
        maps[0, :, own[0]] *= [2.0, 0.4]
    valid = np.broadcast_to(np.ones_like(brain) if whole else brain, maps.shape)
    mri = 0.4 + 0.2 * random.random((2, 2, 3, 3 * FRAME, 3 * FRAME)).astype(np.float32)
    affine = np.diag([7.0, 7.0, 7.0, 1.0])
    return ParticipantSlices(
        maps=np.where(valid, maps, 0).astype(np.float32), valid=valid, brain=np.broadcast_to(brain, (2, FRAME, FRAME)),
        lesion=own, t1=mri[0], flair=mri[1], affine=affine, mri_affine=affine, slices=np.array([10, 11], np.int16),
        metabolites=METABOLITES, participant=name, offset=np.zeros(2, np.int16), unit="mM",
    )  # fmt: skip


def measured(slices: ParticipantSlices, sizes=SIZES, protocol: str = "clean") -> Measurements:
    """Truncations of a participant's maps."""
    measurements, truncation = Measurements.__new__(Measurements), Truncation(protocol, FRAME)
    measurements.refitted = False
    maps = torch.from_numpy(slices.maps).flatten(0, 1)[:, None]
    measurements.kspace = {n: truncation.measure(maps, n).view(slices.maps.shape).numpy() for n in sizes}
    return measurements


def zero_filled(**settings) -> Method:
    settings = MethodSettings.of(sampler={"kind": "zero_filled"}, **settings)
    facts = {"fold": 1, "protocol": "clean", "sizes": SIZES, "device": torch.device("cpu"), "batch_size": 64}
    return Method("zero_filled", settings, {}, {}, **facts)


class Knowing(Probing):
    """Probing of a method that knows the truth: `estimate` makes its maps [S, M, X, Y] of a size from true ones."""

    def __init__(self, slices: ParticipantSlices, estimate, settings: ProbeSettings = SETTINGS):
        super().__init__(zero_filled(), slices, measured(slices), "clean", SIZES, settings)
        self.estimate = estimate

    def _estimates(self, slices, measurements):
        return {
            (int(k), name, size): self.estimate(slices, size)[s, m]
            for s, k in enumerate(slices.slices)
            for m, name in enumerate(slices.metabolites)
            for size in self.sizes
        }


def truth_of(slices: ParticipantSlices, _size: int) -> np.ndarray:
    """Maps of the method that returns the truth."""
    return slices.maps


def probe(slices: ParticipantSlices, method: Method | None = None, settings: ProbeSettings = SETTINGS) -> Probing:
    """Probing of zero-filling, or of a method."""
    return Probing(method or zero_filled(), slices, measured(slices), "clean", SIZES, settings)


def other() -> ParticipantSlices:
    """Another participant, whose slices have other numbers."""
    return replace(participant("sub-2", 2), slices=np.array([11, 12], np.int16))
