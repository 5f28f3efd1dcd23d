"""Raw MRI of a new scan: prepared before the scan is, and written beside its maps."""

import shutil
from pathlib import Path

from mrsi_sr.new_scan.scan import ScanFiles
from mrsi_sr.report.figures import registration, style
from mrsi_sr.results.names import bids_label
from mrsi_sr.scan.preparation import prepare
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import MriSettings

NAMES = {
    "t1": "desc-preproc_T1w",
    "flair": "desc-preproc_FLAIR",
    "brain_mask": "desc-brain_mask",
    "lesion": "label-lesion_mask",
}
PICTURE = "registration.png"


def prepared(
    name: str, files: ScanFiles, volumes: Volumes, settings: MriSettings, reference: str | None, folder: Path
) -> tuple[ScanFiles, list[str]]:
    """Prepare the raw MRI of a scan into a folder, with a picture to check it by; its files, and warnings in words.

    Raises UserError as preparation.prepare.
    """
    result = prepare(
        files.t1, volumes, settings, flair=files.flair, brain_mask=files.brain_mask, lesion=files.lesion,
        reference=reference,
    )  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    result.save(folder)
    style.save(registration.picture(name, result), png=folder / PICTURE)
    found = {kind: path for kind in NAMES if (path := folder / f"{kind}.nii.gz").exists()}
    return ScanFiles(**found), [f"raw MRI: {warning}" for warning in result.warnings]


def write(name: str, source: Path, folder: Path) -> None:
    """Copy what `prepared` wrote to the folder anat/ of a scan's result, under names of BIDS."""
    (folder / "anat").mkdir(parents=True)
    for kind, words in NAMES.items():
        if (path := source / f"{kind}.nii.gz").exists():
            shutil.copy(path, folder / "anat" / f"{bids_label(name)}_space-mrsi_{words}.nii.gz")
    shutil.copy(source / "registration.json", folder / "anat" / "registration.json")
    shutil.copy(source / PICTURE, folder / PICTURE)
