"""Benchmark of a super-resolved phantom scan: its maps against what is truly there, and zero-filling's beside them.

For each metabolite the NRMSE of both inside the scan's own mask, and pooled: of all metabolites, each divided by the
norm of its truth, so that none counts more than another. Truth and maps are compared where they lie in space.
"""

import argparse
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, run
from mrsi_sr.results.names import bids_label
from mrsi_sr.scan.nifti import read_nifti


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", required=True, type=Path, metavar="DIR", help="folder sub-NAME of super_resolve.py")
    parser.add_argument("--truth", required=True, type=Path, metavar="DIR", help="folder truth/ of simulate.py")
    return parser


def main(arguments: argparse.Namespace) -> None:
    stem = f"{bids_label(arguments.scan.name)}_space-mrsi_res-sr_met-"
    found = sorted((arguments.scan / "mrsi").glob(f"{stem}*_desc-zerofilled_mrsi.nii.gz"))
    if not found:
        raise UserError(f"no maps {stem}*_desc-zerofilled_mrsi.nii.gz in {arguments.scan / 'mrsi'}")
    print("| metabolite | NRMSE zero-filled | NRMSE super-resolved |\n| --- | ---: | ---: |")
    squares = []
    for path in found:
        name = path.name.removeprefix(stem).partition("_")[0]
        truth, affine = read_nifti(arguments.truth / f"{name}.nii.gz")
        maps = [
            on_grid(path.with_name(f"{stem}{name}_desc-{desc}.nii.gz"), truth.shape, affine)
            for desc in ("valid_mask", "zerofilled_mrsi", "sr_mrsi")
        ]
        inside = maps[0] > 0
        norm = (truth[inside].astype(float) ** 2).sum()
        squares.append([((each - truth)[inside].astype(float) ** 2).sum() / norm for each in maps[1:]])
        print(f"| {name} | {squares[-1][0] ** 0.5:.3f} | {squares[-1][1] ** 0.5:.3f} |")
    pooled = np.sqrt(np.mean(squares, axis=0))
    print(f"| pooled | {pooled[0]:.3f} | {pooled[1]:.3f} |")


def on_grid(path: Path, shape, affine: np.ndarray) -> np.ndarray:
    """Values of a map on the truth's grid. Raises UserError where the map lies on another one."""
    values, own = read_nifti(path)
    if values.shape != shape or not np.allclose(own, affine, atol=1e-3):
        raise UserError(f"{path} is {values.shape} and lies elsewhere than the truth, {shape}")
    return values


if __name__ == "__main__":
    run(main, parser())
