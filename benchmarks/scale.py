"""Benchmark of the clean protocol's scale: how near to 1 the maxima of scaled maps lie at each low-resolution size.

The factors are learned from all participants but the last three, whose maps are looked at. Printed are the 5th, 50th
and 95th percentile of their maxima, the range of the factors over metabolites, and the parts of the valid voxels above
1.5 and 2. Slices of phantoms come from
`snakemake --profile profiles/local --configfile config/demo.yaml --until slices`.
"""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, run

TESTED = 3  # participants
PERCENTILES = [0.05, 0.5, 0.95]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--slices", type=Path, nargs="+", required=True, metavar="NPZ", help="four participants or more"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 12, 16, 24, 32], metavar="N")
    return parser


def main(arguments: argparse.Namespace) -> None:
    import torch

    from mrsi_sr.maps.dataset import MapsOnDevice
    from mrsi_sr.scan.slices import ParticipantSlices

    if len(arguments.slices) <= TESTED:
        raise UserError(f"--slices names {len(arguments.slices)} files\n  expected the slices of more than {TESTED}")
    participants = [ParticipantSlices.load(path) for path in sorted(arguments.slices)]
    training = MapsOnDevice(participants[:-TESTED], "clean", arguments.sizes)
    tested = MapsOnDevice(participants[-TESTED:], "clean", arguments.sizes, factors=training.factors)
    print(f"factors of {len(training)} maps, maxima of {len(tested)} others")
    for size in arguments.sizes:
        scaled = tested.batch(torch.arange(len(tested)), torch.full((len(tested),), size)).target
        maxima = scaled.amax(dim=(1, 2, 3)).quantile(torch.tensor(PERCENTILES)).tolist()
        factors = training.factors.table[size // 2 - 1]
        above = [float((scaled > limit)[tested.valid].float().mean()) for limit in (1.5, 2)]
        print(
            f"size {size:2}: {' / '.join(f'{value:.2f}' for value in maxima)}, factors {factors.min():.2f} to"
            f" {factors.max():.2f}, above 1.5 and 2: {above[0]:.0e}, {above[1]:.0e}"
        )


if __name__ == "__main__":
    run(main, parser())
