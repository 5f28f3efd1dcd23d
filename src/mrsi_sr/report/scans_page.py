"""Page that links the pages of all super-resolved scans, a line for each, from their records alone."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from mrsi_sr.report.markup import html
from mrsi_sr.report.pages import document, note, section
from mrsi_sr.results.outputs import RECORD, check_whole
from mrsi_sr.results.reading import read_json, reading

TRUST = "trust.json"  # in a scan's folder, beside its record
FILES = (RECORD, TRUST)  # what is read of a scan's folder
AGAIN = "delete the scan's folder, and run super_resolve.py again"
HEADER = ("scan", "score", "warnings", "method", "samples", "made")


def scans_page(folders: Sequence[Path], place: Path) -> str:
    """Page of scans, those with the lowest score first. folders: of super_resolve.py. place: folder of the page.

    Raises UserError for a folder without the records of a scan, or with damaged ones.
    """
    scans = sorted(((_row(folder), folder) for folder in folders), key=lambda each: (each[0]["score"], each[0]["name"]))
    rows = "\n".join(_html(row, os.path.relpath(folder / "scan.html", place)) for row, folder in scans)
    head = "".join(f"<th{' class=words' * (name == 'warnings')}>{name}</th>" for name in HEADER)
    warned = sum(bool(row["warnings"]) for row, _ in scans)
    count = f"{len(scans)} scan{'s' * (len(scans) != 1)}, {warned or 'none'} with warnings"
    return document(
        "Super-resolved scans", count,
        [section(
            "Scans",
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
            note("Score: 0 to 1, how much a scan looks like what the networks were trained on, not how right its maps"
                 " are; the least similar come first."),
        )],
    )  # fmt: skip


def _row(folder: Path) -> dict:
    record, trust = (folder / name for name in FILES)
    check_whole(trust)
    made, judged = read_json(record, "the record of a scan", AGAIN), read_json(trust, "the trust in a scan", AGAIN)
    with reading(trust, "the trust in a scan, beside its record", AGAIN, KeyError, TypeError):
        return {
            "name": str(made["name"]), "score": float(judged["score"]), "warnings": list(map(str, judged["warnings"])),
            "method": str(made["settings"]["method"]), "samples": int(made["settings"]["samples"]),
            "made": str(made["started"]).replace("T", " "),
        }  # fmt: skip


def _html(row: dict, page: str) -> str:
    warnings = "<br>".join(map(html, row["warnings"])) or "none"
    cells = [
        f'<td><a href="{html(quote(page))}">{html(row["name"])}</a></td>', f"<td>{row['score']:.2f}</td>",
        f'<td class="words">{warnings}</td>', f"<td>{html(row['method'])}</td>", f"<td>{row['samples']}</td>",
        f"<td>{html(row['made'])}</td>",
    ]  # fmt: skip
    return f"<tr{' class=warns' * bool(row['warnings'])}>{''.join(cells)}</tr>"
