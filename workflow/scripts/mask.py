"""Make the quality mask of each metabolite of one participant, with each voxel's reasons, and a montage of them."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, log, run
from mrsi_sr.settings import help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of("quality", "settings, with their defaults; null turns a rule off"),
    )
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder that ingest.py wrote")
    result.add_argument(
        "--participant", metavar="NAME", help="for the title and {participant}; default: the folder above the volumes"
    )
    result.add_argument(
        "--brain-mask", metavar="NIFTI", help="brain above zero; default: the volumes' own mask, else T1 above zero"
    )
    result.add_argument("--t1", metavar="NIFTI", help="skull-stripped T1, for the brain mask where there is no other")
    result.add_argument("--unit", required=True, help="of the concentrations, such as mM or a.u., for the montage")
    result.add_argument("--settings", default="{}", metavar="JSON", help="JSON object of the rules' limits, see below")
    result.add_argument("--out", required=True, metavar="DIR", help="folder to write: masks, reasons and counts.csv")
    result.add_argument("--montage", required=True, metavar="PNG", help="picture to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import grid, quality, volumes
    from mrsi_sr.figures import quality_montage, style

    rules = quality.QualitySettings.from_json(arguments.settings)
    participant = arguments.participant or Path(arguments.volumes).resolve().parent.name
    scan = volumes.load(arguments.volumes, metabolites_in(arguments.volumes))
    scan = quality.with_external_maps(scan, rules, participant)
    brain = None
    if rules.needs_brain:
        brain = grid.brain_mask(scan.brain_mask, arguments.brain_mask, arguments.t1, scan.affine, scan.shape)
    reasons = quality.assess(scan, brain, rules)
    montage = quality_montage.montage(participant, scan, reasons, brain, rules, arguments.unit)
    style.save(montage, png=arguments.montage)
    quality.save(reasons, scan.affine, arguments.out)
    for metabolite, flags in reasons.items():
        log.info("%s: %s has %d valid voxels", participant, metabolite, (flags == 0).sum())


def metabolites_in(folder: str) -> list[str]:
    """The metabolites whose volumes lie in the folder."""
    found = sorted(
        path.name.removesuffix("_concentration.nii.gz") for path in Path(folder).glob("*_concentration.nii.gz")
    )
    if not found:
        raise UserError(f"no volumes METABOLITE_concentration.nii.gz in {folder}\n  ingest.py --out writes them")
    return found


if __name__ == "__main__":
    run(main, parser())
