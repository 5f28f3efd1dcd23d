"""Brain of one participant's raw T1, as a mask on its grid."""

import argparse

from mrsi_sr.cli import run, warnings_noted


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--t1", required=True, metavar="NIFTI", help="T1 as it was scanned, with skull")
    result.add_argument("--brain-mask", metavar="NIFTI", help="brain mask in the space of the T1, taken where given")
    result.add_argument(
        "--method",
        choices=("deepbet", "bet", "none"),
        default="deepbet",
        help="what finds the brain where no mask is given: deepbet (not validated for glioma), FSL's bet, or none for "
        "a T1 that is stripped already; default: deepbet",
    )
    result.add_argument("--out", required=True, metavar="DIR", help="folder to write, with brain_mask.nii.gz")
    return result


def main(arguments: argparse.Namespace) -> None:
    import numpy as np

    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan import skull_strip
    from mrsi_sr.scan.nifti import write_nifti

    images = [path for path in (arguments.t1, arguments.brain_mask) if path]
    check_replaced(arguments.out, images)
    provenance = Provenance({"method": arguments.method}, images, code=code_of(__file__))
    with warnings_noted() as said:
        brain = skull_strip.find_brain(arguments.t1, arguments.method, arguments.brain_mask)
    with provenance.folder(arguments.out, warnings=said) as folder:
        write_nifti(folder / skull_strip.FILE, brain.values.astype(np.uint8), brain.affine)


if __name__ == "__main__":
    run(main, parser())
