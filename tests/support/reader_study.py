"""A small reader study of phantom-like maps: its samples, page and key, and readers who rate it."""

import csv
import json
from pathlib import Path

import evaluated

from mrsi_sr.reader_study import key as keys
from mrsi_sr.reader_study import study
from mrsi_sr.settings.reader_study import ReaderStudySettings

SETTINGS = {
    "participants": 2, "slices_per_participant": 2, "sizes": [8, 4], "low_resolution": "zero_filled",
    "super_resolved": "munet", "experiment": "toy", "cohort": "toy", "phantom": True,
    "labels": {"zero_filled": "Zero-filled", "munet": "A network"},
}  # fmt: skip
HEAD = ["study", "reader", "session", "case", "metric", "image", "score", "rated_at"]


def write(folder: Path, **changes) -> Path:
    """Write samples of two folds, and the study's page, key and text, in this folder."""
    made = evaluated.write(folder / "samples", folds=(1, 2), participants=2)
    make(made, folder, **changes)
    return folder


def make(made: dict, folder: Path, **changes) -> None:
    """Write the study of these samples, which evaluated.write gave."""
    study.make(
        list(made["samples"].values()), list(map(str, made["slices"])), ReaderStudySettings.of(**SETTINGS | changes),
        page=folder / "page.html", key=folder / "key.csv", methods=folder / "methods.md", code={},
    )  # fmt: skip


def content_of(page: Path) -> dict:
    """What the scripts of a page read."""
    text = page.read_text(encoding="utf-8")
    start = text.index('id="content">') + len('id="content">')
    return json.loads(text[start : text.index("</script>", start)])


def rate(folder: Path, reader: str, score, session: int = 1, name: str | None = None) -> Path:
    """Write the file of a reader who gives each image the score that `score` makes of its row in the key.

    score: an empty text for none. The file is ratings/NAME.csv.
    """
    path = folder / "ratings" / f"{name or f'{reader}-{session}'}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(HEAD)
        for row in keys.read(folder / "key.csv"):
            time = f"2026-0{2 + session}-01T10:00:00.000Z"
            table.writerow([row.study, reader, session, *row.asked, score(row), time])
    return path
