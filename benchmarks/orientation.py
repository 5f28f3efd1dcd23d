"""How often the check of a scan's orientation is right, on phantoms: the table of docs/check.md.

Each phantom (every second one with a glioma) is coarsened to voxels of 3.4, 6.8 and 13.6 mm in plane, its maps get
further noise, and fits are those of the brain, of the whole matrix (noise outside the brain) or of a box inside the
brain. The maps are taken as they are, and mirrored in each of the seven ways. Phantoms whose head equals its mirror
image show false alarms.

    python benchmarks/orientation.py --participants 8 > table.md
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from mrsi_sr.cli import progress
from mrsi_sr.phantom import acquisition, chemistry, mri, participant
from mrsi_sr.phantom.fields import stream
from mrsi_sr.phantom.grid import to_mrsi_grid
from mrsi_sr.scan.orientation import AXES, MIRRORS, Orientation, mirrored_array, orientation
from mrsi_sr.settings.cohort import PhantomSettings

METABOLITES = {"tCr": "Cr+PCr", "tCho": "GPC+PCh", "NAA": "NAA", "Glu": "Glu", "Ins": "Ins", "Gln": "Gln"}
SLICES = [16, 27]
EDGE_MM = 3.4
FACTORS = (1, 2, 4)  # voxels of the phantom along an edge of a voxel, in plane
NOISES = (0.0, 0.3)  # standard deviation of further noise, as a part of each voxel's value
COVERS = ("brain", "matrix", "box")  # where there are fits
WITHOUT_FIT = ("no_file", "never_written", "fatal", "header_only", "empty")


@dataclass(frozen=True)
class Scan:
    """Maps of a phantom, NaN where not fitted, and its T1 in the voxels, zero where they are not mostly brain."""

    maps: list[np.ndarray]
    t1: np.ndarray
    edges_mm: tuple[float, float, float]


def simulated(name: str, lesion: bool, symmetric: bool) -> Scan:
    """A phantom's scan; of a symmetric one, head and MRI equal their mirror image, and nothing else does."""
    settings, seed = PhantomSettings.of(slices=SLICES, lesion=lesion), 1
    if not symmetric:
        made = participant.simulate(name, seed, settings)
        return _scan(made.fits, made.t1, made.head.brain.shape)
    head, _ = participant._head_with_lesion(name, seed, settings)
    brain = head.brain_mri & head.brain_mri[::-1]
    fields = {each: _symmetric(getattr(head, each)) * brain for each in ("grey", "white", "fluid", "t1_texture")}
    head = replace(head, **fields, brain_mri=brain, brain=to_mrsi_grid(brain) > 0.5)
    truth = chemistry.concentrations(stream(seed, name, "chemistry"), head, None, settings.voxel_mm)
    fits = acquisition.fit(
        stream(seed, name, "acquisition"), truth, head.brain, to_mrsi_grid(head.fluid), head.mni_mm, SLICES,
        settings.voxel_mm,
    )  # fmt: skip
    return _scan(fits, mri.t1_and_flair(stream(seed, name, "mri"), head, None, settings.voxel_mm)[0], head.brain.shape)


def _symmetric(values: np.ndarray) -> np.ndarray:
    return (values + values[::-1]) / 2


def _scan(fits, t1: np.ndarray, shape) -> Scan:
    good = fits.snr >= 2.5
    for kind in WITHOUT_FIT:
        good[fits.failures[kind]] = False
    maps = []
    for values in (*(fits.concentration[row] for row in METABOLITES.values()), fits.snr):
        maps.append(np.full(shape, np.nan))
        maps[-1][tuple(fits.voxels[good].T)] = values[good]
    inside = to_mrsi_grid((t1 > 0).astype(np.float32)) >= 0.5
    return Scan(maps, np.where(inside, to_mrsi_grid(t1.astype(np.float32)), 0), (EDGE_MM,) * 3)


