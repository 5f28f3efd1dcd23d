"""Volumes of one scan (concentration, %SD, S/N, FWHM, status), from LCModel output or ready-made NIfTI maps."""

import argparse

from mrsi_sr.cli import run
from mrsi_sr.lcmodel.scan_flags import add_scan_flags, paths_of, scan_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scan_flags(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of volumes to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance

    check_replaced(arguments.out, paths_of(arguments))
    scan = scan_of(arguments)
    provenance = Provenance(scan.settings, scan.inputs, code=code_of(__file__))
    reading = scan.read()
    with provenance.folder(arguments.out, **reading.facts) as folder:
        reading.volumes.save(folder, reading.tables)


if __name__ == "__main__":
    run(main, parser())
