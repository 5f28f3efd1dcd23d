"""Simulate one participant: LCModel tables, T1, FLAIR and the truth behind them."""

import argparse

from mrsi_sr.cli import UserError, run


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""settings, with their defaults:
  matrix [64, 64, 39]          MRSI voxels along x, y, z
  voxel_mm [3.4, 3.4, 3.4]     their edges; T1 and FLAIR have a third of each
  naming "multivoxel"          or "vienna": sl1_3-5.table or sub-01_x05_y03_z01.table
  archive false                true: lcmodel.tar.gz in place of the folder lcmodel/
  lesion true                  false: no glioma
  slices null                  [first, last] fits only these, counted from 0; null fits the excited slab""",
    )
    result.add_argument("--participant", required=True, help="name, such as sub-01: letters, digits, - and _")
    result.add_argument(
        "--seed", required=True, type=int, help="whole number from 0; with the name, it decides everything"
    )
    result.add_argument("--settings", default="{}", metavar="JSON", help="JSON object of settings, see below")
    result.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write; an earlier simulated participant there is replaced",
    )
    return result


def main(arguments: argparse.Namespace) -> None:
    if not arguments.participant.replace("-", "").replace("_", "").isalnum() or not arguments.participant.isascii():
        raise UserError(
            f"--participant is {arguments.participant!r}\n  allowed: letters, digits, - and _, such as sub-01"
        )
    if arguments.seed < 0:
        raise UserError(f"--seed is {arguments.seed}\n  allowed: a whole number from 0")

    from mrsi_sr.phantom.settings import from_json

    settings = from_json(arguments.settings)

    from mrsi_sr.phantom.participant import check_folder, simulate, write

    check_folder(arguments.out)
    write(simulate(arguments.participant, arguments.seed, settings), arguments.out)


if __name__ == "__main__":
    run(main, parser())