def varied(scan: Scan, factor: int, noise: float, cover: str, rng: np.random.Generator) -> Scan:
    """A scan with coarser voxels, more noise, and fits elsewhere."""
    maps = [_coarse(values, factor) for values in scan.maps]
    maps = [values * (1 + noise * rng.standard_normal(values.shape)) for values in maps]
    t1 = np.nan_to_num(_coarse(np.where(scan.t1 > 0, scan.t1, np.nan), factor, least=0.5))
    fitted = np.isfinite(maps[0])
    if cover == "matrix":
        outside = ~fitted & fitted.any(axis=(0, 1))
        for values in maps:
            values[outside] = np.nanmedian(values) * np.abs(rng.standard_normal(np.count_nonzero(outside)))
    if cover == "box":
        x, y = (np.abs((np.arange(size) + 0.5) / size - 0.5) for size in fitted.shape[:2])
        box = (x[:, None, None] < 0.16) & (y[None, :, None] < 0.23)
        maps = [np.where(box, values, np.nan) for values in maps]
    return Scan(maps, t1, (EDGE_MM * factor, EDGE_MM * factor, EDGE_MM))


def _coarse(values: np.ndarray, factor: int, least: float = 0.3) -> np.ndarray:
    """Means over factor x factor voxels in plane, NaN where fewer than a part `least` of them have a value."""
    x, y, z = values.shape
    blocks = values.reshape(x // factor, factor, y // factor, factor, z)
    part = np.isfinite(blocks).mean(axis=(1, 3))
    return np.where(part > least, np.nan_to_num(blocks).mean(axis=(1, 3)) / np.maximum(part, 1e-6), np.nan)


def answer(found: Orientation, mirrored: str) -> str:
    """What the check says of a mirrored scan: right, the right flip with left and right open, silent, or wrong."""
    if found.best.mirrored == mirrored:
        return "right" if found.sides_told else "side open"
    other = "".join(axis for axis in AXES if (axis in mirrored) != (axis == "x"))
    if found.best.mirrored == other and not found.sides_told:
        return "side open"
    return "silent" if not found.best.mirrored else "wrong"


def main(arguments: argparse.Namespace) -> None:
    counts = defaultdict(lambda: defaultdict(int))
    heads = [(f"cal-{k:02d}", k % 2 == 1, False) for k in range(arguments.participants)]
    heads += [(f"sym-{k:02d}", False, True) for k in range(arguments.participants)]
    for number, head in enumerate(progress(heads, "phantoms")):
        scan, kind = simulated(*head), "symmetric" if head[2] else "lesion" if head[1] else "healthy"
        for factor in FACTORS:
            for noise in NOISES:
                for cover in COVERS:
                    given = varied(scan, factor, noise, cover, np.random.default_rng(number))
                    for mirrored in [""] if head[2] else MIRRORS:
                        maps = [mirrored_array(values, mirrored) for values in given.maps]
                        found = orientation(maps, given.t1, given.edges_mm)
                        counts[kind, factor, cover, mirrored][answer(found, mirrored)] += 1
    _print(counts, arguments.participants)


def _print(counts, participants: int) -> None:
    """The table: for each way of mirroring how many percent of the scans were told, and how many wrongly."""
    groups = {name or "none": [name] for name in ("", "x", "y", "xy")}
    groups["z and others"] = [mirrored for mirrored in MIRRORS if "z" in mirrored]
    print(f"{participants} phantoms, {len(NOISES)} levels of noise: percent right / side open / silent / wrong\n")
    print("| voxel in plane, fits | " + " | ".join(groups) + " | symmetric head, none |")
    print("| --- |" + " --- |" * (len(groups) + 1))
    for factor in FACTORS:
        for cover in COVERS:
            cells = [_cell(counts, ("healthy", "lesion"), factor, cover, ways) for ways in groups.values()]
            cells.append(_cell(counts, ("symmetric",), factor, cover, [""]))
            print(f"| {EDGE_MM * factor:.1f} mm, {cover} | " + " | ".join(cells) + " |")
    for kind in ("healthy", "lesion"):
        cells = [_cell(counts, (kind,), factor, cover, ["x"]) for factor in FACTORS for cover in COVERS]
        print(f"\nMirrored along x, {kind}, in the order of the rows: {', '.join(cells)}")


def _cell(counts, kinds, factor: int, cover: str, ways: list[str]) -> str:
    total: dict[str, int] = defaultdict(int)
    for kind in kinds:
        for mirrored in ways:
            for said, number in counts[kind, factor, cover, mirrored].items():
                total[said] += number
    whole = max(1, sum(total.values()))
    return " / ".join(f"{100 * total[said] / whole:.0f}" for said in ("right", "side open", "silent", "wrong"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=8, help="number of phantoms of either kind")
    main(parser.parse_args())
