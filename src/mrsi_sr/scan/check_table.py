"""Table of scans' checks, and the line that tells of one."""

from collections.abc import Iterable
from pathlib import Path

from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import read_json, reading

# Columns of the table, in order; a scan that lacks one has an empty cell.
COLUMNS = (
    "scan", "state", "matrix", "voxel_mm", "voxels", "ok", "missing", "fatal", "truncated", "empty", "well_fitted",
    "in_t1_percent", "of_t1_percent", "t1_skull_percent", "in_flair_percent", "of_flair_percent", "flair_skull_percent",
    "t1_flair_dice", "lesion_ml", "lesion_in_brain_percent", "water_scaled", "frequency_mhz", "nucleus", "orientation",
    "left_right", "information", "margin", "shift_mm", "flip", "flip_proposed", "findings", "notes",
)  # fmt: skip
_FAILURES = ("fatal", "truncated", "empty")
_WATER = {"yes": "water-scaled", "no": "not water-scaled", "mixed": "water-scaled in part"}


def read_checks(paths: Iterable[str | Path]) -> list[dict]:
    """Checks that check.py wrote. Raises UserError for a file that is something else, or damaged."""
    checks = []
    for path in paths:
        check_whole(path)
        content = read_json(path, "a scan's check", "run check.py again")
        with reading(path, "a scan's check", "run check.py again"):
            row_of(content)
        checks.append(content)
    return checks


def row_of(check: dict) -> dict:
    """Row of the table. check: as ScanCheck.plain gives it."""
    own = {"scan": check["scan"], "state": check["state"]}
    words = {key: "; ".join(" ".join(text.split()) for text in check[key]) for key in ("findings", "notes")}
    row = {**own, **check["facts"], **words}
    return {column: row.get(column, "") for column in COLUMNS}


def line_of(check: dict) -> str:
    """What a check comes to, in one line: scan, state, facts, then findings and notes."""
    facts = check["facts"]
    parts = [_grid_and_voxels(facts)] if "matrix" in facts else []
    parts += [f"{facts['well_fitted']:,} well fitted"] if parts else []
    for image in ("t1", "flair"):
        if f"in_{image}_percent" in facts:
            inside, covered = facts[f"in_{image}_percent"], facts[f"of_{image}_percent"]
            parts.append(f"{image.upper()}: {inside:.0f} % of these inside, {covered:.0f} % of it covered")
    parts += [_WATER[facts["water_scaled"]]] if facts.get("water_scaled") else []
    parts += [" ".join([facts["nucleus"], *_frequency(facts)]).strip()] if "nucleus" in facts else []
    parts += [f"lesion {facts['lesion_ml']:g} ml"] if "lesion_ml" in facts else []
    parts += [f"orientation {facts['orientation']}"] if "orientation" in facts else []
    parts += [f"left and right {facts['left_right']}"] if "left_right" in facts else []
    row = row_of(check)
    ends = [f"{words.upper()}: {row[words]}" for words in ("findings", "notes") if row[words]]
    return ". ".join([f"{check['scan']}: {check['state']}", *filter(None, ["; ".join(filter(None, parts))]), *ends])


def _grid_and_voxels(facts: dict) -> str:
    failed = ", ".join(f"{facts[status]:,} {status}" for status in _FAILURES if facts[status])
    return (
        f"{facts['matrix']} of {facts['voxel_mm']} mm; {facts['ok']:,} of {facts['voxels']:,} voxels ok"
        f"{f' ({failed})' if failed else ''}"
    )


def _frequency(facts: dict) -> list[str]:
    return [f"{facts['frequency_mhz']:g} MHz"] if "frequency_mhz" in facts else []
