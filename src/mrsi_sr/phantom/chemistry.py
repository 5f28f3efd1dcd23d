"""True metabolite concentrations: tissue, lesion, and a variation that is independent of the MRI."""

from dataclasses import dataclass

import numpy as np

from mrsi_sr.phantom.anatomy import Head
from mrsi_sr.phantom.fields import smooth_field, spots
from mrsi_sr.phantom.grid import to_mrsi_grid
from mrsi_sr.phantom.lesion import Lesion


@dataclass(frozen=True)
class Substance:
    """Concentrations of a metabolite in mM in grey and white matter; tumour: range of multiples of white matter.

    variation: standard deviation of the logarithm of the factor that is independent of the MRI.
    """

    grey: float
    white: float
    tumour: tuple[float, float]
    variation: float = 0.18


# Grey and white matter as measured at 7 T; tumour magnitudes and glycine are assumptions.
SUBSTANCES = {
    "tCr": Substance(6.7, 5.6, (0.5, 0.8), 0.17),
    "tCho": Substance(1.17, 1.70, (1.5, 2.5), 0.18),
    "NAA": Substance(8.5, 8.0, (0.2, 0.5), 0.17),
    "NAAG": Substance(0.9, 1.8, (0.2, 0.5)),
    "Glu": Substance(8.5, 6.6, (0.5, 0.9), 0.17),
    "Gln": Substance(4.25, 1.8, (1.5, 3.0), 0.20),
    "Ins": Substance(4.35, 3.7, (0.8, 1.5), 0.19),
    "Gly": Substance(0.7, 0.4, (2.0, 5.0), 0.20),
    "Tau": Substance(1.5, 1.1, (0.8, 1.6)),
    "GSH": Substance(1.3, 1.0, (0.8, 1.8)),
}
NECROSIS = (0.08, 0.3)  # concentrations as parts of white matter's, every metabolite
FLUID = 0.02  # part of white matter's: cerebrospinal fluid contains almost no metabolites
# Share of the first part in a total, in normal tissue and in tumour.
PARTS = {"tCr": ("Cr", "PCr", 0.57, 0.55), "tCho": ("GPC", "PCh", 0.72, 0.50)}
SHARED = 0.55  # part of the variation's variance that is common to all metabolites
LATERAL = 0.03  # standard deviation of the difference of a hemisphere from the mean of both


def concentrations(rng: np.random.Generator, head: Head, lesion: Lesion | None, voxel_mm) -> dict[str, np.ndarray]:
    """Concentration of every single metabolite (Cr, PCr, GPC, PCh, NAA, ...) in mM, float32 [X, Y, Z] on the MRSI grid.

    The mean of the tissues' concentrations, weighted by their fractions in the voxel, times a variation that is smooth
    (8 to 16 mm) or local (hot and cold spots), partly common to all metabolites, and independent of tissue and MRI.
    """
    tissue = _Fractions(head, lesion)
    common = _variation(rng, head, voxel_mm)
    result = {}
    for name, substance in SUBSTANCES.items():
        own = _variation(rng, head, voxel_mm)
        lateral = rng.normal(0.0, LATERAL) * np.tanh(head.mni_mm[0] / 20.0)
        varied = np.exp(substance.variation * (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own) + lateral)
        participant = rng.uniform(0.94, 1.06)
        # The tumour's own heterogeneity: a factor of exp(+-0.2) over 6 mm.
        patchy = np.exp(0.2 * smooth_field(rng, head.brain.shape, voxel_mm, 6.0))
        in_tumour = rng.uniform(*substance.tumour)
        tumour = substance.white * in_tumour * patchy
        necrosis = substance.white * min(rng.uniform(*NECROSIS), 0.6 * in_tumour)  # dead: below living
        mixed = (
            (substance.grey * tissue.grey + substance.white * (tissue.white + FLUID * tissue.fluid))
            + tumour * tissue.tumour
            + necrosis * tissue.necrosis
        )
        total = (participant * varied * mixed * head.brain).astype(np.float32)
        if name in PARTS:
            first, second, normal_share, tumour_share = PARTS[name]
            wandering = 0.04 * smooth_field(rng, head.brain.shape, voxel_mm, 12.0)
            share = np.clip(normal_share + (tumour_share - normal_share) * tissue.tumour + wandering, 0.1, 0.9)
            result[first], result[second] = total * share, total * (1 - share)
        else:
            result[name] = total
    return result


def total(maps: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Map of tCr, tCho, tNAA or a single metabolite, from the maps of single metabolites."""
    sums = {"tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh"), "tNAA": ("NAA", "NAAG")}
    return sum(maps[part] for part in sums.get(name, (name,)))


class _Fractions:
    """Tissue fractions of each MRSI voxel, which add to 1 inside the brain."""

    def __init__(self, head: Head, lesion: Lesion | None):
        self.grey, self.white, self.fluid = (to_mrsi_grid(part) for part in (head.grey, head.white, head.fluid))
        self.tumour = self.necrosis = np.zeros_like(self.grey)
        if lesion is None:
            return
        self.necrosis, core = to_mrsi_grid(lesion.necrosis), to_mrsi_grid(lesion.core)
        # Tumour cells spread beyond the core, and not as FLAIR shows; oedema dilutes the tissue that is left.
        infiltrated = 0.45 * lesion.spread * np.clip(1.0 - core - self.necrosis - self.fluid, 0.0, 1.0)
        self.tumour = core + infiltrated
        healthy = np.clip(1.0 - self.tumour - self.necrosis, 0.0, 1.0) * (1.0 - 0.2 * to_mrsi_grid(lesion.change))
        self.grey, self.white, self.fluid = self.grey * healthy, self.white * healthy, self.fluid * healthy


def _variation(rng: np.random.Generator, head: Head, voxel_mm) -> np.ndarray:
    """Smooth noise at two scales with hot and cold spots: mean 0 and standard deviation 1 inside the brain."""
    shape = head.brain.shape
    field = smooth_field(rng, shape, voxel_mm, 16.0) + 0.9 * smooth_field(rng, shape, voxel_mm, 8.0)
    field += spots(rng, head.brain, head.mni_mm, number=60)
    inside = field[head.brain]
    return (field - inside.mean()) / inside.std()
