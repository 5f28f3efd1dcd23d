"""Quality masks of one participant's metabolites, with the reasons for each rejected voxel."""

import argparse
from pathlib import Path

from mrsi_sr.cli import log, run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.cohort import QualitySettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(QualitySettings, title="settings, with their defaults; null turns a rule off"),
    )
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder of volumes that ingest.py wrote")
    result.add_argument(
        "--participant",
        metavar="NAME",
        help="value of {participant} in the settings; default: folder above the volumes",
    )
    result.add_argument(
        "--brain-mask",
        metavar="NIFTI",
        help="brain mask; default: that of the volumes, else the T1's brain",
    )
    result.add_argument("--t1", metavar="NIFTI", help="skull-stripped T1, used as brain mask where there is no other")
    result.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument("--out", required=True, metavar="DIR", help="folder of masks, reasons and counts.csv to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan import grid, quality, volumes

    rules = QualitySettings.from_text(arguments.settings)
    if arguments.participant:
        check_name(arguments.participant, "--participant")
    participant = arguments.participant or Path(arguments.volumes).resolve().parent.name
    images = [path for path in (arguments.brain_mask, arguments.t1) if path]
    maps = rules.external_maps(participant).values()
    check_replaced(arguments.out, [arguments.volumes, *images, *maps])
    provenance = Provenance(rules.plain(), [arguments.volumes, *images, *maps], code=code_of(__file__))
    metabolites = volumes.metabolites_in(arguments.volumes)
    scan = volumes.Volumes.load(arguments.volumes, metabolites)
    scan = quality.with_external_maps(scan, rules, participant)
    brain = None
    if quality.needs_brain(rules):
        brain = grid.brain_mask(scan.brain_mask, arguments.brain_mask, arguments.t1, scan.affine, scan.shape)
    reasons = quality.assess(scan, brain, rules)
    with provenance.folder(arguments.out) as folder:
        quality.save(reasons, scan.affine, folder)
    for metabolite, flags in reasons.items():
        log.info("%s: %s has %d valid voxels", participant, metabolite, (flags == 0).sum())


if __name__ == "__main__":
    run(main, parser())
