"""Files of a super-resolved scan: NIfTI maps with JSON sidecars, named as in BIDS derivatives.

`sub-01/mrsi/sub-01_space-mrsi_res-sr_met-NAA_desc-sr_mrsi.nii.gz` and its like, on the target grid, without the frame
of the networks around it. Maps are zero outside their masks, since viewers and other programs expect numbers there.
"""

import json
import re
from pathlib import Path

import numpy as np

from mrsi_sr import __version__
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import NewScan
from mrsi_sr.report.pages import RESEARCH_USE
from mrsi_sr.results.files import writing
from mrsi_sr.results.names import bids_label
from mrsi_sr.scan import quality
from mrsi_sr.scan.nifti import write_nifti

BIDS_VERSION = "1.9.0"
IN_PLANE = "super-resolved in plane; slices as they were acquired"


def alphanumeric(name: str) -> str:
    """A metabolite's or ratio's name as BIDS allows it: CrPCr of Cr+PCr, tChoPerNAA of tCho/NAA."""
    return re.sub("[^A-Za-z0-9]", "", name.replace("/", "Per"))


def write(result: SuperResolved, folder: Path, facts: dict) -> None:
    """Write the maps of a scan into the folder sub-LABEL/mrsi/. facts: what all sidecars tell beside their own."""
    (folder / "mrsi").mkdir(parents=True)
    writer = _Writer(result.scan, folder / "mrsi", facts)
    kind = "mean of the samples" if result.samples > 1 else "map"
    for name, maps in result.mean.items():
        writer.map(name, "sr", maps, f"Super-resolved {name}, {kind}; {IN_PLANE}")
    for name, maps in result.sd.items():
        writer.map(name, "srsd", maps, f"Standard deviation of {result.samples} samples of super-resolved {name}")
    for name, maps in result.every.items():
        for sample in range(maps.shape[1]):
            words = f"Sample {sample + 1} of {result.samples} of super-resolved {name}"
            writer.map(name, f"sample{sample + 1:03d}", maps[:, sample], words)
    for m, name in enumerate(result.scan.metabolites):
        words = f"{name} as it was measured, its holes filled, zero-filled to the target grid"
        writer.map(name, "zerofilled", result.zero_filled[name], words)
        writer.mask(name, "valid", result.scan.valid[:, m], "1 where the map is trusted", {})
        bits = {rule: int(bit) for rule, bit in quality.BIT.items()}
        words = "Reasons why a voxel is missing, as bits; 0 where it is valid"
        writer.mask(name, "reasons", result.scan.reasons[:, m], words, {"Bits": bits})
        words = "1 where no fit was trusted and the measured map was filled from its neighbours"
        writer.mask(name, "filled", result.scan.filled[:, m], words, {})


class _Writer:
    """Writes arrays [S, F, F] of a scan as NIfTI on the target grid, with sidecars."""

    def __init__(self, scan: NewScan, folder: Path, facts: dict):
        self.scan, self.folder, self.facts = scan, folder, facts

    def map(self, name: str, desc: str, maps: np.ndarray, words: str) -> None:
        unit = "ratio" if "/" in name else self.scan.unit
        self._write(name, desc, "mrsi", np.nan_to_num(maps).astype(np.float32), {"Description": words, "Units": unit})

    def mask(self, name: str, desc: str, mask: np.ndarray, words: str, more: dict) -> None:
        values = mask.astype(np.uint8 if mask.dtype == bool else mask.dtype)
        self._write(name, desc, "mask", values, {"Description": f"{name}: {words}"} | more)

    def _write(self, name: str, desc: str, suffix: str, values: np.ndarray, facts: dict) -> None:
        scan = self.scan
        stem = f"{bids_label(scan.name)}_space-mrsi_res-sr_met-{alphanumeric(name)}_desc-{desc}_{suffix}"
        volume = np.zeros(scan.target.shape, values.dtype)
        volume[..., scan.slices] = np.moveaxis(scan.target.crop(values), 0, -1)
        write_nifti(self.folder / f"{stem}.nii.gz", volume, scan.target.affine, f"{RESEARCH_USE}; {desc} {name}")
        write_json(self.folder / f"{stem}.json", {"ResearchUseOnly": True} | facts | self.facts)


def facts_of(result: SuperResolved, networks: str, seed: int) -> dict:
    """Facts of a result that each sidecar tells."""
    target = result.scan.target
    return {
        "Method": result.method,
        "Networks": networks,
        "Samples": result.samples,
        "Input": result.fed or "none",
        "Seed": seed,
        "UpscalingFactor": round(target.factor, 4),
        "AcquiredMatrix": [target.x.acquired, target.y.acquired, target.slices],
        "TargetMatrix": list(target.shape),
        "Resolution": IN_PLANE,
        "SpatialReference": "the scan's own space, in mm",
        "Warnings": result.warnings,
        "SoftwareVersion": f"mrsi-sr {__version__}",
    }


def write_description(folder: Path) -> None:
    """Write the description of the data set that scans' folders lie in, where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dataset_description.json"
    if not path.exists():
        with writing(path) as temporary:
            write_json(temporary, {
                "Name": "Super-resolved metabolic maps",
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "mrsi-sr", "Version": __version__, "Description": RESEARCH_USE}],
            })  # fmt: skip


def write_json(path: Path, content: dict) -> None:
    """Write an object as JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n")
