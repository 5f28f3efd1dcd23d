"""One participant's raw MRI with the brain alone, registered to the scan, and a picture to check that by eye."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run
from mrsi_sr.results.names import check_name


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--volumes", required=True, metavar="DIR", help="folder of volumes that ingest.py wrote")
    result.add_argument("--participant", metavar="NAME", help="title of the picture; default: folder above the volumes")
    result.add_argument("--t1", required=True, metavar="NIFTI", help="T1 as it was scanned")
    result.add_argument("--brain", required=True, metavar="DIR", help="folder of the T1's brain that strip.py wrote")
    result.add_argument("--flair", metavar="NIFTI", help="FLAIR as it was scanned")
    result.add_argument("--lesion", metavar="NIFTI", help="lesion mask in the space of the T1, moved with it")
    result.add_argument("--reference", metavar="NIFTI", help="image on the scan's grid, for --target reference")
    result.add_argument(
        "--method",
        choices=("simpleitk", "flirt", "none"),
        default="simpleitk",
        help="rigid registration by mutual information, FSL's flirt, or none; default: simpleitk",
    )
    result.add_argument(
        "--target",
        choices=("maps", "reference"),
        default="maps",
        help="what T1 is registered to: a map made of the volumes, or the reference image; default: maps",
    )
    result.add_argument(
        "--bias-field",
        choices=("kept", "n4"),
        default="kept",
        help="what becomes of the bias field of T1 and FLAIR: kept, or removed by N4; default: kept",
    )
    result.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write: t1, flair, brain_mask and lesion as .nii.gz, registration.json and check.png",
    )
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.figures import registration, style
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_made_from, check_replaced
    from mrsi_sr.results.provenance import Provenance, record_of_input
    from mrsi_sr.scan import preparation, skull_strip
    from mrsi_sr.scan.image import read_image
    from mrsi_sr.scan.volumes import Volumes, metabolites_in
    from mrsi_sr.settings.cohort import MriSettings

    if arguments.participant:
        check_name(arguments.participant, "--participant")
    participant = arguments.participant or Path(arguments.volumes).resolve().parent.name
    settings = MriSettings.of(registration=arguments.method, target=arguments.target, n4=arguments.bias_field == "n4")
    images = {name: getattr(arguments, name) for name in ("flair", "lesion", "reference")}
    inputs = [arguments.volumes, arguments.brain, arguments.t1, *filter(None, images.values())]
    check_replaced(arguments.out, inputs)
    check_made_from(arguments.brain, arguments.t1)
    used = {"method": settings.registration, "target": settings.target, "n4": settings.n4}
    provenance = Provenance(used, inputs, code=code_of(__file__))
    scan = Volumes.load(arguments.volumes, metabolites_in(arguments.volumes))
    brain = read_image(Path(arguments.brain) / skull_strip.FILE)
    prepared = preparation.register(arguments.t1, brain, scan, settings, **images)
    of_brain = record_of_input(Path(arguments.brain)).get("warnings", [])
    prepared.warnings[:] = dict.fromkeys([*of_brain, *prepared.warnings])
    with provenance.folder(arguments.out) as folder:
        prepared.save(folder)
        style.save(registration.picture(participant, prepared), png=folder / "check.png")


if __name__ == "__main__":
    run(main, parser())
