"""Cohort table: voxels by status, valid voxels and slices of every scan, and the excluded participants with reasons."""

from pathlib import Path

import numpy as np

from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import read_csv, reading
from mrsi_sr.scan.slices import ParticipantSlices

FILES = ("slices.npz", "volumes/counts.csv")  # what is read of a participant's folder of results


def summary(folders: list[Path], excluded: dict[str, str]) -> list[dict[str, str | int | float]]:
    """Rows of the cohort table, one per participant.

    folders: each participant's folder of results, with FILES.
    excluded: participant -> reason.
    Columns: slices, maps with valid voxels, percent of valid voxels inside the brain of those slices, and
    one column `voxels STATUS` for each status of ingestion.
    """
    rows = [_row(folder) for folder in folders]
    rows += [{"participant": name, "excluded": reason} for name, reason in excluded.items()]
    return sorted(rows, key=lambda row: row["participant"])


def _row(folder: Path) -> dict[str, str | int | float]:
    slices, counts = (folder / name for name in FILES)
    scan = ParticipantSlices.load(slices)
    what, to_do = "a table of counts", "run ingest.py again"
    check_whole(counts)
    rows = read_csv(counts, ("status", "voxels"), what, to_do)
    with reading(counts, what, to_do):
        voxels = {f"voxels {row['status']}": int(row["voxels"]) for _, row in rows}
    brain = np.broadcast_to(scan.brain[:, None], scan.valid.shape)
    return {
        "participant": folder.name,
        "excluded": "",
        "slices": len(scan.slices),
        "maps": int(scan.valid.any(axis=(2, 3)).sum()),
        "valid percent": round(100 * scan.valid.sum() / max(1, brain.sum()), 1),
        "lesion voxels": int(scan.lesion.sum()),
        **voxels,
    }


def read_summary(path: Path) -> list[dict[str, str]]:
    """Rows of a cohort table that cohort_summary.py wrote. Raises UserError for any other file."""
    columns = ("participant", "excluded", "slices", "maps", "valid percent", "lesion voxels")
    check_whole(path)
    return [row for _, row in read_csv(path, columns, "a cohort table", "run cohort_summary.py again")]
