"""Check of one raw scan before anything expensive: voxels, overlap with T1 and FLAIR, skull, unit, orientation, lesion.

Prints one line. A scan that cannot be read is a result as well: the line says why.
"""

import argparse
import json
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.lcmodel.scan_flags import add_scan_flags, paths_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scan_flags(parser)
    parser.add_argument("--name", metavar="NAME", help="name of the scan in the line; default: its folder's or file's")
    parser.add_argument("--t1", metavar="NIFTI", help="skull-stripped T1, registered to the scan")
    parser.add_argument("--flair", metavar="NIFTI", help="skull-stripped FLAIR, registered to the scan")
    parser.add_argument(
        "--brain-mask", metavar="NIFTI", help="brain mask; default: that of the maps, else the T1's brain"
    )
    parser.add_argument("--lesion", metavar="NIFTI", help="lesion mask")
    parser.add_argument(
        "--mri",
        choices=["raw", "prepared"],
        default="prepared",
        help="raw: not stripped and registered yet, not judged",
    )
    parser.add_argument(
        "--where-there",
        action="store_true",
        help="metabolites that the scan has not are left out, as super_resolve.py does",
    )
    parser.add_argument("--unit", metavar="UNIT", default="", help="unit that the values are taken to have, such as mM")
    parser.add_argument("--out", metavar="JSON", help="JSON file to write; default: the line alone")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.lcmodel.raw_check import check_raw
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.files import writing
    from mrsi_sr.results.names import check_name
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.check import Images
    from mrsi_sr.scan.check_table import line_of

    raw = arguments.mri == "raw"
    images = Images(arguments.t1, arguments.flair, arguments.brain_mask, arguments.lesion, raw)
    name = check_name(arguments.name, "--name") if arguments.name else Path(*paths_of(arguments)[:1]).resolve().name
    if arguments.out:
        check_outputs([arguments.out], [*paths_of(arguments), *images.paths()])
    settings = {key: value for key, value in vars(arguments).items() if key != "out"}
    provenance = Provenance(settings, code=code_of(__file__))
    found = check_raw(arguments, name, images, arguments.unit, where_there=arguments.where_there)
    print(line_of(found.result.plain()))
    if arguments.out:
        provenance.add(found.inputs)
        with provenance.beside(arguments.out, **found.facts), writing(arguments.out) as path:
            path.write_text(json.dumps(found.result.plain(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run(main, parser())
