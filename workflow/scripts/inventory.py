"""Inventory of an experiment's data: checksums of every participant's slices and low-resolution maps."""

import argparse
import csv

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--slices", required=True, nargs="+", metavar="NPZ", help="slices.npz of every participant")
    result.add_argument(
        "--low-resolution",
        default=[],
        nargs="*",
        metavar="NPZ",
        help="file of truncate.py of every participant; none where nobody is tested",
    )
    result.add_argument("--out", required=True, metavar="CSV", help="CSV table to write: file,sha256")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import checksum, writing
    from mrsi_sr.results.outputs import check_outputs, check_whole
    from mrsi_sr.results.provenance import Provenance

    files = sorted([*arguments.slices, *arguments.low_resolution])
    check_outputs([arguments.out], files)
    for file in files:
        check_whole(file)
    record = Provenance({}, code=code_of(__file__)).beside(arguments.out)
    with record, writing(arguments.out) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "sha256"])
        writer.writerows([file, checksum(file)] for file in files)


if __name__ == "__main__":
    run(main, parser())
