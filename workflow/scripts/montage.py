"""Montage of one participant's quality masks: S/N, FWHM and metabolites over slices, rejected voxels by reason."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.cohort import QualitySettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(QualitySettings, title="settings, with their defaults: those that the mask was made with"),
    )
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder of volumes that ingest.py wrote")
    result.add_argument("--mask", required=True, metavar="DIR", help="folder of quality masks that mask.py wrote")
    result.add_argument(
        "--participant", metavar="NAME", help="title, and value of {participant}; default: folder above the volumes"
    )
    result.add_argument(
        "--brain-mask",
        metavar="NIFTI",
        help="brain mask; default: that of the volumes, else the T1's brain",
    )
    result.add_argument("--t1", metavar="NIFTI", help="skull-stripped T1, used as brain mask where there is no other")
    result.add_argument("--unit", required=True, help="unit of the concentrations, such as mM or a.u.")
    result.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument("--out", required=True, metavar="PNG", help="PNG file to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.figures import quality_montage, style
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_outputs
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan import grid, quality, volumes

    rules = QualitySettings.from_text(arguments.settings)
    if arguments.participant:
        check_name(arguments.participant, "--participant")
    participant = arguments.participant or Path(arguments.volumes).resolve().parent.name
    images = [path for path in (arguments.brain_mask, arguments.t1) if path]
    inputs = [arguments.volumes, arguments.mask, *images, *rules.external_maps(participant).values()]
    check_outputs([arguments.out], inputs)
    provenance = Provenance(rules.plain(), code=code_of(__file__))
    metabolites = volumes.metabolites_in(arguments.volumes)
    scan = quality.with_external_maps(volumes.Volumes.load(arguments.volumes, metabolites), rules, participant)
    reasons = quality.load_reasons(arguments.mask, metabolites, scan.shape, arguments.volumes)
    brain = None
    if quality.needs_brain(rules):
        brain = grid.brain_mask(scan.brain_mask, arguments.brain_mask, arguments.t1, scan.affine, scan.shape)
    provenance.add(inputs)
    with provenance.beside(arguments.out):
        style.save(quality_montage.montage(participant, scan, reasons, brain, rules, arguments.unit), png=arguments.out)


if __name__ == "__main__":
    run(main, parser())
