"""Super-resolved metabolic maps of a new low-resolution scan, with their uncertainty. Research use only.

The scan's T1 and FLAIR lie on it in space, without skull: check.py says within a minute whether they do, and whether
the maps are mirrored. The networks are a folder that hand_over.py wrote, here or at another site.
"""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, positive, run
from mrsi_sr.lcmodel.scan_flags import add_scan_flags, paths_of, scan_of
from mrsi_sr.results.names import bids_label, check_name
from mrsi_sr.settings.cohort import MriSettings, QualitySettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="super_resolve.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(QualitySettings, title="quality settings, with their defaults; null turns a rule off"),
    )  # fmt: skip
    add_scan_flags(result, metabolites="those of the networks that the scan has")
    result.add_argument("--name", metavar="NAME", help="name of the scan in files (default: folder of the scan)")
    for kind, words in (("t1", "T1"), ("flair", "FLAIR")):
        result.add_argument(
            f"--{kind}", type=Path, metavar="NIFTI", help=f"skull-stripped {words}, registered to the scan"
        )
    result.add_argument(
        "--brain-mask", type=Path, metavar="NIFTI", help="brain mask (default: the brain that the T1 shows)"
    )
    result.add_argument("--lesion", type=Path, metavar="NIFTI", help="mask of a lesion, outlined in the pictures")
    result.add_argument(
        "--raw-mri", metavar="JSON|@FILE",
        help="T1 and FLAIR are as they were scanned, a mask or lesion in the T1's space: they are stripped and"
        " registered by these settings of config/README.md (cohort.mri), {} for the defaults",
    )  # fmt: skip
    result.add_argument("--quality", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument("--unit", metavar="UNIT", help="unit of the concentrations (default: the networks')")
    result.add_argument("--networks", required=True, type=Path, metavar="DIR", help="folder that hand_over.py wrote")
    result.add_argument("--method", required=True, metavar="NAME", help="method of that folder, such as ftddm")
    result.add_argument(
        "--samples", type=positive, metavar="K",
        help="number of samples of each map (default: 50 on a GPU, 1 on a CPU); of a method without noise 1",
    )  # fmt: skip
    result.add_argument(
        "--temperature", type=float, metavar="T", help="temperature of the noise (default: the method's)"
    )
    result.add_argument("--ensemble", action="store_true", help="samples shared by the networks of all folds")
    result.add_argument("--ratios", default="", metavar="A/B,..", help="ratio maps to write, such as tCho/NAA,Ins/tCr")
    result.add_argument("--keep-samples", action="store_true", help="write every sample, not the mean and SD alone")
    result.add_argument(
        "--allow-unlearned-size", action="store_true", help="go on with an upscaling factor that no network has learned"
    )
    result.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the noise (default: %(default)s)")
    result.add_argument(
        "--batch-size",
        type=positive,
        default=512,
        metavar="N",
        help="largest number of maps at a time (default: found)",
    )
    result.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    result.add_argument("--threads", type=int, metavar="N", help="number of CPU threads (default: torch's)")
    result.add_argument("--out", required=True, type=Path, metavar="DIR", help="out: DIR/sub-NAME/")
    return result


def main(arguments: argparse.Namespace) -> None:
    name = check_name(arguments.name or _folder_of_scan(arguments), "--name")
    quality = QualitySettings.from_text(arguments.quality, "--quality")
    raw_mri = None if arguments.raw_mri is None else MriSettings.from_text(arguments.raw_mri, "--raw-mri")
    if raw_mri and not arguments.t1:
        raise UserError("--raw-mri needs --t1: FLAIR is registered to it, and it to the scan")
    if arguments.temperature is not None and not 0 <= arguments.temperature <= 100:
        raise UserError(f"--temperature is {arguments.temperature:g}\n  expected a number from 0 to 100, such as 0.9")
    ratios = [each for each in arguments.ratios.split(",") if each]

    from mrsi_sr import devices  # late: torch takes seconds to import, an error above must not
    from mrsi_sr.new_scan.files import Request, super_resolve_files
    from mrsi_sr.new_scan.ratios import Ratio
    from mrsi_sr.new_scan.scan import ScanFiles
    from mrsi_sr.new_scan.super_resolver import SuperResolver
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.sampling.handed_over import NetworksFolder

    for each in ratios:
        Ratio.of(each)
    check_replaced(arguments.out / bids_label(name), paths_of(arguments))
    folder = NetworksFolder.read(arguments.networks)
    where_there = not arguments.metabolites
    arguments.metabolites = arguments.metabolites or ",".join(folder.metabolites)
    raw = scan_of(arguments, where_there=where_there)
    resolver = SuperResolver(
        folder, arguments.method, device=devices.choose(arguments.device, arguments.threads),
        ensemble=arguments.ensemble, temperature=arguments.temperature, largest_batch=arguments.batch_size,
    )  # fmt: skip
    files = ScanFiles(arguments.t1, arguments.flair, arguments.brain_mask, arguments.lesion)
    request = Request(
        arguments.samples, ratios, arguments.keep_samples, arguments.allow_unlearned_size, arguments.seed, raw_mri
    )
    super_resolve_files(resolver, name, raw, files, quality, arguments.unit or folder.unit, request, arguments.out)


def _folder_of_scan(arguments: argparse.Namespace) -> str:
    """Name of the folder that a scan's files lie in: sub-01 of data/sub-01/lcmodel."""
    return Path(arguments.lcmodel or arguments.maps).resolve().parent.name


if __name__ == "__main__":
    run(main, parser())
