"""Take the axial slices of one participant: maps, masks, T1 and FLAIR in one file."""

import argparse

from mrsi_sr.cli import log, run


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""settings, with their defaults:
  metabolites [tCr, tCho, NAA, Glu, Ins, Gln, Gly]
  unit "mM"                    of the concentrations
  min_valid_fraction 0.3       a slice needs this part of the fullest slice's valid voxels (mean of the metabolites)
  min_valid_voxels 50          and as many of them; a single map with fewer is left empty
  min_slices 9, max_slices 18  contiguous slices to take
  frame 64                     side of the square, in voxels, in which smaller matrices are centred""",
    )
    result.add_argument("--participant", required=True, metavar="NAME", help="name that the file carries")
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder that ingest.py wrote")
    result.add_argument("--mask", required=True, metavar="DIR", help="folder that mask.py wrote")
    result.add_argument("--t1", required=True, metavar="NIFTI", help="skull-stripped T1, registered to the scan")
    result.add_argument("--flair", required=True, metavar="NIFTI", help="skull-stripped FLAIR, registered to the scan")
    result.add_argument(
        "--brain-mask", metavar="NIFTI", help="brain above zero; default: the volumes' own mask, else T1 above zero"
    )
    result.add_argument("--lesion", metavar="NIFTI", help="lesion above zero, to be outlined in figures")
    result.add_argument("--settings", default="{}", metavar="JSON", help="JSON object of settings, see below")
    result.add_argument("--out", required=True, metavar="NPZ", help="file to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import grid, quality, settings, slicing, volumes

    choice = settings.read(slicing.SliceSettings, arguments.settings, "slices")
    scan = volumes.load(arguments.volumes, choice.metabolites)
    masks = quality.load_masks(arguments.mask, choice.metabolites, scan.shape)
    brain = grid.brain_mask(scan.brain_mask, arguments.brain_mask, arguments.t1, scan.affine, scan.shape)
    taken = slicing.make(
        arguments.participant, scan, masks, brain, choice, arguments.t1, arguments.flair, arguments.lesion
    )
    taken.save(arguments.out)
    log.info(
        "%s: %d slices, %d to %d of %d", arguments.participant, len(taken.slices), taken.slices[0], taken.slices[-1],
        scan.shape[2],
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
