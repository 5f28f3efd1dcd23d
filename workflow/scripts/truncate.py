"""K-space of one participant's low-resolution scans: simulated by truncation of the maps, or of refitted scans."""

import argparse

from mrsi_sr.cli import UserError, log, run, whole_numbers


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--slices", required=True, metavar="NPZ", help="slices.npz that slices.py wrote")
    kind = result.add_mutually_exclusive_group(required=True)
    kind.add_argument("--sizes", metavar="N,N,...", help="low-resolution matrix sizes to truncate to, such as 8,16,32")
    kind.add_argument(
        "--refitted", metavar="DIR",
        help="folder of low-resolution scans that were fitted anew: size-N, volumes as ingest.py writes them;"
        " protocol clean",
    )  # fmt: skip
    result.add_argument(
        "--protocol", required=True, metavar="paper|clean",
        help="window of k-space: [-n/2, n/2) as published (paper), or |k| < n/2, closed under conjugation (clean)",
    )  # fmt: skip
    result.add_argument("--out", required=True, metavar="NPZ", help="file of complex k-space windows to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    sizes = whole_numbers("--sizes", arguments.sizes) if arguments.sizes is not None else []
    if arguments.refitted and arguments.protocol == "paper":
        raise UserError(
            "--refitted with --protocol paper: paper scales maps by the full scan's maximum and measures the line"
            " k = -n/2, which an even matrix does not tell from k = n/2\n  expected --protocol clean"
        )

    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan import low_resolution, refitted, windows
    from mrsi_sr.scan.slices import ParticipantSlices

    scans = refitted.folders(arguments.refitted) if arguments.refitted else {}
    check_outputs([arguments.out], [arguments.slices, *scans.values()])
    windows.check_protocol(arguments.protocol)
    provenance = Provenance({"sizes": sizes or list(scans), "protocol": arguments.protocol}, code=code_of(__file__))
    slices = ParticipantSlices.load(arguments.slices)
    if scans:
        measured, noise = refitted.measured(scans, slices, arguments.protocol)
    else:
        measured, noise = windows.measured_windows(slices.maps, sizes, arguments.protocol), None
    provenance.add([arguments.slices, *scans.values()])
    with provenance.beside(arguments.out):
        low_resolution.write(arguments.out, measured, arguments.protocol, slices, noise)
    log.info(
        "%s: %d sizes of %d slices, protocol %s", slices.participant, len(measured), len(slices.slices),
        arguments.protocol,
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
