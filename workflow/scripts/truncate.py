"""K-space truncation of one participant's maps: the simulated measurements of lower-resolution scans."""

import argparse

from mrsi_sr.cli import log, run, whole_numbers


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--slices", required=True, metavar="NPZ", help="slices.npz that slices.py wrote")
    result.add_argument(
        "--sizes", required=True, metavar="N,N,...", help="low-resolution matrix sizes, such as 8,16,32"
    )
    result.add_argument(
        "--protocol", required=True, metavar="paper|clean",
        help="window of k-space: [-n/2, n/2) as published (paper), or |k| < n/2, closed under conjugation (clean)",
    )  # fmt: skip
    result.add_argument("--out", required=True, metavar="NPZ", help="file of complex k-space windows to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    sizes = whole_numbers("--sizes", arguments.sizes)

    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan import low_resolution, windows
    from mrsi_sr.scan.slices import ParticipantSlices

    check_outputs([arguments.out], [arguments.slices])
    provenance = Provenance({"sizes": sizes, "protocol": arguments.protocol}, code=code_of(__file__))
    scan = ParticipantSlices.load(arguments.slices)
    provenance.add([arguments.slices])
    windows.check_protocol(arguments.protocol)
    measured = windows.measured_windows(scan.maps, sizes, arguments.protocol)
    with provenance.beside(arguments.out):
        low_resolution.write(arguments.out, measured, arguments.protocol, scan)
    log.info(
        "%s: %d sizes of %d slices, protocol %s", scan.participant, len(sizes), len(scan.slices), arguments.protocol
    )


if __name__ == "__main__":
    run(main, parser())
