"""Axial slices of one participant: maps, quality masks, T1 and FLAIR in one file."""

import argparse
from pathlib import Path

from mrsi_sr.cli import log, run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.cohort import SliceSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=help_of(SliceSettings)
    )
    result.add_argument("--participant", required=True, metavar="NAME", help="participant name to record in the file")
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder of volumes that ingest.py wrote")
    result.add_argument("--mask", required=True, metavar="DIR", help="folder of quality masks that mask.py wrote")
    result.add_argument(
        "--metabolites", required=True, metavar="NAMES", help="metabolites in order, such as tCr,tCho,NAA"
    )
    result.add_argument("--unit", required=True, help="unit of the concentrations, such as mM or a.u.")
    result.add_argument("--t1", required=True, metavar="NIFTI", help="skull-stripped T1, registered to the scan")
    result.add_argument("--flair", required=True, metavar="NIFTI", help="skull-stripped FLAIR, registered to the scan")
    result.add_argument(
        "--brain-mask",
        metavar="NIFTI",
        help="brain mask; default: that of the volumes, else the T1's brain",
    )
    result.add_argument("--lesion", metavar="NIFTI", help="lesion mask, to outline in figures")
    result.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument("--out", required=True, metavar="NPZ", help="NPZ file to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.lcmodel.metabolites import parse_names
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance, record_of_input
    from mrsi_sr.scan import grid, quality, slicing, volumes

    choice = SliceSettings.from_text(arguments.settings)
    check_name(arguments.participant, "--participant")
    metabolites = parse_names(arguments.metabolites)
    images = [path for path in (arguments.brain_mask, arguments.t1, arguments.flair, arguments.lesion) if path]
    check_outputs([arguments.out], [arguments.volumes, arguments.mask, *images])
    provenance = Provenance(choice.plain(), code=code_of(__file__))
    scan = volumes.Volumes.load(arguments.volumes, metabolites)
    masks = quality.load_masks(arguments.mask, metabolites, scan.shape, arguments.volumes)
    brain = grid.brain_mask(scan.brain_mask, arguments.brain_mask, arguments.t1, scan.affine, scan.shape)
    taken = slicing.make(
        arguments.participant, scan, masks, brain, choice, arguments.unit, arguments.t1, arguments.flair,
        arguments.lesion,
    )  # fmt: skip
    provenance.add([arguments.volumes, arguments.mask, *images])
    with provenance.beside(arguments.out, quality=record_of_input(Path(arguments.mask)).get("settings")):
        taken.save(arguments.out)
    log.info(
        "%s: %d slices, %d to %d of %d", arguments.participant, len(taken.slices), taken.slices[0], taken.slices[-1],
        scan.shape[2],
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
