"""Benchmark of ways to fill the holes of a low-resolution scan: error of its zero-filled maps on the target grid.

Phantoms are scanned at each matrix and fitted anew. Holes are the voxels that the quality rules reject, and those at
the brain's edge that were not fitted. Printed are, per matrix and rules, the rejected part of the brain's voxels, and
for each way NRMSE against the concentrations put in, mean of metabolites and phantoms: inside the target mask, and
where filled values stand in for missing ones.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import progress, run

RULES = {"default": {}, "%SD <= 20": {"max_sd_percent": 20}}
SIGMA = 0.8  # voxels, of normalised convolution


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=4, metavar="N")
    parser.add_argument("--acquired", type=int, nargs="+", default=[16, 8], metavar="N", help="matrix sizes, N x N")
    return parser


@dataclass(frozen=True)
class Row:
    """Result of one way to fill one phantom's scan."""

    rejected: float
    inside: float
    filled: float


def main(arguments: argparse.Namespace) -> None:
    rows: dict[tuple, list[Row]] = {}
    cases = [(n, f"sub-{k:02d}") for n in arguments.acquired for k in range(1, arguments.phantoms + 1)]
    for n, name in progress(cases, "phantoms"):
        for rules, way, row in _compared(name, n):
            rows.setdefault((n, rules, way), []).append(row)
    print("| matrix | rules | rejected | way | NRMSE inside the mask | NRMSE where filled |")
    print("|---|---|---|---|---|---|")
    for (n, rules, way), found in rows.items():
        rejected, inside, filled = (np.mean([getattr(row, key) for row in found]) for key in vars(found[0]))
        print(f"| {n}x{n} | {rules} | {100 * rejected:.1f} % | {way} | {inside:.3f} | {filled:.3f} |")


def zero(values: np.ndarray, valid: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Holes left at zero."""
    return np.where(valid, values, 0)


def normalised_convolution(values: np.ndarray, valid: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Holes filled with the Gaussian-weighted mean of the trusted values (Knutsson and Westin 1993)."""
    from scipy.ndimage import gaussian_filter

    sigma = (*[0] * (values.ndim - 2), SIGMA, SIGMA)
    kernel = {"sigma": sigma, "mode": "constant", "truncate": 12}
    weight = gaussian_filter(valid.astype(float), **kernel)
    mean = gaussian_filter(np.where(valid, values, 0.0), **kernel) / np.maximum(weight, 1e-30)
    return np.where(valid, values, mean * (support & (weight > 1e-30)))


def _compared(name: str, n: int) -> Iterator[tuple[str, str, Row]]:
    """Results of each set of rules and each way for one phantom."""
    import torch
    from phantoms import METABOLITES, nrmse, on_target, scanned

    from mrsi_sr.scan.holes import fill

    with tempfile.TemporaryDirectory() as folder:
        participant, volumes = scanned(name, Path(folder, name), [n, n])
        scans = {rules: on_target(participant, volumes, Path(folder, name), own) for rules, own in RULES.items()}
    for rules, (scan, true) in scans.items():
        fitted = np.stack([volumes.concentration[each][..., scan.slices] for each in METABOLITES]).transpose(3, 0, 1, 2)
        part = np.moveaxis(scan.brain_fraction[..., scan.slices], -1, 0)[:, None]
        valid = scan.measurement.valid
        inside = np.broadcast_to(part > 0, valid.shape)
        brain = np.broadcast_to(part >= 0.5, valid.shape)
        rejected = float(np.mean(~valid[brain]))
        for way, function in {"zero": zero, "harmonic": fill, "convolution": normalised_convolution}.items():
            whole = np.where(valid, fitted, function(np.where(valid, fitted, 0), valid, inside) * part)
            zero_filled = scan.window.zero_filled(torch.from_numpy(whole)).numpy()
            errors = (float(nrmse(zero_filled, true, mask).mean()) for mask in (scan.valid, scan.filled))
            yield rules, way, Row(rejected, *errors)


if __name__ == "__main__":
    run(main, parser())
